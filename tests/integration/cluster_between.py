#!/usr/bin/env python3
"""Between a relay and Redis: passes all on, but from the next batch on that is sent while the file SWALLOW exists, the replies
are lost, and SWALLOW.lost is made. For tests/integration/cluster_once.sh.

    cluster_between.py SOCKET REDIS SWALLOW
"""
import os
import socket
import sys
import threading

path, redis, swallow = sys.argv[1:]


def serve(client):
    server, lost = socket.socket(socket.AF_UNIX), threading.Event()
    try:
        server.connect(redis)
    except OSError:
        client.close()
        return

    def requests():
        try:
            while data := client.recv(65536):
                if b"EVAL" in data and os.path.exists(swallow):
                    lost.set()
                server.sendall(data)
            server.shutdown(socket.SHUT_RDWR)
        except OSError:
            server.close()

    def replies():
        try:
            while data := server.recv(65536):
                if not lost.is_set():
                    client.sendall(data)
                else:
                    open(swallow + ".lost", "w").close()
        except OSError:
            pass
        client.close()

    for f in (requests, replies):
        threading.Thread(target=f, daemon=True).start()


listener = socket.socket(socket.AF_UNIX)
listener.bind(path)
listener.listen()
while True:
    serve(listener.accept()[0])
