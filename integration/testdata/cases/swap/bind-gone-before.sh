# gone before adopt: the container still has it, a new one would not
mkdir -p /srv/conf && echo one >/srv/conf/secret
docker run -d --name myapp -p 127.0.0.1:8080:8080 -v /srv/conf/secret:/s:ro myapp:v1
up
rm /srv/conf/secret
exits 3 edgeman adopt /etc/nginx/sites-available/myapp --yes >/tmp/said 2>&1
grep -q /srv/conf/secret /tmp/said
[ ! -e /srv/conf/secret ] && [ "$(docker ps -aq | wc -l)" = 1 ]
