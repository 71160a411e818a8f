"""The HTTP endpoint for probes and Prometheus."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from prometheus_client import CollectorRegistry

    Handler = Callable[[web.Request], Awaitable[web.Response]]


class InvalidAddress(ValueError):
    """An address to listen on that is none."""


@asynccontextmanager
async def served(
    listen: str, *, registry: CollectorRegistry, alive: Callable[[], str], ready: Callable[[], str]
) -> AsyncIterator[str]:
    """Serve `/healthz`, `/readyz` and `/metrics` for the length of the block; yields the address bound.

    `alive` and `ready` return what is wrong, or nothing. Port 0 takes a free one.
    """
    host, port = _split(listen)
    app = web.Application()
    app.router.add_get("/healthz", _probe(alive))
    app.router.add_get("/readyz", _probe(ready))
    app.router.add_get("/metrics", _metrics(registry))
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        bound = runner.addresses[0]
        yield f"{bound[0]}:{bound[1]}"
    finally:
        await runner.cleanup()


def _split(listen: str) -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    if not port.isdecimal() or int(port) > 65535:
        raise InvalidAddress(f"--listen takes HOST:PORT, e.g. 127.0.0.1:8081, not {listen!r}")
    return host.strip("[]") or "0.0.0.0", int(port)  # noqa: S104 - ":8081" asks for all interfaces


def _probe(problem: Callable[[], str]) -> Handler:
    async def handle(_: web.Request) -> web.Response:
        wrong = problem()
        return web.Response(status=503 if wrong else 200, text=f"{wrong or 'ok'}\n")

    return handle


def _metrics(registry: CollectorRegistry) -> Handler:
    async def handle(_: web.Request) -> web.Response:
        # In a thread: with 100,000 resources the text takes seconds, and renewals must not wait for it.
        text = await asyncio.to_thread(generate_latest, registry)
        return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE_LATEST})

    return handle
