# every replica gets the values and the volume of the app
printf 'FROM myapp:v2\nVOLUME /data/\n' | DOCKER_BUILDKIT=0 docker build -q -t myapp:d2 -
docker create --name myapp -p 127.0.0.1:8080:8080 --tmpfs /run/lock/ myapp:v1
mkdir -p /tmp/r/run/secrets && printf hush >/tmp/r/run/secrets/tok && tar c -C /tmp/r run | docker cp - myapp:/ && docker start myapp
edgeman adopt /etc/nginx/sites-available/myapp --yes
all() {
	names=$(docker ps --format '{{.Names}}') && [ "$(echo "$names" | wc -l)" = "$1" ]
	for name in $names; do
		[ "$(docker cp "$name:/run/secrets/tok" - | tar xO)" = hush ]
		docker inspect -f '{{range .Mounts}}{{.Name}} {{end}}' "$name"
	done | sort -u | tee /tmp/volumes
}
all 1
sed -i 's/^replicas = .*/replicas = 3/' /etc/edgeman/apps/myapp.toml
edgeman swap myapp d2 && all 3 && [ "$(wc -l </tmp/volumes)" = 1 ] && grep myapp-data- /tmp/volumes
docker rm -f "$(docker ps -q | head -n 1)"
for i in $(seq 100); do [ "$(docker ps -q | wc -l)" = 3 ] && break; sleep 0.1; done
all 3 && [ "$(wc -l </tmp/volumes)" = 1 ]
[ "$(docker volume ls -q | wc -l)" = 1 ]
# a value that is exchanged in a live container is the next one's, too
printf new >/tmp/tok && for c in $(docker ps -q); do docker cp /tmp/tok "$c:/run/secrets/tok"; done
edgeman swap myapp v3 2>&1 | tee /tmp/said
grep -q 'the value of /run/secrets/tok' /tmp/said
for c in $(docker ps -q); do [ "$(docker cp "$c:/run/secrets/tok" - | tar xO)" = new ]; done
