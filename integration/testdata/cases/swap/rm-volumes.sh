# --rm with a volume of nobody's name is refused, however its place is spelled
for spell in '--mount type=volume,target=/data/' '--mount type=volume,target=/x/../data//' '-v /data/' '-v //data'; do
	docker run -d --rm --name myapp -p 127.0.0.1:8080:8080 $spell myapp:v1
	up
	exits 3 edgeman adopt /etc/nginx/sites-available/myapp --yes
	running myapp && docker kill myapp && while docker inspect myapp >/dev/null 2>&1; do sleep 0.1; done
done
printf 'FROM myapp:v1\nVOLUME /data/\n' | DOCKER_BUILDKIT=0 docker build -q -t myapp:d1 -
docker run -d --rm --name myapp -p 127.0.0.1:8080:8080 myapp:d1
up
exits 3 edgeman adopt /etc/nginx/sites-available/myapp --yes
docker kill myapp && while docker inspect myapp >/dev/null 2>&1; do sleep 0.1; done
docker run -d --rm --name myapp -p 127.0.0.1:8080:8080 -v mine:/data/ --mount type=volume,source=other,target=/other/ --tmpfs /scratch/ myapp:d1
edgeman adopt /etc/nginx/sites-available/myapp --yes
edgeman swap myapp v2
edgeman unadopt myapp --yes --to original
docker inspect -f '{{range .Mounts}}{{.Name}} {{end}}' myapp | grep mine
