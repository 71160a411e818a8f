"""What stands between one process and the API server, and spoils what passes as it is told to."""

from __future__ import annotations

import asyncio
import json
import random
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Callable

    from chaos.pki import Authority

_HOP_BY_HOP = frozenset(
    {"connection", "transfer-encoding", "content-length", "host", "keep-alive", "date"}
)
_REASONS = {
    409: "Conflict",
    410: "Expired",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
}
NEVER = aiohttp.ClientTimeout(total=None)


@dataclass
class Execution:
    """Which write of a process is its last."""

    matches: Callable[[str, str], bool]
    """Told of method and path."""
    nth: int
    after: bool
    """Whether the API server still carries it out."""
    kill: Callable[[], None]
    seen: int = 0

    def is_due(self, method: str, path: str) -> bool:
        if self.matches(method, path):
            self.seen += 1
            return self.seen == self.nth
        return False


@dataclass
class Link:
    """How a wire is at the moment."""

    delay: float = 0.0
    refused: int = 0
    """A status to answer with instead."""
    refused_share: float = 0.0
    lost_share: float = 0.0
    """Of the answers: the request is carried out, and the connection breaks."""
    cut: bool = False
    silent: bool = False
    execution: Execution | None = None
    sound: asyncio.Event = field(default_factory=asyncio.Event)
    """Set while it is not silent."""

    def hush(self, *, silent: bool) -> None:
        self.silent = silent
        if silent:
            self.sound.clear()
        else:
            self.sound.set()


class Proxy:
    """Ends TLS, and passes requests on with what the process presents as its credential."""

    def __init__(
        self,
        name: str,
        upstream: str,
        context: ssl.SSLContext,
        authority: Authority,
        *,
        now: Callable[[], float],
    ) -> None:
        self.name = name
        self.link = Link()
        self.link.hush(silent=False)
        self._upstream = upstream
        self._upstream_context = context
        self._authority = authority
        self._rng = random.Random(name)
        self._now = now
        self._tap: Callable[[str, bytes], None] = _unheard
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._renewals = 0
        self._session: aiohttp.ClientSession | None = None
        self._runner: web.AppRunner | None = None
        self._open: set[asyncio.Transport] = set()
        self._streams: set[asyncio.Transport] = set()
        self.requests = 0
        self.port = 0

    async def start(self) -> None:
        self.renew_certificate()
        connector = aiohttp.TCPConnector(ssl=self._upstream_context, limit=0)
        self._session = aiohttp.ClientSession(
            connector=connector, auto_decompress=False, timeout=NEVER
        )
        application = web.Application(client_max_size=16 * 2**20)
        application.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(
            application, access_log=None, handler_cancellation=True, shutdown_timeout=0.5
        )
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self._context)
        await site.start()
        self.port = self._runner.addresses[0][1]

    def begin(self, seed: int, tap: Callable[[str, bytes], None]) -> None:
        """Draw from this seed from now on, and show the writes that pass to whoever listens."""
        self._rng = random.Random(f"proxy {seed} {self.name}")
        self._tap = tap

    async def stop(self) -> None:
        self.cut_all()
        self.link.hush(silent=False)
        if self._runner is not None:
            await self._runner.cleanup()
        if self._session is not None:
            await self._session.close()

    def heal(self) -> None:
        """Let everything pass again."""
        self.link.hush(silent=False)
        self.link.delay, self.link.refused, self.link.lost_share = 0.0, 0, 0.0
        self.link.cut, self.link.execution = False, None

    def renew_certificate(self) -> None:
        """Show another certificate of the same authority to whoever connects from now on."""
        self._renewals += 1
        pair = self._authority.serving(f"{self.name}-{self._renewals}")
        self._context.load_cert_chain(*pair)

    def cut_all(self) -> None:
        """Break all connections."""
        for transport in list(self._open):
            transport.abort()

    def cut_watches(self) -> None:
        """Break the connections of watches."""
        for transport in list(self._streams):
            transport.abort()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        transport = request.transport
        assert transport is not None
        self._open.add(transport)
        self.requests += 1
        try:
            return await self._pass(request, transport)
        except (aiohttp.ClientError, OSError):
            # The API server is away: so is this.
            return _broken(transport)
        finally:
            self._open.discard(transport)

    async def _pass(self, request: web.Request, transport: asyncio.Transport) -> web.StreamResponse:
        link, rng = self.link, self._rng
        body = await request.read()
        await link.sound.wait()
        if link.cut:
            return _broken(transport)
        if link.delay:
            await asyncio.sleep(link.delay * rng.uniform(0.5, 1.5))
        is_watch = request.query.get("watch") in {"1", "true"}
        if link.refused and rng.random() < link.refused_share:
            answer = self._refusal(request, link.refused, is_watch=is_watch)
            if answer is not None:
                return answer
        if request.method != "GET":
            self._tap(request.path, body)
        due = link.execution if _is_due(link.execution, request) else None
        if due is not None and not due.after:
            due.kill()
            return _broken(transport)
        if is_watch:
            return await self._stream(request, transport)
        return await self._answer(request, body, transport, due)

    async def _answer(
        self, request: web.Request, body: bytes, transport: asyncio.Transport, due: Execution | None
    ) -> web.StreamResponse:
        link = self.link
        async with self._sent(request, body) as upstream:
            payload = await upstream.read()
        await link.sound.wait()
        if due is not None:
            due.kill()
            return _broken(transport)
        if link.cut or (link.lost_share and self._rng.random() < link.lost_share):
            return _broken(transport)
        return web.Response(
            status=upstream.status, body=payload, headers=self._headers(upstream.headers)
        )

    async def _stream(
        self, request: web.Request, transport: asyncio.Transport
    ) -> web.StreamResponse:
        self._streams.add(transport)
        try:
            async with self._sent(request, b"") as upstream:
                answer = web.StreamResponse(
                    status=upstream.status, headers=self._headers(upstream.headers)
                )
                await answer.prepare(request)
                async for chunk in upstream.content.iter_any():
                    await self.link.sound.wait()
                    await answer.write(chunk)
                await answer.write_eof()
                return answer
        finally:
            self._streams.discard(transport)

    def _sent(self, request: web.Request, body: bytes) -> Any:
        assert self._session is not None
        headers = {
            name: value
            for name, value in request.headers.items()
            if name.lower() not in _HOP_BY_HOP
        }
        return self._session.request(
            request.method,
            self._upstream + request.raw_path,
            data=body or None,
            headers=headers,
            allow_redirects=False,
        )

    def _refusal(
        self, request: web.Request, status: int, *, is_watch: bool
    ) -> web.StreamResponse | None:
        """An answer such as an API server gives; None where it would never give this one."""
        if status == 409 and request.method == "GET":
            return None
        if status == 410 and not (is_watch or "continue" in request.query):
            return None
        body = {
            "kind": "Status",
            "apiVersion": "v1",
            "status": "Failure",
            "message": "told to by the plan of faults",
            "reason": _REASONS[status],
            "code": status,
        }
        headers = {"Retry-After": "1"} if status in {429, 503} else {}
        if status == 410 and is_watch and self._rng.random() < 0.7:
            # Mostly the server says it as the first event of the watch.
            status, event = 200, {"type": "ERROR", "object": body}
            return web.Response(text=json.dumps(event) + "\n", headers=self._headers(headers))
        return web.Response(
            status=status,
            text=json.dumps(body),
            content_type="application/json",
            headers=self._headers(headers),
        )

    def _headers(self, headers: Any) -> dict[str, str]:
        kept = {name: value for name, value in headers.items() if name.lower() not in _HOP_BY_HOP}
        return kept | {"Date": formatdate(self._now(), usegmt=True)}


def _unheard(path: str, body: bytes) -> None:
    """Nobody listens."""


def _is_due(execution: Execution | None, request: web.Request) -> bool:
    return execution is not None and execution.is_due(request.method, request.path)


def _broken(transport: asyncio.Transport) -> web.StreamResponse:
    """Nothing is answered: the connection ends."""
    with suppress(OSError):
        transport.abort()
    return web.Response(status=500)
