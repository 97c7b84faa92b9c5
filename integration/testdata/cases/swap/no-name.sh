# a container of an image by its id alone: a bare tag means nothing, a whole reference does
docker run -d --name myapp -p 127.0.0.1:8080:8080 "$(docker image inspect -f '{{.Id}}' myapp:v1)"
edgeman adopt /etc/nginx/sites-available/myapp --yes 2>&1 | tee /tmp/said
grep -qF -- '--image REPOSITORY:TAG' /tmp/said
exits 3 edgeman swap myapp v2 2>/tmp/said
grep -qF 'edgeman swap myapp REPOSITORY:v2' /tmp/said
edgeman swap myapp myapp:v2
answers '"version":"v2"' http://127.0.0.1/
