"""The ASGI application: takes a request in within bounds, has it answered, and says how old the answer is."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from mintmaster.gate import pages
from mintmaster.gate.messages import (
    Answer,
    IssuerRequest,
    Refused,
    come_back,
    oauth_error,
    plain,
)
from mintmaster.gate.routes import READ
from mintmaster.gate.wire import CLOSE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    from mintmaster.gate.issuer import KnownIssuer
    from mintmaster.gate.messages import Header
    from mintmaster.gate.metrics import Metrics
    from mintmaster.gate.routes import Route, Routes

    Scope = MutableMapping[str, Any]
    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]

log = logging.getLogger(__name__)

STALENESS = b"mintmaster-staleness"
"""Header field: how many seconds ago the gate's knowledge was last known to be whole (I17)."""

SERVER_ERROR = Answer(500, b'{"error":"server_error"}')
"""Something is wrong with the gate; what, stands in its log."""


class _Gone(Exception):
    """The caller has hung up."""


@dataclass(frozen=True, slots=True)
class Health:
    """How the gate is."""

    unready: Callable[[], str]
    """What keeps the gate from answering; empty for nothing."""
    age: Callable[[], float]
    """Seconds since the knowledge was last known to be whole; infinite before it is complete."""
    lacks: Callable[[], str] = str
    """What the gate cannot do although it answers; empty for nothing."""


class App:
    """The ASGI application."""

    def __init__(self, routes: Routes, health: Health, metrics: Metrics) -> None:
        self._routes = routes
        self._health = health
        self._metrics = metrics
        self._own: dict[str, Callable[[], Awaitable[Answer]]] = {
            "/healthz": self._healthz,
            "/readyz": self._readyz,
            "/metrics": self._series,
            "/docs": self._docs,
            "/openapi.json": self._openapi,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, as ASGI wants it."""
        if scope["type"] != "http":
            raise ValueError(f"only HTTP is served, not {scope['type']!r}")
        answer = await self.answer(scope, receive)
        if answer is not None:
            start = {"type": "http.response.start", "status": answer.status}
            await send(start | {"headers": answer.fields})
            await send({"type": "http.response.body", "body": answer.body})

    async def answer(self, scope: Scope, receive: Receive) -> Answer | None:
        """Answer one request; None if the caller has hung up.

        Callers learn nothing about what went wrong inside but that something did.
        """
        began = perf_counter()
        path = scope["path"]
        own = self._own.get(path)
        route = self._routes.find(path) if own is None else None
        try:
            if own is not None:
                answer = await _own_answer(own, scope["method"])
            else:
                answer = await self._issuer_answer(route, scope, receive)
        except Refused as refused:
            answer = refused.answer
        except _Gone:
            return None
        except Exception:
            log.exception("a request failed")
            answer = SERVER_ERROR
        label = path if own is not None else route.suffix if route is not None else "other"
        self._metrics.count_answer(label, answer.status, perf_counter() - began)
        return answer

    async def _issuer_answer(self, route: Route | None, scope: Scope, receive: Receive) -> Answer:
        if route is None:
            raise oauth_error(404, "not_found", "there is nothing at this path")
        _check_method(scope["method"], route.endpoint.methods)
        self._present(route, route.issuer)
        body = await _body(scope, receive, route.endpoint.max_body)
        # News may have come while the body did, which the sender can draw out: what is judged by is what is known now.
        issuer = self._present(route, self._routes.now(route.issuer))
        age = self._health.age()
        if age > issuer.max_staleness:
            raise come_back("the gate's knowledge is too old to answer")
        request = IssuerRequest(
            scope["method"],
            scope["headers"],
            body,
            issuer,
            route.path,
            scope.get("query_string", b""),
        )
        staleness = (STALENESS, b"%d" % age)
        try:
            answer = await route.endpoint.handle(request)
        except Refused as refused:
            answer = refused.answer
        status, body, content_type, headers = answer
        return Answer(status, body, content_type, (*headers, staleness))

    def _present(self, route: Route, issuer: KnownIssuer | None) -> KnownIssuer:
        """The issuer, if there is one; whoever does not know enough cannot say that there is none (I17)."""
        if issuer is not None:
            return issuer
        if self._health.unready():
            raise come_back("the gate does not know enough to answer")
        raise Refused(route.endpoint.absent)

    async def _healthz(self) -> Answer:
        return plain(200, "ok")

    async def _readyz(self) -> Answer:
        wrong = self._health.unready()
        # Verifying needs no private key, so one that is missing must not take the gate out of service.
        lacks = self._health.lacks()
        return plain(503 if wrong else 200, wrong or (f"ok, but {lacks}" if lacks else "ok"))

    async def _series(self) -> Answer:
        # In a thread, so that no request waits for the text.
        text = await asyncio.to_thread(generate_latest, self._metrics.registry)
        return Answer(200, text, CONTENT_TYPE_LATEST.encode())

    async def _docs(self) -> Answer:
        return pages.docs()

    async def _openapi(self) -> Answer:
        return pages.openapi()


async def _own_answer(answering: Callable[[], Awaitable[Answer]], method: str) -> Answer:
    _check_method(method, READ)
    return await answering()


def _check_method(method: str, allowed: tuple[str, ...]) -> None:
    if method not in allowed:
        allow = (b"allow", ", ".join(allowed).encode())
        raise oauth_error(405, "invalid_request", "the method is not allowed here", allow)


async def _body(scope: Scope, receive: Receive, limit: int) -> bytes:
    """Read the whole body; 413 as soon as it is known to be too long, without reading the rest."""
    if limit == 0:
        return b""
    _check_announced_length(scope["headers"], limit)
    body: bytes = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Gone
        body += message.get("body", b"")
        if len(body) > limit:
            raise _too_long()
        if not message.get("more_body", False):
            return body


def _check_announced_length(headers: list[Header], limit: int) -> None:
    for name, value in headers:
        # What is no number is for the server to refuse.
        if name == b"content-length" and value.isdigit() and int(value[:20]) > limit:
            raise _too_long()


def _too_long() -> Refused:
    return oauth_error(413, "invalid_request", "the body is too long", CLOSE)
