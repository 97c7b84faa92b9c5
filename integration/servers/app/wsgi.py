"""Answers like the echo app, for WSGI servers."""
import hashlib
import json
import os
import re
import time

VERSION = os.environ.get("APP_VERSION", "")


def answer(method, path, query, body):
    uri = path + ("?" + query if query else "")
    return json.dumps({"version": VERSION, "method": method, "uri": uri,
                       "body_sha256": hashlib.sha256(body).hexdigest()}).encode()


def delay(query):
    found = re.search(r"delay=(\d+)ms", query)
    return int(found.group(1)) / 1000 if found else 0


def application(environ, start_response):
    query = environ.get("QUERY_STRING", "")
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    time.sleep(delay(query))
    data = answer(environ["REQUEST_METHOD"], environ["PATH_INFO"], query, body)
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(data)))])
    return [data]
