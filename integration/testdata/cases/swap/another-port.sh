# a new image that listens on another port: the failed swap says which
docker run -d --name myapp -p 127.0.0.1:8080:8080 myapp:v1
up
edgeman adopt /etc/nginx/sites-available/myapp --yes
docker commit --change 'ENV PORT=3000' --change 'EXPOSE 3000' $(docker create myapp:v2) myapp:moved
exits 1 edgeman swap myapp moved --timeout 3s >/tmp/said 2>&1 || { cat /tmp/said; exit 1; }
cat /tmp/said
grep 'listens on port 3000 and not on 8080, where it is asked; its image EXPOSEs 3000' /tmp/said
exits 1 edgeman swap myapp moved --timeout 3s --strategy stop-first >/tmp/said 2>&1 || { cat /tmp/said; exit 1; }
cat /tmp/said
grep 'listens on port 3000 and not on 8080, where it is asked; its image EXPOSEs 3000' /tmp/said
answers '"version":"v1"' http://127.0.0.1/
