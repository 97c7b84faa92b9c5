# files that users put into the live container are as safe from a swap as from adopt
docker run -d --name myapp -p 127.0.0.1:8080:8080 myapp:v1
edgeman adopt /etc/nginx/sites-available/myapp --yes
edgeman swap myapp v2
curl -sf -X PUT 'http://127.0.0.1/file?path=/upload&text=kept'
for c in 'swap myapp v3' 'restart myapp' 'rollback myapp' 'unadopt myapp --yes --to original'; do
	exits 3 edgeman $c >/tmp/said 2>&1
	grep -q '/upload' /tmp/said && grep -q -- '--allow-writable-layer' /tmp/said
done
answers kept 'http://127.0.0.1/file?path=/upload'
edgeman swap myapp v3 --allow-writable-layer
answers '"version":"v3"' http://127.0.0.1/
curl -sf -X PUT 'http://127.0.0.1/file?path=/upload&text=kept'
sed -i 's/^.*allow_writable_layer.*/allow_writable_layer = true/' /etc/edgeman/apps/myapp.toml
edgeman swap myapp v2
