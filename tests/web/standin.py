#!/usr/bin/env python3
"""standin.py PORT FOLDER: a stand-in for a sign-in service behind auth_request, which answers as oauth2-proxy does: 202 with who it is
when the cookie says so, else 401; /oauth2/start signs in whom FOLDER/person names, without a question, and leads back; /oauth2/sign_out
signs out. Its cookies are as large as those with a provider's tokens in them."""
import http.server
import sys
import urllib.parse

PORT, FOLDER = int(sys.argv[1]), sys.argv[2]
GROUPS = {"anna": "everybody,postern-operators", "bert": "", "carl": "büro,postern-operators"}
TOKENS = "0" * 3500


class SignIn(http.server.BaseHTTPRequestHandler):
    def lead(self, target, *cookies):
        self.send_response(302)
        self.send_header("Location", target)
        for cookie in cookies:
            self.send_header("Set-Cookie", cookie + "; Path=/; Secure; HttpOnly; SameSite=Lax")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_GET(self):
        path, _, query = self.path.partition("?")
        asked = dict(urllib.parse.parse_qsl(query))
        cookies = dict(one.split("=", 1) for one in self.headers.get("Cookie", "").split("; ") if "=" in one)
        who = cookies.get("session")
        if path == "/oauth2/start":
            back = asked.get("rd") or self.headers.get("X-Auth-Request-Redirect", "/")
            with open(FOLDER + "/person", encoding="utf-8") as person:
                self.lead(back if back.startswith("/") and not back.startswith("/oauth2/") else "/",
                          "session=" + person.read().strip(), *(f"token_{i}={TOKENS}" for i in range(2)))
        elif path == "/oauth2/sign_out":
            self.lead("/", "session=; Max-Age=0")
        elif path == "/oauth2/auth" and who in GROUPS:
            self.send_response(202)
            self.send_header("X-Auth-Request-Email", who + "@contoso.example")
            if GROUPS[who]:
                self.send_header("X-Auth-Request-Groups", GROUPS[who].encode().decode("latin-1"))
            self.end_headers()
        else:
            self.send_response(401)
            self.end_headers()


http.server.ThreadingHTTPServer(("127.0.0.1", PORT), SignIn).serve_forever()
