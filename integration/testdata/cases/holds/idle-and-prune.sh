tail -n 1 /tmp/transcript | grep -q 'kept$'
answers kept 'http://127.0.0.1/data?upload'
