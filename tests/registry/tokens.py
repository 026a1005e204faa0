"""A token server as registries name them: gives signed tokens to one user, pull and push for what was asked."""

import json
import time
from base64 import b64decode, urlsafe_b64encode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

KEY_ID = "test"
LIFETIME = 300


class Tokens(ThreadingHTTPServer):
    """Counts the tokens that it gives."""

    service = "test-registry"
    issuer = "test-issuer"

    def __init__(self, folder: Path, user: str, password: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.login = f"{user}:{password}"
        self.given = 0
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        numbers = self._key.public_key().public_numbers()
        public = {
            "kty": "RSA",
            "kid": KEY_ID,
            "use": "sig",
            "alg": "RS256",
            "n": _encoded(numbers.n.to_bytes(256, "big")),
            "e": _encoded(numbers.e.to_bytes(3, "big")),
        }
        self.keys = folder / "keys.json"
        self.keys.write_text(json.dumps({"keys": [public]}))

    @property
    def realm(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/token"

    def token(self, scope: str) -> str:
        """A signed token for `repository:<path>:<actions>`."""
        kind, _, rest = scope.partition(":")
        name, _, actions = rest.rpartition(":")
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "sub": "somebody",
            "aud": self.service,
            "exp": now + LIFETIME,
            "nbf": now - 60,
            "iat": now,
            "jti": str(now),
            "access": [{"type": kind, "name": name, "actions": actions.split(",")}],
        }
        header = {"typ": "JWT", "alg": "RS256", "kid": KEY_ID}
        signed = f"{_json(header)}.{_json(claims)}"
        signature = self._key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{signed}.{_encoded(signature)}"


class _Handler(BaseHTTPRequestHandler):
    server: Tokens

    def do_GET(self) -> None:
        asked = parse_qs(urlsplit(self.path).query)
        given = self.headers.get("Authorization", "").removeprefix("Basic ")
        if b64decode(given).decode() != self.server.login or asked["service"] != [self.server.service]:
            self._answer(401, {"errors": [{"code": "UNAUTHORIZED", "message": "wrong user name or password"}]})
            return
        self.server.given += 1
        self._answer(200, {"token": self.server.token(asked["scope"][0]), "expires_in": LIFETIME})

    def _answer(self, code: int, body: dict[str, Any]) -> None:
        encoded = json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(encoded)))
        self.end_headers()
        self.wfile.write(encoded)

    def log_message(self, *_arguments: object) -> None:
        """Says nothing."""


def _json(value: object) -> str:
    return _encoded(json.dumps(value).encode())


def _encoded(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()
