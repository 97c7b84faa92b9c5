# somebody has made the original again from a newer image, as Compose does: what is given back is said
docker run -d --name myapp -p 127.0.0.1:8080:8080 myapp:v1
edgeman adopt /etc/nginx/sites-available/myapp --yes
docker rm myapp
docker run -d --name myapp -p 127.0.0.1:8080:8080 myapp:v2
exits 3 edgeman unadopt myapp --yes 2>/tmp/said
grep -F 'its container myapp has since been recreated with myapp:v2, and runs myapp:v1 (release 1) now' /tmp/said
grep -F 'hint: say what to give back: --to original (myapp:v2) or --to live (myapp:v1)' /tmp/said
answers '"version":"v1"' http://127.0.0.1/
edgeman unadopt myapp --yes --to live
answers '"version":"v1"' http://127.0.0.1/
docker inspect -f '{{.Config.Image}} {{.HostConfig.RestartPolicy.Name}}' myapp | grep -F myapp:v1
docker ps -a --format '{{.Names}}' | grep '^myapp-before-edgeman-'
edgeman adopt /etc/nginx/sites-available/myapp --yes
docker rm myapp
docker run -d --name myapp -p 127.0.0.1:8080:8080 myapp:v2
edgeman unadopt myapp --yes --to original 2>/tmp/said
grep -F 'container myapp has been recreated since adopt: it runs myapp:v2, no longer myapp:v1' /tmp/said
answers '"version":"v2"' http://127.0.0.1/
