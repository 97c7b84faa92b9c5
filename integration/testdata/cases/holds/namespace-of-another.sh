answers '"version":"v' http://127.0.0.1/
