# the original and its image are gone after a prune: only the live release can be given back, and it is
cp /etc/nginx/sites-available/myapp /tmp/was
docker run -d --name myapp -p 127.0.0.1:8080:8080 -e COLOUR=green --label team=web myapp:v1
edgeman adopt /etc/nginx/sites-available/myapp --yes
edgeman swap myapp v2
docker rm myapp
docker rmi myapp:v1
docker ps -a --format '{{.ID}} {{.Names}}' >/tmp/before
sha256sum /etc/nginx/sites-available/myapp >>/tmp/before
exits 3 edgeman unadopt myapp --to original --yes 2>/tmp/said
cat /tmp/said
grep -q 'so is its image myapp:v1' /tmp/said
grep -q -e 'edgeman unadopt myapp --to live' /tmp/said
docker ps -a --format '{{.ID}} {{.Names}}' >/tmp/after
sha256sum /etc/nginx/sites-available/myapp >>/tmp/after
diff /tmp/before /tmp/after
answers '"version":"v2"' http://127.0.0.1/
edgeman status myapp
edgeman unadopt myapp --to live --yes
answers '"version":"v2"' http://127.0.0.1/
diff /tmp/was /etc/nginx/sites-available/myapp
running myapp
docker inspect -f '{{.Config.Image}} {{json .Config.Env}} {{json .Config.Labels}} {{json .HostConfig.PortBindings}}' myapp | tee /tmp/made
grep -q '^myapp:v2 .*COLOUR=green.*"team":"web".*8080' /tmp/made
