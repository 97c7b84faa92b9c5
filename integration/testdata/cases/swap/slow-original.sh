# an original that boots for long, and writes to a volume: giving back waits, or leaves everything as it was
export HTTP_PROXY=http://127.0.0.1:1
docker run -d --name myapp -p 127.0.0.1:8080:8080 -e BOOT=8s -v data:/data myapp:v1
sleep 10
edgeman adopt /etc/nginx/sites-available/myapp --yes --timeout 60s --health /healthz
exits 1 edgeman unadopt myapp --yes --timeout 2s 2>/tmp/said
grep -F 'myapp stays adopted and serves as before' /tmp/said
grep -F -- '--allow-unready' /tmp/said
answers '"version":"v1"' http://127.0.0.1/
edgeman unadopt myapp --yes
answers '"version":"v1"' http://127.0.0.1/
[ "$(docker inspect -f '{{.State.Running}}' myapp)" = true ]
edgeman adopt /etc/nginx/sites-available/myapp --yes --timeout 60s --health /healthz
edgeman unadopt myapp --yes --timeout 2s --allow-unready 2>/tmp/said
grep -F 'it runs, and the site is given back to it' /tmp/said
[ "$(docker inspect -f '{{.State.Running}}' myapp)" = true ]
answers '"version":"v1"' http://127.0.0.1/
