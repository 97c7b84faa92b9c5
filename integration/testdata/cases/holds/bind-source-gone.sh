grep -q '^hint: \|^edgeman: ' /tmp/transcript
grep -v '^+' /tmp/transcript | grep -q /srv/secret
[ ! -e /srv/secret ]
answers '"version":"v1"' http://127.0.0.1/
