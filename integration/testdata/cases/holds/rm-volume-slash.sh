[ "$(docker inspect -f '{{.State.Running}}' myapp)" = true ]
[ "$(docker ps -aq | wc -l)" = 1 ]
answers '"version":"v1"' http://127.0.0.1/
