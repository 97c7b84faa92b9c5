# swaps that fail leave nothing behind: no volume, no container
printf 'FROM myapp:v2\nVOLUME /data/\nENV ECHO_BOOT_EXIT=3\n' | DOCKER_BUILDKIT=0 docker build -q -t myapp:fails -
docker run -d --name myapp -p 127.0.0.1:8080:8080 myapp:v1
edgeman adopt /etc/nginx/sites-available/myapp --yes
for how in overlap stop-first; do for i in 1 2 3; do exits 1 edgeman swap myapp fails --timeout 4s --strategy $how; done; done
[ -z "$(docker volume ls -q)" ] && [ "$(docker ps -aq | wc -l)" = 2 ]
