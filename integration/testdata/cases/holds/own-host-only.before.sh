docker run -d --name myapp -p 127.0.0.1:8080:8080 -e ECHO_OWN_HOST=app.example.org myapp:v1
cat >/etc/nginx/sites-available/myapp <<'END'
upstream my_app {
    server 127.0.0.1:8080;
}
server {
    listen 80 default_server;
    server_name app.example.org;
    location / {
        proxy_pass http://my_app;
        proxy_set_header Host $host;
        proxy_set_header X-Forwarded-Proto https;
    }
}
END
nginx -t && systemctl restart nginx
for i in $(seq 100); do curl -sf -H Host:app.example.org http://127.0.0.1/ && break; sleep 0.1; done
