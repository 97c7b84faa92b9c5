printf 'FROM myapp:v2\nVOLUME /data/\n' | DOCKER_BUILDKIT=0 docker build -q -t myapp:v2 -
