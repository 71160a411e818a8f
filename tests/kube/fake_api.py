"""An HTTP server that answers as it is told: for the faults that a real API server hides."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import msgspec
from aiohttp import web

Answer: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Received:
    """A request as it came."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return msgspec.json.decode(self.body)


@dataclass
class FakeApi:
    """Gives the answers in their order, then hangs; keeps what it was asked."""

    answers: list[Answer] = field(default_factory=list)
    requests: list[Received] = field(default_factory=list)
    closing: asyncio.Event = field(default_factory=asyncio.Event)
    url: str = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(await _received(request))
        answer = self.answers.pop(0) if self.answers else stall
        return await answer(request)


async def _received(request: web.Request) -> Received:
    return Received(
        method=request.method,
        path=request.path,
        query=dict(request.query),
        headers={name.lower(): value for name, value in request.headers.items()},
        body=await request.read(),
    )


API: web.AppKey[FakeApi] = web.AppKey("api", FakeApi)


async def stall(request: web.Request) -> web.StreamResponse:
    """Give no answer at all."""
    await request.app[API].closing.wait()
    return web.Response(status=503)


async def hang_up(request: web.Request) -> web.StreamResponse:
    """Close the connection instead of answering."""
    assert request.transport is not None
    request.transport.close()
    return web.Response()


def says(value: object, status: int = 200, **headers: str) -> Answer:
    """Answer with this JSON; `retry_after="1"` becomes the header Retry-After."""
    fields = {name.replace("_", "-"): text for name, text in headers.items()}

    async def answer(_: web.Request) -> web.StreamResponse:
        body = value if isinstance(value, bytes) else msgspec.json.encode(value)
        return web.Response(
            body=body, status=status, headers=fields, content_type="application/json"
        )

    return answer


def fails(code: int, reason: str = "", message: str = "", **details: object) -> Answer:
    """Answer with a Status."""
    return says(status(code, reason, message, **details), code)


def streams(*chunks: bytes, then: str = "stall") -> Answer:
    """Send these chunks, then `stall`, `end` as it should be, or `cut` the connection."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for chunk in chunks:
            await response.write(chunk)
        if then == "stall":
            await request.app[API].closing.wait()
        elif then == "cut":
            assert request.transport is not None
            request.transport.close()
        return response

    return answer


def status(code: int, reason: str = "", message: str = "", **details: object) -> dict[str, object]:
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "code": code,
        "reason": reason,
        "message": message,
        "details": details,
    }


def thing(name: str, version: int, namespace: str = "a", **extra: object) -> dict[str, object]:
    """Make an object whose UID derives from its name."""
    metadata = {
        "name": name,
        "namespace": namespace,
        "uid": f"uid-{name}",
        "resourceVersion": str(version),
    }
    return {"metadata": metadata, **extra}


def page(version: int, *items: dict[str, object], more: str = "") -> dict[str, object]:
    return {"metadata": {"resourceVersion": str(version), "continue": more}, "items": items}


def event(type_: str, value: object) -> bytes:
    return msgspec.json.encode({"type": type_, "object": value}) + b"\n"


def bookmark(version: int) -> bytes:
    return event("BOOKMARK", {"metadata": {"resourceVersion": str(version)}})
