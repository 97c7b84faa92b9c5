if grep -q '^myapp adopted' /tmp/transcript; then
	docker cp "$(docker ps -q):/run/secrets/tok" - | tar xO | grep -qx s3cr3t
else
	grep -v '^+' /tmp/transcript | grep -q /run/secrets/tok
fi
