grep -q '^myapp adopted' /tmp/transcript
[ "$(edgeman status --json | grep -c '"name": "myapp"')" = 0 ]
for i in $(seq 100); do curl -sf -H Host:app.example.org http://127.0.0.1/ && exit; sleep 0.1; done
exit 1
