# what is done is done, whoever reads of it: a full disk, a reader that has left
docker run -d --name myapp -p 127.0.0.1:8080:8080 myapp:v1
edgeman adopt /etc/nginx/sites-available/myapp --yes
edgeman swap myapp v2 --json >/dev/full
answers '"version":"v2"' http://127.0.0.1/
bash -c 'exec 3> >(true); wait $!; edgeman swap myapp v3 --json >&3 2>&3'
answers '"version":"v3"' http://127.0.0.1/
bash -c 'set -o pipefail; edgeman rollback myapp 2>&1 | head -1'
answers '"version":"v2"' http://127.0.0.1/
# why a container does not start stands at the end of a long message
docker commit --change 'ENTRYPOINT ["no-such-program-in-this-image"]' myapp myapp:broken
exits 1 edgeman swap myapp broken 2>/tmp/said
cat /tmp/said
docker rmi myapp:broken
grep -q 'no-such-program-in-this-image' /tmp/said
answers '"version":"v2"' http://127.0.0.1/
