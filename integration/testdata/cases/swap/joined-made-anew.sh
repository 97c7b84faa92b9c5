# An app in the network of another container serves again by repair, restart or swap, and by itself, when that one was made anew.
vpn() { docker rm -f vpn; docker run -d --name vpn -p 127.0.0.1:8080:8080 -e PORT=9999 myapp:v1; running vpn; }
docker rm -f vpn || true
docker run -d --name vpn -p 127.0.0.1:8080:8080 -e PORT=9999 myapp:v1
docker run -d --name app --network container:vpn myapp:v1
edgeman adopt /etc/nginx/sites-available/myapp --yes --container app --port 8080
for mends in "repair myapp" "restart myapp" "swap myapp v2" ""; do
	vpn
	edgeman status | grep -F 'is cut off'
	[ -z "$mends" ] || edgeman $mends
	answers '"version":"v' http://127.0.0.1/
done
docker restart vpn
answers '"version":"v' http://127.0.0.1/
vpn
systemctl kill -s KILL 'edgeman@*.service'
answers '"version":"v' http://127.0.0.1/
