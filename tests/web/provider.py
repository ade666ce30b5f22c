#!/usr/bin/env python3
"""provider.py PORT FOLDER: a stand-in for an OpenID Connect provider. Who signs in is whom FOLDER/person names, without a question.
FOLDER/provider.key is its RSA key."""
import base64
import http.server
import json
import subprocess
import sys
import time
import urllib.parse

PORT, FOLDER = int(sys.argv[1]), sys.argv[2]
ISSUER = f"http://127.0.0.1:{PORT}"
GROUPS = {"anna": ["everybody", "postern-operators"], "bert": None, "carl": ["büro", "postern-operators"]}
asked = {}  # code: client, nonce, person


def openssl(*words, data=None):
    return subprocess.run(["openssl", *words], input=data, stdout=subprocess.PIPE, check=True).stdout


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def key():
    modulus = openssl("rsa", "-in", FOLDER + "/provider.key", "-noout", "-modulus").decode().strip().split("=")[1]
    return {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "one", "e": "AQAB", "n": base64url(bytes.fromhex(modulus))}


def id_token(client, nonce, person):
    now = int(time.time())
    claims = {"iss": ISSUER, "sub": person, "aud": client, "iat": now, "exp": now + 600, "email": person + "@contoso.example"}
    claims |= {"nonce": nonce} if nonce else {}
    claims |= {"groups": GROUPS[person]} if GROUPS[person] else {}
    signed = ".".join(base64url(json.dumps(part).encode()) for part in ({"alg": "RS256", "typ": "JWT", "kid": "one"}, claims))
    return signed + "." + base64url(openssl("dgst", "-sha256", "-sign", FOLDER + "/provider.key", data=signed.encode()))


class Provider(http.server.BaseHTTPRequestHandler):
    def put(self, value):
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        path, _, query = self.path.partition("?")
        query = dict(urllib.parse.parse_qsl(query))
        if path == "/.well-known/openid-configuration":
            self.put({"issuer": ISSUER, "authorization_endpoint": ISSUER + "/authorize", "token_endpoint": ISSUER + "/token",
                      "jwks_uri": ISSUER + "/keys", "response_types_supported": ["code"], "subject_types_supported": ["public"],
                      "id_token_signing_alg_values_supported": ["RS256"],
                      "token_endpoint_auth_methods_supported": ["client_secret_basic"]})
        elif path == "/keys":
            self.put({"keys": [key()]})
        elif path == "/authorize":
            code = f"code{len(asked)}"
            with open(FOLDER + "/person", encoding="utf-8") as person:
                asked[code] = (query["client_id"], query.get("nonce"), person.read().strip())
            self.send_response(302)
            self.send_header("Location", query["redirect_uri"] + "?" + urllib.parse.urlencode({"code": code, "state": query["state"]}))
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            self.send_error(404)

    def do_POST(self):
        form = dict(urllib.parse.parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
        self.put({"access_token": "opaque", "token_type": "Bearer", "expires_in": 600, "id_token": id_token(*asked.pop(form["code"]))})


http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Provider).serve_forever()
