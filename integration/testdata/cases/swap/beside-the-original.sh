# Whoever starts the original again beside the live one is told, and so is who pauses the live one.
docker run -d --name myapp -p 127.0.0.1:8080:8080 -v files:/data myapp:v1
edgeman adopt /etc/nginx/sites-available/myapp --yes
says() { edgeman status | grep -F "$1"; edgeman check >/tmp/check || true; grep -F "$2" /tmp/check; }
docker start myapp
says 'both may write to files' original-runs
docker rm -f myapp
docker run -d --name myapp -v files:/data myapp:v1
says 'both may write to files' original-runs
docker rm -f myapp
docker pause myapp-blue-1
says 'next: docker unpause myapp-blue-1' container-paused
docker unpause myapp-blue-1
answers '"version":"v' http://127.0.0.1/
