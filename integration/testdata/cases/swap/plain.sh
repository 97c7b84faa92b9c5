# the simplest app there is: adopted, swapped, rolled back and given back
docker run -d --name myapp -p 127.0.0.1:8080:8080 myapp:v1
edgeman adopt /etc/nginx/sites-available/myapp --yes
edgeman swap myapp v2
answers '"version":"v2"' http://127.0.0.1/
edgeman rollback myapp
answers '"version":"v1"' http://127.0.0.1/
edgeman unadopt myapp --yes
answers '"version":"v1"' http://127.0.0.1/
