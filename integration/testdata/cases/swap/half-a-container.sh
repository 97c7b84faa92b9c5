# What stands under the name of the next container is gone on with if it is edgeman's, and left alone if not.
docker run -d --name myapp -p 127.0.0.1:8080:8080 myapp:v1
edgeman adopt /etc/nginx/sites-available/myapp --yes
docker create --name myapp-green-2 --label edgeman.app=myapp --label edgeman.slot=green --label edgeman.release=2 myapp:v2
edgeman swap myapp v2
answers '"version":"v2"' http://127.0.0.1/
docker run -d --name myapp-blue-3 myapp:v1
if edgeman swap myapp v3; then exit 1; fi
answers '"version":"v2"' http://127.0.0.1/
docker inspect -f '{{.State.Running}}' myapp-blue-3 | grep true
docker rm -f myapp-blue-3
edgeman swap myapp v3
answers '"version":"v3"' http://127.0.0.1/
