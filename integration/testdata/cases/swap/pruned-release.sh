# history promises no rollback to an image that somebody has removed
docker run -d --name myapp -p 127.0.0.1:8080:8080 myapp:v1
edgeman adopt /etc/nginx/sites-available/myapp --yes
edgeman swap myapp v2
edgeman swap myapp v3
docker save -o /tmp/v2.tar myapp:v2
docker rmi myapp:v2
edgeman history myapp | tee /tmp/said
grep -q 'kept for a rollback: 1 3$' /tmp/said
grep -q 'no rollback to 2: ' /tmp/said
docker load -i /tmp/v2.tar
rm /tmp/v2.tar
edgeman history myapp | grep -q 'kept for a rollback: 1 2 3$'
edgeman swap myapp v3 2>&1 | grep -q 'is the image that release 3 serves already'
