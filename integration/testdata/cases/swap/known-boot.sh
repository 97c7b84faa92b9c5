# a boot that is known to take longer than nginx waits where it leads to the app
docker volume create vv
sed -i 's/proxy_set_header Host/proxy_read_timeout 4s; proxy_set_header Host/' /etc/nginx/sites-available/myapp
nginx -s reload
docker run -d --name myapp --stop-timeout 1 -e BOOT=6s -v vv:/data -p 127.0.0.1:8080:8080 myapp:v1
running myapp; sleep 7
edgeman adopt /etc/nginx/sites-available/myapp --yes
exits 3 edgeman swap myapp v2 2>/tmp/said
cat /tmp/said
grep -q 'the last start took .*nginx gives up after 4s (proxy_read_timeout in server' /tmp/said
grep -qF -- '--let-wait' /tmp/said
exits 3 edgeman restart myapp
exits 3 edgeman pause myapp --max 10s
answers '"version":"v1"' http://127.0.0.1/
edgeman swap myapp v2 --let-wait
answers '"version":"v2"' http://127.0.0.1/
sed -i 's/proxy_read_timeout 4s/proxy_read_timeout 1m/' /etc/nginx/sites-available/myapp
nginx -s reload
edgeman restart myapp
edgeman rollback myapp
answers '"version":"v1"' http://127.0.0.1/
