"""An issuer of the test's own: serves its metadata, keys, introspection and status lists, and counts who asks."""

from __future__ import annotations

import asyncio
import json
import zlib
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from aiohttp import web

from mintmaster.tokens import base64url
from mintmaster.tokens.jwt import (
    AccessTokenClaims,
    ResourceClaim,
    StatusClaim,
    StatusListEntry,
    sign,
)
from mintmaster.tokens.keys import SigningKey
from mintmaster.verify import Verifier

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Callable

SERVICE = "https://services.example.org"
RESOURCE = ResourceClaim(
    kind="UserAccessToken", namespace="team", name="ada", uid="6f0e7c1a-1", revision=1
)


@dataclass
class Clocks:
    """The time of day and monotonic time, which go on together when they are told to."""

    instant: datetime = datetime(2030, 1, 1, tzinfo=UTC)
    elapsed: float = 1000.0

    def now(self) -> datetime:
        return self.instant

    def monotonic(self) -> float:
        return self.elapsed

    def advance(self, **by: float) -> None:
        step = timedelta(**by)
        self.instant += step
        self.elapsed += step.total_seconds()


@dataclass
class Issuer:
    """Everything that a verifier may ask; a test changes what is answered."""

    clocks: Clocks
    url: str = ""
    signer: SigningKey = field(default_factory=SigningKey.generate)
    published: list[dict[str, Any]] = field(default_factory=list)
    metadata: dict[str, Any] = field(default_factory=dict)
    cache_control: str = "public, max-age=300"
    away: bool = False
    silent: bool = False
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    active: dict[str, dict[str, Any]] = field(default_factory=dict)
    lists: dict[str, bytes] = field(default_factory=dict)
    answers: dict[str, Callable[[], web.Response]] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)
    credentials: list[str] = field(default_factory=list)

    def verifier(self, **options: Any) -> Verifier:
        """A verifier of this issuer's tokens that lives by the test's clocks."""
        options = {"audience": SERVICE} | options
        return Verifier(self.url, now=self.clocks.now, monotonic=self.clocks.monotonic, **options)

    # Minting -------------------------------------------------------------------------------------

    def claims(self, **fields: Any) -> AccessTokenClaims:
        seconds = int(self.clocks.now().timestamp())
        usual: dict[str, Any] = {
            "iss": self.url,
            "sub": "user:ada@team.example",
            "aud": (SERVICE,),
            "exp": seconds + 3600,
            "iat": seconds,
            "jti": "6f0e7c1a-1.1.00",
            "client_id": "user:team:ada",
            "scope": "read_api",
            "roles": ("Researcher",),
            "projects": ("3",),
            "resource": RESOURCE,
        }
        return AccessTokenClaims(**usual | fields)

    def mint(self, **fields: Any) -> str:
        return sign(self.claims(**fields), self.signer)

    def mint_listed(self, index: int, path: str = "/status-lists/1") -> str:
        """A token with an entry in a status list."""
        entry = StatusListEntry(idx=index, uri=self.url + path)
        return self.mint(status=StatusClaim(status_list=entry))

    def publish(self, *keys: SigningKey) -> None:
        """Publish these keys and no others."""
        self.published = [key.public.jwk() for key in keys]

    def publish_list(self, entries: bytes, path: str = "/status-lists/1", **claims: Any) -> None:
        """Publish a list of one-bit statuses."""
        self.lists[path] = self.signed_list(self.list_claims(entries, path, **claims))

    def list_claims(self, entries: bytes, path: str = "/status-lists/1", **claims: Any) -> Any:
        packed = base64url.encode(zlib.compress(entries, 9)).decode()
        issued = int(self.clocks.now().timestamp())
        listed = {"status_list": {"bits": 1, "lst": packed}}
        return {"sub": self.url + path, "iat": issued, "ttl": 60} | listed | claims

    def signed_list(
        self, claims: Any, kind: str = "statuslist+jwt", signer: SigningKey | None = None
    ) -> bytes:
        """Sign what is said to be a status list: claims, or the text of claims."""
        signer = signer or self.signer
        header = {"typ": kind, "alg": signer.algorithm.value, "kid": signer.kid}
        payload = claims if isinstance(claims, str) else json.dumps(claims)
        parts = (part.encode() for part in (json.dumps(header), payload))
        signing_input = b".".join(map(base64url.encode, parts))
        return signing_input + b"." + base64url.encode(signer.sign(signing_input))

    # Serving -------------------------------------------------------------------------------------

    async def serve(self, request: web.Request) -> web.Response:
        self.asked[request.path] += 1
        if self.silent:
            await self.ended.wait()
        if self.away:
            raise web.HTTPServiceUnavailable(headers={"Retry-After": "7"})
        if request.path in self.answers:
            return self.answers[request.path]()
        if request.path in self.lists:
            return web.Response(body=self.lists[request.path])
        if request.path.endswith("/jwks"):
            cache = {"Cache-Control": self.cache_control} if self.cache_control else {}
            return web.json_response({"keys": self.published}, headers=cache)
        if request.path.endswith("/openid-configuration"):
            return web.json_response(self.metadata)
        if request.path == "/oauth2/introspect":
            return await self.introspect(request)
        raise web.HTTPNotFound

    async def introspect(self, request: web.Request) -> web.Response:
        self.credentials.append(request.headers["Authorization"])
        token = str((await request.post())["token"])
        return web.json_response(self.active.get(token, {"active": False}))

    def know(self, token: str, **members: Any) -> None:
        """Call a token active."""
        seconds = int(self.clocks.now().timestamp())
        usual = {
            "active": True,
            "iss": self.url,
            "sub": "user:ada@team.example",
            "aud": [SERVICE],
            "client_id": "user:team:ada",
            "jti": "6f0e7c1a-1.1.00",
            "iat": seconds,
            "exp": seconds + 3600,
            "scope": "read_api api",
            "roles": ["Researcher"],
            "projects": ["3"],
            "username": "ada",
            "mintmaster.dev": {
                "kind": "UserAccessToken",
                "namespace": "team",
                "name": "ada",
                "uid": "6f0e7c1a-1",
                "revision": 1,
            },
        }
        self.active[token] = usual | members


@asynccontextmanager
async def issuing(
    clocks: Clocks, tls: ssl.SSLContext | None = None, path: str = ""
) -> AsyncIterator[Issuer]:
    """Have an issuer for the length of the block."""
    issuer = Issuer(clocks)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", issuer.serve)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
        await site.start()
        host, port = runner.addresses[0][:2]
        issuer.url = f"{'https' if tls else 'http'}://{host}:{port}{path}"
        issuer.publish(issuer.signer)
        issuer.metadata = {
            "issuer": issuer.url,
            "jwks_uri": f"{issuer.url}/jwks",
            "introspection_endpoint": f"http://{host}:{port}/oauth2/introspect",
        }
        yield issuer
    finally:
        issuer.ended.set()
        await runner.cleanup()
