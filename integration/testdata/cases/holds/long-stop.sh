grep -v '^+' /tmp/transcript | grep -q proxy_read_timeout
grep -v '^+' /tmp/transcript | grep -q -- --let-wait
answers '"version":"v1"' http://127.0.0.1/
