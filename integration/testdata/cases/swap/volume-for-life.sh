# a volume that an image declares belongs to the app from then on, whatever is run later
for v in 2 3; do printf "FROM myapp:v$v\nVOLUME /data/ /var/db//x/\n" | DOCKER_BUILDKIT=0 docker build -q -t myapp:d$v -; done
docker run -d --name myapp -p 127.0.0.1:8080:8080 myapp:v1
edgeman adopt /etc/nginx/sites-available/myapp --yes
edgeman swap myapp d2 2>&1 | tee /tmp/said
grep -q 'myapp-data-' /tmp/said
curl -sf -X PUT 'http://127.0.0.1/file?path=/data/x&text=kept'
kept() { answers kept 'http://127.0.0.1/file?path=/data/x'; [ "$(docker volume ls -q | wc -l)" = 2 ]; }
edgeman swap myapp d3 2>&1 | tee /tmp/said && kept
grep -q 'strategy stop-first: writes to the volume myapp-data-' /tmp/said
edgeman swap myapp v3 && kept
edgeman rollback myapp 1 && kept
edgeman swap myapp d2 && kept
docker rm -fv "$(docker ps -q)" && kept
edgeman unadopt myapp --yes --to live && kept
