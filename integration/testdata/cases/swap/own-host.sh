# an app that answers its own Host only, and over https only: asked as the site asks it, at adopt, swap and rollback
docker run -d --name myapp -p 127.0.0.1:8080:8080 -e ECHO_OWN_HOST=app.example.org myapp:v1
cat >/etc/nginx/sites-available/myapp <<'END'
upstream my_app { server 127.0.0.1:8080; }
server {
    listen 80 default_server;
    server_name _ app.example.org;
    location / { proxy_pass http://my_app; proxy_set_header Host $host; proxy_set_header X-Forwarded-Proto https; }
}
END
nginx -t
systemctl restart nginx
up
edgeman adopt /etc/nginx/sites-available/myapp --yes --health /healthz
grep "^health_headers = \['Host: app.example.org', 'X-Forwarded-Proto: https'\]" /etc/edgeman/apps/myapp.toml
edgeman swap myapp v2
edgeman rollback myapp
curl -sf -H Host:app.example.org http://127.0.0.1/
