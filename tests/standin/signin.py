"""The token endpoint: client credentials by secret, certificate or federated token, refused as Entra refuses them.

The shape of requests, assertions and errors is that of the vendor's pages "client credentials flow", "certificate
credentials" and "authentication and authorization error codes".
"""

import base64
import hashlib
import hmac
import json
import os
import re
import threading
import time
import uuid
from pathlib import Path
from typing import Any, Optional

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

from scenario import CLIENT_ID, Scenario

CERTIFICATE_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
FEDERATED_ISSUER, FEDERATED_SUBJECT = "https://idp.contoso.example", "postern"
FEDERATED_AUDIENCE = "api://AzureADTokenExchange"
SKEW = 300  # seconds that clocks may differ
LONGEST_ASSERTION = 600  # seconds; the vendor asks for 5 to 10 minutes

EXCHANGE_HOSTS = {
    "outlook.office365.com",
    "outlook.office365.us",
    "outlook-dod.office365.us",
    "outlook.office365.cn",
    "partner.outlook.cn",
}
GRAPH_HOSTS = {
    "graph.microsoft.com",
    "graph.microsoft.us",
    "dod-graph.microsoft.us",
    "microsoftgraph.chinacloudapi.cn",
    "graph.localhost",
}
LOOPBACK = re.compile(r"(localhost|[a-z0-9.-]+\.localhost|127\.0\.0\.1|\[::1\])$")

# number: (HTTP status, error, text)
ERRORS: dict[int, tuple[int, str, str]] = {
    7000215: (
        401,
        "invalid_client",
        "Invalid client secret provided. Ensure the secret being sent in the request is the client secret "
        f"value, not the client secret ID, for a secret added to app '{CLIENT_ID}'.",
    ),
    7000222: (401, "invalid_client", f"The provided client secret keys for app '{CLIENT_ID}' are expired."),
    700027: (
        401,
        "invalid_client",
        "The certificate with identifier used to sign the client assertion is not registered on application, "
        "or the signature is not valid.",
    ),
    700024: (401, "invalid_client", "Client assertion is not within its valid time range."),
    700023: (401, "invalid_client", "Client assertion audience claim does not match Realm issuer."),
    700021: (401, "invalid_client", "Client assertion application identifier doesn't match 'client_id' parameter."),
    50013: (401, "invalid_client", "Assertion failed signature validation or is malformed."),
    5002723: (401, "invalid_client", "Invalid JWT token. The algorithm of the client assertion is not supported."),
    700211: (401, "invalid_client", "No matching federated identity record found for presented assertion issuer."),
    700212: (401, "invalid_client", "No matching federated identity record found for presented assertion audience."),
    700213: (401, "invalid_client", "No matching federated identity record found for presented assertion subject."),
    700016: (400, "unauthorized_client", "Application with identifier was not found in the directory."),
    7000229: (
        401,
        "invalid_client",
        f"The client application '{CLIENT_ID}' is missing service principal in the tenant.",
    ),
    7000112: (400, "unauthorized_client", f"Application '{CLIENT_ID}' is disabled."),
    90002: (400, "invalid_request", "Tenant not found. Check to make sure you have the correct tenant ID."),
    900432: (400, "invalid_request", "Confidential Client is not supported in Cross Cloud request."),
    90038: (400, "invalid_request", "Confidential Client is not supported in Cross Cloud request."),
    900144: (400, "invalid_request", "The request body must contain a parameter that is missing."),
    70003: (400, "unsupported_grant_type", "The app requested an unsupported grant type."),
    70011: (400, "invalid_scope", "The provided value for the input parameter 'scope' is not valid."),
    500011: (400, "invalid_resource", "The resource principal was not found in the tenant."),
    53003: (400, "invalid_grant", "Access has been blocked by Conditional Access policies."),
    50196: (400, "invalid_grant", "The server terminated an operation because it encountered a client request loop."),
    50034: (400, "invalid_grant", "The user account does not exist in the directory."),
    90006: (503, "temporarily_unavailable", "ExternalServerRetryableError - The service is temporarily unavailable."),
    90024: (503, "temporarily_unavailable", "RequestBudgetExceededError - A transient error has occurred. Try again."),
    90055: (429, "temporarily_unavailable", "TenantThrottlingError - There are too many incoming requests."),
    90090: (503, "temporarily_unavailable", "GraphRetryableError - The service is temporarily unavailable."),
}


class SignInError(Exception):
    """Refused, with the AADSTS number and what to add to its text."""

    def __init__(self, code: int, detail: str = "") -> None:
        super().__init__(code, detail)
        self.code, self.detail = code, detail


def error_answer(code: int, detail: str, now: float) -> tuple[int, dict[str, Any]]:
    """HTTP status and body for an AADSTS number; numbers that the table lacks are an invalid_request."""
    status, error, text = ERRORS.get(code, (400, "invalid_request", "Unexpected error."))
    stamp = time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(now))
    trace, correlation = str(uuid.uuid4()), str(uuid.uuid4())
    ids = f"Trace ID: {trace} Correlation ID: {correlation} Timestamp: {stamp}"
    text = f"AADSTS{code}: {text}{' ' + detail if detail else ''} {ids}"
    return status, {
        "error": error,
        "error_description": text,
        "error_codes": [code],
        "timestamp": stamp,
        "trace_id": trace,
        "correlation_id": correlation,
        "error_uri": f"https://login.microsoftonline.com/error?code={code}",
    }


def _unpad(text: str) -> bytes:
    if not re.fullmatch(r"[A-Za-z0-9_-]*", text):
        raise ValueError("not base64url without padding")
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _pad(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _open(assertion: str) -> tuple[dict[str, Any], dict[str, Any], bytes, bytes]:
    """Header, claims, what is signed, and the signature."""
    try:
        head, claims, signature = assertion.split(".")
        opened = json.loads(_unpad(head)), json.loads(_unpad(claims)), f"{head}.{claims}".encode(), _unpad(signature)
    except ValueError as error:
        raise SignInError(50013, f"({error})") from error
    if not isinstance(opened[0], dict) or not isinstance(opened[1], dict):
        raise SignInError(50013, "(header and claims must be objects)")
    return opened


def _verify(key: Any, algorithm: Any, signature: bytes, signed: bytes) -> None:
    # RFC 7518, 3.5: the salt of PS256 is as long as the hash.
    paddings = {"PS256": padding.PSS(padding.MGF1(hashes.SHA256()), 32), "RS256": padding.PKCS1v15()}
    if algorithm not in paddings:
        raise SignInError(5002723, f"(alg {algorithm!r})")
    try:
        key.verify(signature, signed, paddings[algorithm], hashes.SHA256())
    except InvalidSignature as error:
        raise SignInError(700027, "(The signature does not verify.)") from error


def _registered(certificates: list[x509.Certificate], header: dict[str, Any]) -> x509.Certificate:
    marks = [
        (name, method) for name, method in (("x5t#S256", hashes.SHA256()), ("x5t", hashes.SHA1())) if name in header
    ]
    if not marks:
        raise SignInError(700027, "(The header has neither x5t#S256 nor x5t.)")
    for certificate in certificates:
        if all(header[name] == _pad(certificate.fingerprint(method)) for name, method in marks):
            return certificate
    raise SignInError(700027, f"(No registered certificate has the thumbprint {header[marks[0][0]]!r}.)")


def _times(claims: dict[str, Any], now: float, longest: Optional[int]) -> None:
    times: dict[str, Any] = {name: claims.get(name) for name in ("nbf", "iat", "exp")}
    if not all(isinstance(value, int) and not isinstance(value, bool) for value in times.values()):
        raise SignInError(700024, f"(nbf, iat and exp must be whole numbers: {times})")
    window = f"Current time: {time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(now))}, assertion: {times}"
    if times["exp"] + SKEW <= now or times["nbf"] - SKEW > now or times["iat"] - SKEW > now:
        raise SignInError(700024, window)
    if longest is not None and times["exp"] - times["nbf"] > longest:
        raise SignInError(700024, f"(longer than {longest} s) {window}")


def resource(scope: str) -> str:
    """The audience that a scope asks for: "exchange" or "graph"."""
    match = re.fullmatch(r"https://([^/:\[\]]+|\[::1\])(:\d+)?/\.default", scope)
    if not match:
        raise SignInError(70011, f"The scope {scope!r} is not valid.")
    host = match[1].lower()
    if host in GRAPH_HOSTS:
        return "graph"
    if host in EXCHANGE_HOSTS or LOOPBACK.match(host):
        return "exchange"
    raise SignInError(500011, f"The resource principal named https://{host} was not found.")


class SignIn:
    """Checks credentials in the folder `directory`, issues access tokens and checks them again."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._key = os.urandom(32)
        self._lock = threading.Lock()
        self._used: set[str] = set()
        self._revoked: set[str] = set()

    def token(
        self, tenant: Optional[str], form: dict[str, str], audiences: set[str], scenario: Scenario, now: float
    ) -> dict[str, Any]:
        """The answer to a token request; SignInError when it is refused. `tenant` is None when there is none such."""
        if tenant is None:
            raise SignInError(90002)
        for name in ("grant_type", "client_id", "scope"):
            if name not in form:
                raise SignInError(900144, f"Missing: '{name}'.")
        if form["grant_type"] != "client_credentials":
            raise SignInError(70003)
        if form["client_id"] != CLIENT_ID:
            raise SignInError(700016, f"client_id {form['client_id']!r}")
        audience = resource(form["scope"])
        self._credential(form, audiences, scenario, now)
        return self._issue(tenant, audience, scenario, now)

    def _credential(self, form: dict[str, str], audiences: set[str], scenario: Scenario, now: float) -> None:
        if "client_assertion" in form and "client_secret" not in form:
            if form.get("client_assertion_type") != CERTIFICATE_ASSERTION:
                raise SignInError(900144, "client_assertion_type is missing or unknown.")
            header, claims, signed, signature = _open(form["client_assertion"])
            if claims.get("iss") == FEDERATED_ISSUER or claims.get("aud") == FEDERATED_AUDIENCE:
                self._federated(header, claims, signed, signature, now)
            else:
                self._certificate(header, claims, signed, signature, audiences, scenario, now)
        elif "client_secret" in form and "client_assertion" not in form:
            secret = (self._directory / "secret").read_text("ascii").strip()
            if not hmac.compare_digest(secret.encode(), form["client_secret"].encode()):
                raise SignInError(7000215)
        else:
            raise SignInError(900144, "Exactly one of 'client_assertion' and 'client_secret' is wanted.")

    def _certificate(
        self,
        header: dict[str, Any],
        claims: dict[str, Any],
        signed: bytes,
        signature: bytes,
        audiences: set[str],
        scenario: Scenario,
        now: float,
    ) -> None:
        if header.get("typ") != "JWT":
            raise SignInError(50013, f"(typ {header.get('typ')!r})")
        certificates = [
            x509.load_pem_x509_certificate((self._directory / name).read_bytes()) for name in scenario["registered"]
        ]
        _verify(_registered(certificates, header).public_key(), header.get("alg"), signature, signed)
        if claims.get("aud") not in audiences:
            raise SignInError(700023, f"(aud {claims.get('aud')!r}; expected one of {sorted(audiences)})")
        if claims.get("iss") != CLIENT_ID or claims.get("sub") != CLIENT_ID:
            raise SignInError(700021, f"(iss {claims.get('iss')!r}, sub {claims.get('sub')!r})")
        _times(claims, now, LONGEST_ASSERTION)
        self._once(claims.get("jti"))

    def _once(self, jti: Any) -> None:
        if not isinstance(jti, str) or not jti:
            raise SignInError(50013, "(jti is missing)")
        with self._lock:
            if jti in self._used:
                raise SignInError(50013, f"(jti {jti!r} was used before)")
            self._used.add(jti)

    def _federated(
        self, header: dict[str, Any], claims: dict[str, Any], signed: bytes, signature: bytes, now: float
    ) -> None:
        if claims.get("iss") != FEDERATED_ISSUER:
            raise SignInError(700211, f"(iss {claims.get('iss')!r})")
        if claims.get("aud") != FEDERATED_AUDIENCE:
            raise SignInError(700212, f"(aud {claims.get('aud')!r})")
        if claims.get("sub") != FEDERATED_SUBJECT:
            raise SignInError(700213, f"(sub {claims.get('sub')!r})")
        key = serialization.load_pem_public_key((self._directory / "federated.pub").read_bytes())
        _verify(key, header.get("alg"), signature, signed)
        _times(claims, now, None)

    def _issue(self, tenant: str, audience: str, scenario: Scenario, now: float) -> dict[str, Any]:
        lifetime = scenario["token_lifetime"]
        role = {"exchange": ("Exchange.ManageAsApp", "app_role"), "graph": ("Policy.Read.All", "graph_role")}[audience]
        host = {"exchange": "https://outlook.office365.com", "graph": "https://graph.microsoft.com"}[audience]
        claims = {
            "aud": host,
            "iss": f"https://sts.windows.net/{tenant}/",
            "iat": int(now),
            "nbf": int(now),
            "exp": now + lifetime,
            "appid": CLIENT_ID,
            "tid": tenant,
            "roles": [role[0]] if scenario[role[1]] else [],
            "wids": ["f2ef992c-3afb-46b9-b7cf-a126ee74c451"] if scenario["directory_role"] else [],
            "uti": str(uuid.uuid4()),
        }
        signed = ".".join(_pad(json.dumps(part).encode()) for part in ({"typ": "JWT", "alg": "HS256"}, claims))
        told = scenario["token_expires_in"] if scenario["token_expires_in"] is not None else lifetime
        return {
            "token_type": "Bearer",
            "expires_in": told,
            "ext_expires_in": told,
            "access_token": f"{signed}.{self._sign(signed)}",
        }

    def _sign(self, signed: str) -> str:
        return _pad(hmac.new(self._key, signed.encode(), hashlib.sha256).digest())

    def check(self, token: str, now: float) -> dict[str, Any]:
        """The claims of an access token; ValueError, with the reason, when it is not good (any more)."""
        signed, _, signature = token.rpartition(".")
        if not hmac.compare_digest(self._sign(signed).encode(), signature.encode()):
            raise ValueError("not a token of this issuer")
        claims = json.loads(_unpad(signed.split(".")[1]))
        if claims["exp"] <= now:
            raise ValueError("the token has ended")
        if claims["uti"] in self._revoked:
            raise ValueError("the token was revoked")
        return claims

    def revoke(self, token: str) -> None:
        """Refuses this token from now on, if it is one of ours."""
        try:
            self._revoked.add(json.loads(_unpad(token.split(".")[1]))["uti"])
        except (ValueError, IndexError, KeyError):
            return
