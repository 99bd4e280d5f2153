"""An OpenID Connect issuer for tests: a real server with keys made here, and tokens that say whatever a test wants."""

import json
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

AUDIENCE = "acta"
KINDS = {
    "RS256": lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048),
    "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate,
}


class IssuerHouse:
    """An issuer that serves its discovery document and its keys."""

    def __init__(self) -> None:
        self.keys = {algorithm: make() for algorithm, make in KINDS.items()}
        self.fetched = 0
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                documents = {"/.well-known/openid-configuration": issuer.discovery, "/keys": issuer.published}
                body = json.dumps(documents[self.path]()).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Silent."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def discovery(self) -> dict[str, Any]:
        return {"issuer": self.url, "jwks_uri": f"{self.url}/keys"}

    def published(self) -> dict[str, Any]:
        self.fetched += 1
        found = []
        for algorithm, key in self.keys.items():
            kind = jwt.algorithms.get_default_algorithms()[algorithm]
            found.append(kind.to_jwk(key.public_key(), as_dict=True) | {"kid": algorithm, "use": "sig"})
        return {"keys": found}

    def token(self, algorithm: str = "RS256", *, key: Any = None, kid: str | None = None, **claims: Any) -> str:
        now = datetime.now(UTC)
        said = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": "olga",
            "iat": now,
            "exp": now + timedelta(minutes=5),
            "roles": ["agent:it"],
            **claims,
        }
        said = {name: value for name, value in said.items() if value is not None}
        signing = key if key is not None else self.keys[algorithm]
        return jwt.encode(said, signing, algorithm=algorithm, headers={"kid": kid or algorithm})

    def close(self) -> None:
        if not self._thread.is_alive():
            return
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
