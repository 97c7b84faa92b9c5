tail -n 1 /tmp/transcript | grep -q 'kept$'
answers kept 'http://127.0.0.1/data?upload'
printf 'FROM myapp:v2\nENV ECHO_BOOT_EXIT=3\n' | DOCKER_BUILDKIT=0 docker build -q -t myapp:fails -
before=$(docker volume ls -q | wc -l)
for i in $(seq 10); do ! edgeman swap myapp fails --timeout 4s; done
[ "$(docker volume ls -q | wc -l)" -le "$before" ]
answers kept 'http://127.0.0.1/data?upload'
