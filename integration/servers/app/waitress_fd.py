"""Waitress takes a listening socket from its caller only."""
import signal
import socket
import sys

import waitress

from wsgi import application

# Process 1 of a container ignores signals that it does not handle.
signal.signal(signal.SIGTERM, lambda *_: sys.exit())
waitress.serve(application, sockets=[socket.socket(fileno=int(sys.argv[1]))], threads=8)
