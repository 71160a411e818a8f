"""A gate without an API server: what it knows is put there by hand, and it is asked through ASGI."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import msgspec

from gate.harness import Answer
from mintmaster.api import decoding
from mintmaster.api.kinds import TOKEN_ISSUER, USER_ACCESS_TOKEN
from mintmaster.gate.app import App, Health
from mintmaster.gate.issuer import known_issuer
from mintmaster.gate.process import Process
from mintmaster.gate.routes import Routes
from mintmaster.gate.settings import Settings
from mintmaster.kube.config import Connection
from mintmaster.kube.tls import ClientTLS
from mintmaster.lifecycle.known import known
from mintmaster.tokens import base64url
from mintmaster.tokens.digests import digest
from mintmaster.tokens.keys import Algorithm, SigningKey
from reconcile.builders import issuer, user
from reconcile.harness import SettableSkew

if TYPE_CHECKING:
    from collections.abc import Callable

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SERVICES = "https://services.example.org"
UID = "6f0e7c1a-0000-4000-8000-000000000001"
ASKER_UID = "6f0e7c1a-0000-4000-8000-000000000002"
SCOPES = ("api", "read_api", "introspect", "revoke")


@dataclass
class SetClock:
    """A clock that stands still until it is set."""

    instant: datetime = NOW

    def now(self) -> datetime:
        return self.instant


def seconds(instant: datetime) -> int:
    return int(instant.timestamp())


def rfc3339(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class Workbench:
    """One gate, one issuer `default`, and what a thief of its key could do."""

    clock: SetClock = field(default_factory=SetClock)
    age: float = 0.0
    listed: bool = True
    settings: Settings = field(default_factory=Settings)
    key: SigningKey = field(default_factory=partial(SigningKey.generate, Algorithm.ES256))

    def __post_init__(self) -> None:
        self.skew = SettableSkew(self.clock)
        self.process = Process(
            Connection("http://127.0.0.1:1", ClientTLS()),
            self.settings,
            clock=self.clock,
            skew=self.skew,
        )
        health = Health(
            unready=lambda: "" if self.listed else "not listed yet",
            age=lambda: self.age,
            lacks=lambda: self.process.signing_keys.lacks,
        )
        routes = Routes(
            self.process.endpoints(), self.process.knowledge, self.process.foreign_apis()
        )
        self.app = App(routes, health, self.process.metrics)
        self.publish()
        self.asker = self.issue(uid=ASKER_UID, name="service", scopes=["introspect"])

    # What the gate knows --------------------------------------------------------------------------

    def publish(
        self, name: str = "default", *, uid: str = "issuer", created: datetime = NOW, **spec: Any
    ) -> None:
        """Have the gate know an issuer, whose one key is active unless said otherwise."""
        keys = spec.pop("keys", [self.key_record()])
        body = issuer(name, "team", **{"scopes": [{"name": scope} for scope in SCOPES]} | spec)
        body["metadata"] |= {"uid": uid, "creationTimestamp": rfc3339(created)}
        body["status"] = {"keys": keys}
        read = decoding.decode(TOKEN_ISSUER, msgspec.json.encode(body))
        self.process.knowledge.observe_issuer(known_issuer(read))

    def key_record(self, key: SigningKey | None = None, **fields: Any) -> dict[str, Any]:
        key = key or self.key
        record = {"id": key.kid, "algorithm": key.algorithm.value, "state": "Active"}
        return record | {"publicJwk": key.public.jwk()} | fields

    def issue(
        self,
        *,
        uid: str = UID,
        name: str = "ada",
        change: Callable[[dict[str, Any]], None] = lambda _: None,
        token: str | None = None,
        **rights: Any,
    ) -> str:
        """Have the gate know a resource with one token; returns the token. `change` edits the resource before."""
        rights = self.rights(name) | rights
        token = token or self.jwt(uid, name, rights)
        body = user(name)
        body["metadata"] |= {
            "namespace": "team",
            "uid": uid,
            "creationTimestamp": rfc3339(NOW),
        }
        body["status"] = {
            "uid": uid,
            "revision": 1,
            "tokens": [self.record(token, uid, rights)],
        }
        change(body)
        self.observe(body)
        return token

    def observe(self, body: dict[str, Any]) -> None:
        resource = decoding.decode(USER_ACCESS_TOKEN, msgspec.json.encode(body))
        self.process.knowledge.observe(known("UserAccessToken", resource))

    def record(self, token: str, uid: str, rights: dict[str, Any], **fields: Any) -> dict[str, Any]:
        return {
            "id": f"{uid}.1.00",
            "revision": 1,
            "keyID": self.key.kid if "." in token else "",
            "digest": digest(token),
            "issuedAt": rfc3339(NOW),
            "expiresAt": rfc3339(NOW + timedelta(hours=1)),
            "validUntil": rfc3339(NOW + timedelta(hours=1)),
            "rights": rights,
        } | fields

    def rights(self, name: str = "ada") -> dict[str, Any]:
        return {
            "subject": f"user:{name}@team.example",
            "audiences": [SERVICES],
            "scopes": ["read_api"],
        }

    # Tokens ---------------------------------------------------------------------------------------

    def claims(
        self, uid: str = UID, name: str = "ada", rights: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        rights = rights or self.rights(name)
        return {
            "iss": "https://default.example.org",
            "sub": rights["subject"],
            "aud": rights["audiences"],
            "exp": seconds(NOW + timedelta(hours=1)),
            "iat": seconds(NOW),
            "jti": f"{uid}.1.00",
            "client_id": f"user:team:{name}",
            "scope": " ".join(rights["scopes"]),
            "roles": [],
            "projects": [],
            "mintmaster.dev": {
                "kind": "UserAccessToken",
                "namespace": "team",
                "name": name,
                "uid": uid,
                "revision": 1,
            },
        }

    def jwt(self, uid: str = UID, name: str = "ada", rights: dict[str, Any] | None = None) -> str:
        return self.sign(self.header(), self.claims(uid, name, rights))

    def header(self, **members: Any) -> dict[str, Any]:
        return {"typ": "at+jwt", "alg": self.key.algorithm.value, "kid": self.key.kid} | members

    def sign(self, header: object, payload: object, key: SigningKey | None = None) -> str:
        """Sign any header and payload, JSON values or octets: what a thief of the key could do."""
        signing_input = b".".join(base64url.encode(_octets(part)) for part in (header, payload))
        signature = (key or self.key).sign(signing_input)
        return (signing_input + b"." + base64url.encode(signature)).decode()

    # Asking ---------------------------------------------------------------------------------------

    async def ask(
        self,
        method: str,
        path: str,
        *,
        body: bytes = b"",
        headers: tuple[tuple[bytes, bytes], ...] = (),
        chunks: tuple[bytes, ...] | None = None,
    ) -> Answer:
        sent: list[dict[str, Any]] = []
        parts = [body] if chunks is None else list(chunks)
        messages = iter(
            {"type": "http.request", "body": part, "more_body": number < len(parts)}
            for number, part in enumerate(parts, start=1)
        )

        async def receive() -> Any:
            return next(messages, {"type": "http.disconnect"})

        async def send(message: Any) -> None:
            sent.append(message)

        path, _, query = path.partition("?")
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": query.encode(),
            "headers": list(headers),
        }
        await self.app(scope, receive, send)
        start, rest = sent
        answered = {key.decode().title(): value.decode() for key, value in start["headers"]}
        return Answer(start["status"], answered, rest["body"])

    async def post(
        self,
        path: str,
        form: dict[str, str] | list[tuple[str, str]],
        *headers: tuple[bytes, bytes],
        credential: str | None = None,
    ) -> Answer:
        """Post a form, as the asker unless somebody else is named; with "" as nobody."""
        credential = self.asker if credential is None else credential
        named = ((b"authorization", f"Bearer {credential}".encode()),) if credential else ()
        return await self.ask(
            "POST",
            path,
            body=urlencode(form).encode(),
            headers=(FORM, *named, *headers),
        )

    async def introspect(self, token: str) -> Answer:
        return await self.post("/oauth2/introspect", {"token": token})

    async def is_active(self, token: str) -> bool:
        answer = await self.introspect(token)
        assert answer.status == 200, answer
        assert answer.json["active"] or answer.body == b'{"active":false}'
        return bool(answer.json["active"])

    async def review(self, token: str, *audiences: str, path: str = "/k8s/tokenreview") -> Any:
        spec = {"token": token, "audiences": audiences}
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": spec}
        answer = await self.ask("POST", path, body=msgspec.json.encode(body))
        assert answer.status == 200, answer
        return answer.json["status"]


FORM = (b"content-type", b"application/x-www-form-urlencoded")


def _octets(part: object) -> bytes:
    return part if isinstance(part, bytes) else msgspec.json.encode(part)
