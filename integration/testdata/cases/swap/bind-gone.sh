# what is mounted from the host and gone is never replaced by an empty directory
mkdir -p /srv/conf && echo one >/srv/conf/secret && echo two >/srv/conf/other
docker run -d --name myapp -p 127.0.0.1:8080:8080 -v /srv/conf/secret:/s:ro --mount type=bind,source=/srv/conf/other,target=/o myapp:v1
edgeman adopt /etc/nginx/sites-available/myapp --yes
edgeman swap myapp v2
refused() { for c in 'swap myapp v3' 'restart myapp' 'rollback myapp 1' 'unadopt myapp --yes --to original'; do exits 3 edgeman $c >/tmp/said 2>&1; grep -q "$1" /tmp/said; done; }
rm /srv/conf/secret && refused '/srv/conf/secret .*gone'
[ ! -e /srv/conf/secret ] && answers '"version":"v2"' http://127.0.0.1/
mkdir /srv/conf/secret && { exits 3 edgeman swap myapp v3 2>&1 | tee /tmp/said; grep -q 'was a file and is a directory' /tmp/said; }
rmdir /srv/conf/secret
docker kill "$(docker ps -q)"
for i in $(seq 50); do edgeman status myapp 2>&1 | tee /tmp/said | grep -q /srv/conf/secret && break; sleep 0.2; done
cat /tmp/said; grep -q /srv/conf/secret /tmp/said
[ ! -e /srv/conf/secret ]
echo one >/srv/conf/secret
answers '"version":"v2"' http://127.0.0.1/
edgeman swap myapp v3 && edgeman unadopt myapp --yes --to original
answers '"version":"v1"' http://127.0.0.1/
