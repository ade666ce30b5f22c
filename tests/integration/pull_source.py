#!/usr/bin/env python3
"""A source that goes wrong: serves a folder over TLS, and does to what it serves what the first part of the path says.

    pull_source.py PORT CERTIFICATE KEY FOLDER

/FAULT/manifest and /FAULT/directory-N.mdb; "FAULT-file" does it to the file alone, "FAULT-manifest" to the manifest alone.
It prints each request's Range, if it has one, to the standard output.
"""
import gzip
import http.server
import os
import ssl
import sys
import time

port, certificate, key, folder = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]

bomb = gzip.compress(b"\0" * (64 << 20))


class Source(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self, status, body, **headers):
        self.send_response(status)
        headers.setdefault("Content_Length", str(len(body)))
        for name, value in headers.items():
            if value is not None:
                self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        _, fault, name = self.path.split("/", 2)
        fault, _, only = fault.partition("-")
        if only and only != ("manifest" if name == "manifest" else "file"):
            fault = "right"
        if "Range" in self.headers:
            print(self.headers["Range"], flush=True)
        with open(os.path.join(folder, os.path.basename(name)), "rb") as f:
            body = f.read()
        getattr(self, "do_" + fault)(body)

    def do_right(self, body):
        self.answer(200, body)

    def do_cut(self, body):  # a shorter file, as the server has it
        self.answer(200, body[:-100])

    def do_broken(self, body):  # the connection ends in the middle, and the rest can be had
        begin = int(self.headers.get("Range", "bytes=0-")[6:-1])
        middle = begin + (len(body) - begin) // 2 + 1
        last = middle >= len(body) - 4096
        rest = body[begin:] if last else body[begin:middle]
        self.answer(206 if begin else 200, rest, Content_Length=str(len(body) - begin),
                    Content_Range=f"bytes {begin}-{len(body) - 1}/{len(body)}" if begin else None)
        self.close_connection = True

    def do_shifted(self, body):  # a rest that is not the one that was asked for
        if "Range" in self.headers:
            self.answer(206, body[10:], Content_Range=f"bytes 10-{len(body) - 1}/{len(body)}")
        else:
            self.answer(200, body)

    def do_hung(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[:10])
        self.wfile.flush()
        time.sleep(3600)

    def do_endless(self, body):
        self.send_response(200)
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        while True:
            self.wfile.write(body + b"\0" * 65536)

    def do_bomb(self, body):
        self.answer(200, bomb, Content_Encoding="gzip")

    def do_elsewhere(self, body):
        self.answer(302, b"", Location="https://elsewhere.example/postern/manifest")

    def do_plain(self, body):
        self.answer(301, b"", Location="http://localhost/postern/manifest")

    def do_page(self, body):
        self.answer(200, b"<html><body>Please sign in</body></html>", Content_Type="text/html")

    def do_error(self, body):
        self.answer(500, b"")


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass


server = Server(("127.0.0.1", port), Source)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
