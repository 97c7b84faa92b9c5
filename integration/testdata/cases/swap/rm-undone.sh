# an adoption that fails gives back a container that went when it was stopped, with its data, mounts and values
mkdir -p /srv/conf && echo one >/srv/conf/c
docker create --rm --name myapp -p 127.0.0.1:8080:8080 -v data:/data/ --mount type=volume,source=other,target=/other/ -v /srv/conf/c:/c:ro --tmpfs /scratch/ myapp:v1
printf hush >/tmp/key && docker cp /tmp/key myapp:/key && docker start myapp && up
curl -sf -X PUT 'http://127.0.0.1/file?path=/data/x&text=kept'
exits 1 edgeman adopt /etc/nginx/sites-available/myapp --yes --health '/x?status=500' --timeout 10s --drain 5s
answers kept 'http://127.0.0.1/file?path=/data/x'
answers hush 'http://127.0.0.1/file?path=/key'
answers one 'http://127.0.0.1/file?path=/c'
[ "$(docker inspect -f '{{.HostConfig.AutoRemove}} {{len .Mounts}}' myapp)" = "$(printf 'true 3')" ] || docker inspect myapp
edgeman adopt /etc/nginx/sites-available/myapp --yes
answers hush 'http://127.0.0.1/file?path=/key'
edgeman unadopt myapp --yes
answers hush 'http://127.0.0.1/file?path=/key'
answers kept 'http://127.0.0.1/file?path=/data/x'
