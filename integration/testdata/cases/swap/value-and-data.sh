# what the app itself wrote is data: refused and named, unless that is accepted; the value beside it goes along
docker create --name myapp -p 127.0.0.1:8080:8080 myapp:v1
printf hush >/tmp/key && docker cp /tmp/key myapp:/key && docker start myapp && up
curl -sf -X PUT 'http://127.0.0.1/file?path=/upload&text=1'
curl -sf -X PUT 'http://127.0.0.1/file?path=/tmp/pid&text=1' || true
exits 3 edgeman adopt /etc/nginx/sites-available/myapp --yes >/tmp/said 2>&1
grep -q 'layer that a new container would not have: /upload$' /tmp/said
edgeman adopt /etc/nginx/sites-available/myapp --yes --allow-writable-layer
[ "$(docker cp "$(docker ps -q):/key" - | tar xO)" = hush ]
! docker cp "$(docker ps -q):/upload" -
