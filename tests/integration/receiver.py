"""An HTTPS receiver of notices: writes each request as a line of JSON. Arguments: port, certificate, key, file.

A file FILE.answer holds the status to answer with (200 without it)."""
import http.server
import json
import ssl
import sys

port, certificate, key, path = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]


class Receiver(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        try:
            with open(path + ".answer") as f:
                status = int(f.read())
        except FileNotFoundError:
            status = 200
        with open(path, "a") as f:
            f.write(json.dumps({"path": self.path, "status": status, "headers": dict(self.headers), "body": body}) + "\n")
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Receiver)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
server.serve_forever()
