# An app at rest outlives the cleaners of a host, with the files it has in volumes, named or not.
docker network create web
docker run -d --name myapp -p 127.0.0.1:8080:8080 --network web -v /data myapp:v1
edgeman adopt /etc/nginx/sites-available/myapp --yes
sed -i "s/^# *idle = .*/idle = '3s'/" /etc/edgeman/apps/myapp.toml
edgeman swap myapp v2
curl -s -d kept 'http://127.0.0.1/data?upload'
rests() { for i in $(seq 150); do edgeman status --json | grep -q '"state": "idle"' && return; sleep 0.2; done; exit 1; }
rests
docker system prune -af --volumes
docker rmi -f myapp:v2 || true
answers kept 'http://127.0.0.1/data?upload'
rests
docker system prune -af --volumes
edgeman restart myapp
answers kept 'http://127.0.0.1/data?upload'
docker network inspect web
