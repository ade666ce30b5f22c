#!/usr/bin/env python3
"""Stand-ins around a web server that is before postern-web. standin.py recorder SOCKET FILE: listens where postern-web would, and
writes down each request's head, one JSON object a line. standin.py sign-in PORT: answers auth_request as oauth2-proxy does: 202 with
who it is when the cookie says so, else 401; and its page to sign in at."""
import http.server
import json
import os
import socketserver
import sys
import time

PEOPLE = {
    "anna": ("anna@contoso.example", "postern-admins,everybody"),
    "bert": ("bert@contoso.example", ""),
}


class Recorder(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        fields = {}
        for name, value in self.headers.items():
            fields.setdefault(name.lower(), []).append(value)
        with open(sys.argv[3], "a", encoding="utf-8") as record:
            record.write(json.dumps({"target": self.path, "fields": fields}) + "\n")
        if self.path == "/events":
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(b"data: first\n\n")
            while True:  # until the other side goes away; too little to fill anybody's buffer
                self.wfile.flush()
                time.sleep(0.2)
                self.wfile.write(b":\n")
        body = b"page\n"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self):
        return "socket"


class SignIn(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        who = PEOPLE.get(self.headers.get("Cookie", "").removeprefix("session="))
        body = b""
        if self.path.startswith("/oauth2/start?rd="):
            self.send_response(200)
            body = b"sign in here\n"
        elif self.path == "/oauth2/auth" and who:
            self.send_response(202)
            self.send_header("X-Auth-Request-Email", who[0])
            if who[1]:
                self.send_header("X-Auth-Request-Groups", who[1])
        else:
            self.send_response(401)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class SocketServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


if __name__ == "__main__":
    if sys.argv[1] == "recorder":
        server = SocketServer(sys.argv[2], Recorder)
        os.chmod(sys.argv[2], 0o666)
    else:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), SignIn)
    server.serve_forever()
