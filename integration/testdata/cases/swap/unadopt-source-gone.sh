# a path of the host that the original mounts is gone: said before anything changes, and given back once it is there again
echo one >/srv/secret
docker run -d --name myapp -p 127.0.0.1:8080:8080 -v /srv/secret:/run/secrets/s:ro myapp:v1
edgeman adopt /etc/nginx/sites-available/myapp --yes
rm /srv/secret
exits 3 edgeman unadopt myapp --yes
echo one >/srv/secret
edgeman unadopt myapp --yes
answers '"version":"v1"' http://127.0.0.1/
