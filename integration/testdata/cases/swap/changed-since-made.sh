# what somebody changed on the live container is kept by a swap, and said
docker network create db >/dev/null
docker run -d --name myapp -p 127.0.0.1:8080:8080 myapp:v1
edgeman adopt /etc/nginx/sites-available/myapp --yes
edgeman swap myapp v2 >/tmp/said 2>&1
! grep -q 'on the live container' /tmp/said
live() { docker ps -q --filter label=edgeman.app=myapp; }
docker network connect --alias web db "$(live)"
docker update --restart always "$(live)"
edgeman swap myapp v3 >/tmp/said 2>&1
grep -q 'on network db' /tmp/said && grep -q 'restart policy always' /tmp/said
[ "$(docker inspect -f '{{.HostConfig.RestartPolicy.Name}}' "$(live)")" = no ]
docker inspect -f '{{json .NetworkSettings.Networks.db.Aliases}}' "$(live)" | grep -q '"web"'
edgeman restart myapp
docker inspect -f '{{json .NetworkSettings.Networks.db.Aliases}}' "$(live)" | grep -q '"web"'
docker network disconnect db "$(live)"
edgeman rollback myapp 2 >/tmp/said 2>&1
grep -q 'off network db' /tmp/said
