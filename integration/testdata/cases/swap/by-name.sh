# a site is found by its name; an app is called after what it is
docker run -d --name photos -p 127.0.0.1:8080:8080 myapp:v1
up
mv /etc/nginx/sites-available/myapp /etc/nginx/sites-available/default
ln -sf ../sites-available/default /etc/nginx/sites-enabled/myapp
systemctl restart nginx
cd /
exits 3 edgeman adopt nope --yes >/tmp/said 2>&1 || { cat /tmp/said; exit 1; }
grep /etc/nginx/sites-available/nope /tmp/said
grep /etc/nginx/conf.d/nope.conf /tmp/said
edgeman adopt default --yes
edgeman status photos
edgeman unadopt photos --yes
rm -f /etc/nginx/sites-available/default
