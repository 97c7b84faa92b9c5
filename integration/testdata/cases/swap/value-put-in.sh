# files put into a container before its first start go along, wherever they lie, with owner and mode
docker create --name myapp -p 127.0.0.1:8080:8080 myapp:v1
mkdir -p /tmp/v/etc/app /tmp/v/run/secrets && printf hush >/tmp/v/etc/app/key && printf low >/tmp/v/run/secrets/tok
chmod 700 /tmp/v/etc/app && chmod 440 /tmp/v/etc/app/key && chown 1000:1001 /tmp/v/etc/app /tmp/v/etc/app/key
tar c -C /tmp/v etc run | docker cp - myapp:/
docker start myapp
docker restart -t 1 myapp
up
edgeman adopt /etc/nginx/sites-available/myapp --yes >/tmp/said 2>&1
has() {
	name=$(docker ps --format '{{.Names}}'); echo "in $name:"
	docker cp "$name:/etc/app" - | tar tv | tee /tmp/list
	grep -q '^drwx------ 1000/1001 .* app/$' /tmp/list && grep -q '^-r--r----- 1000/1001 .* app/key$' /tmp/list
	[ "$(docker cp "$name:/etc/app/key" - | tar xO)" = hush ] && [ "$(docker cp "$name:/run/secrets/tok" - | tar xO)" = low ]
}
has
grep -q /etc/app/key /tmp/said
[ "$(stat -c %a /var/lib/edgeman/apps/myapp/releases/1.json)" = 600 ]
edgeman swap myapp v2 && has
edgeman restart myapp && has
edgeman rollback myapp 1 && has
docker rm -f "$(docker ps -q)" && answers '"version":"v1"' http://127.0.0.1/ && has
docker container prune -f
edgeman unadopt myapp --yes && has
answers '"version":"v1"' http://127.0.0.1/
! grep -r 'hush\|aHVzaA' /tmp/said && ! journalctl -b | grep -q 'hush\|aHVzaA'
