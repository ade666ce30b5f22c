#!/usr/bin/env python3
"""forward.py PORT SOCKET: connections to 127.0.0.1:PORT go to the UNIX socket, as "ssh -L PORT:SOCKET" has it."""
import socket
import sys
import threading


def pump(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def serve(client):
    with client, socket.socket(socket.AF_UNIX) as server:
        try:
            server.connect(sys.argv[2])
        except OSError:
            return
        back = threading.Thread(target=pump, args=(server, client), daemon=True)
        back.start()
        pump(client, server)
        back.join()


listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
