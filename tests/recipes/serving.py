"""Programs that serve while a test asks them, and the asking."""

from __future__ import annotations

import asyncio
import os
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import aiohttp
import msgspec
from aiohttp import web

from reconcile.cluster_user import PATIENCE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)

    @property
    def challenge(self) -> str:
        return self.headers.get("WWW-Authenticate", "")


async def ask(
    url: str, token: str = "", method: str = "GET", headers: Mapping[str, str] | None = None
) -> Answer:
    """Ask as the bearer of a token, or of none."""
    sent = dict(headers or {}) | ({"Authorization": f"Bearer {token}"} if token else {})
    async with aiohttp.request(method, url, headers=sent) as response:
        return Answer(response.status, response.headers, await response.read())


async def until_status(url: str, token: str, status: int) -> Answer:
    """Ask until the answer has that status."""
    async with asyncio.timeout(PATIENCE):
        while (answer := await ask(url, token)).status != status:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.1)
    return answer


@asynccontextmanager
async def serving(
    command: list[str], port: int, log: Path, environment: Mapping[str, str] | None = None
) -> AsyncIterator[str]:
    """Have a program run that listens on a port of loopback; yields its URL. It ends with the block."""
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *command,
            env=os.environ | dict(environment or {}),
            stdout=output,
            stderr=asyncio.subprocess.STDOUT,
        )
    try:
        await _listening(process, port, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


async def _listening(process: asyncio.subprocess.Process, port: int, log: Path) -> None:
    async with asyncio.timeout(PATIENCE):
        while not await _accepts(port):
            assert process.returncode is None, await asyncio.to_thread(log.read_text)
            await asyncio.sleep(0.05)


async def _accepts(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    await writer.wait_closed()
    return True


@dataclass
class Upstream:
    """A service behind a proxy, which notes what reaches it."""

    requests: list[Mapping[str, str]] = field(default_factory=list)

    async def serve(self, request: web.Request) -> web.Response:
        self.requests.append(request.headers)
        return web.Response(text="served")


@asynccontextmanager
async def upstream(port: int) -> AsyncIterator[Upstream]:
    """Have a service on a port of loopback for the length of the block."""
    service = Upstream()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", service.serve)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield service
    finally:
        await runner.cleanup()


def adapted(text: str, replacements: Mapping[str, str]) -> str:
    """The text of a recipe with the names of this machine; what is replaced has to be there."""
    for old, new in replacements.items():
        assert old in text, f"the recipe has no {old}"
        text = text.replace(old, new)
    return text
