"""What passes through a wire, and how it is spoiled."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import aiohttp
import pytest
from aiohttp import web

from chaos.pki import Authority
from chaos.proxy import Execution, Proxy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

WORLD = 1_800_000_000.0
WORLD_DATE = "Fri, 15 Jan 2027 08:00:00 GMT"


@dataclass
class Wired:
    """A server, a proxy before it, and a client behind that."""

    proxy: Proxy
    client: aiohttp.ClientSession
    received: list[str] = field(default_factory=list)
    tapped: list[tuple[str, bytes]] = field(default_factory=list)

    async def ask(self, method: str = "GET", path: str = "/x", body: str = "") -> int:
        """The status of an answer; 0 where the connection broke."""
        url = f"https://127.0.0.1:{self.proxy.port}{path}"
        try:
            async with self.client.request(method, url, data=body or None) as answer:
                await answer.read()
                return answer.status
        except (aiohttp.ClientError, OSError):
            return 0


@asynccontextmanager
async def wired(folder: Path) -> AsyncIterator[Wired]:
    authority = Authority(folder)
    received: list[str] = []

    async def handle(request: web.Request) -> web.StreamResponse:
        received.append(f"{request.method} {request.path} {request.headers.get('Authorization')}")
        if "watch" not in request.query:
            return web.json_response({"said": (await request.read()).decode()}, status=201)
        stream = web.StreamResponse()
        await stream.prepare(request)
        await stream.write(b'{"type":"ADDED"}\n')
        await asyncio.Event().wait()
        return stream

    server = web.Application()
    server.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(server, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.serving("server"))
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    trusting = ssl.create_default_context(cafile=authority.certificate)
    upstream = f"https://127.0.0.1:{runner.addresses[0][1]}"
    proxy = Proxy("operator-0", upstream, trusting, authority, now=lambda: WORLD)
    await proxy.start()
    connector = aiohttp.TCPConnector(ssl=trusting)
    headers = {"Authorization": "Bearer me"}
    async with aiohttp.ClientSession(connector=connector, headers=headers) as client:
        client._retry_connection = False
        made = Wired(proxy, client, received)
        proxy.begin(1, lambda path, body: made.tapped.append((path, body)))
        yield made
    await proxy.stop()
    await runner.cleanup()


@pytest.fixture
async def wire(tmp_path: Path) -> AsyncIterator[Wired]:
    async with wired(tmp_path) as made:
        yield made


async def test_what_is_whole_lets_everything_pass_and_shows_world_time(wire: Wired) -> None:
    url = f"https://127.0.0.1:{wire.proxy.port}/y"
    async with wire.client.post(url, data="something") as answer:
        assert (answer.status, await answer.json()) == (201, {"said": "something"})
        assert answer.headers["Date"] == WORLD_DATE

    assert wire.received == ["POST /y Bearer me"]
    assert wire.tapped == [("/y", b"something")]


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_refusal_does_not_reach_the_server(wire: Wired, status: int) -> None:
    wire.proxy.link.refused, wire.proxy.link.refused_share = status, 1.0

    assert await wire.ask() == status
    assert not wire.received


async def test_a_conflict_is_answered_to_writes_alone(wire: Wired) -> None:
    wire.proxy.link.refused, wire.proxy.link.refused_share = 409, 1.0

    assert await wire.ask("GET") == 201
    assert await wire.ask("PATCH", body="{}") == 409
    assert len(wire.received) == 1


async def test_a_lost_answer_was_carried_out(wire: Wired) -> None:
    wire.proxy.link.lost_share = 1.0

    assert await wire.ask("POST", body="{}") == 0
    assert wire.received == ["POST /x Bearer me"]


async def test_what_is_cut_carries_nothing_until_it_is_mended(wire: Wired) -> None:
    wire.proxy.link.cut = True
    assert await wire.ask() == 0
    wire.proxy.heal()
    assert await wire.ask() == 201
    assert len(wire.received) == 1


async def test_what_is_silent_holds_requests_back(wire: Wired) -> None:
    wire.proxy.link.hush(silent=True)
    asked = asyncio.create_task(wire.ask())
    done, _ = await asyncio.wait({asked}, timeout=0.2)
    assert not done
    assert not wire.received

    wire.proxy.link.hush(silent=False)

    assert await asked == 201


async def test_watches_can_be_cut(wire: Wired) -> None:
    url = f"https://127.0.0.1:{wire.proxy.port}/x?watch=1"
    async with wire.client.get(url) as answer:
        assert await answer.content.readline() == b'{"type":"ADDED"}\n'
        wire.proxy.cut_watches()
        with pytest.raises(aiohttp.ClientError):
            await answer.content.readline()


async def test_a_forgotten_version_is_told_to_watches_alone(wire: Wired) -> None:
    wire.proxy.link.refused, wire.proxy.link.refused_share = 410, 1.0
    said = set()
    for _ in range(20):
        url = f"https://127.0.0.1:{wire.proxy.port}/x?watch=1"
        async with wire.client.get(url) as answer:
            said.add((answer.status, b'"code": 410' in await answer.read()))

    assert said == {(410, True), (200, True)}
    assert await wire.ask("GET") == 201


@pytest.mark.parametrize(("after", "carried_out"), [(False, 1), (True, 2)])
async def test_a_process_can_be_killed_at_a_write_of_our_choice(
    wire: Wired, after: bool, carried_out: int
) -> None:
    killed: list[bool] = []
    wire.proxy.link.execution = Execution(
        matches=lambda method, path: method == "PATCH" and path == "/x",
        nth=2,
        after=after,
        kill=lambda: killed.append(True),
    )

    assert await wire.ask("PATCH", body="{}") == 201
    assert await wire.ask("GET") == 201
    assert not killed
    assert await wire.ask("PATCH", body="{}") == 0

    assert killed == [True]
    assert sum(it.startswith("PATCH") for it in wire.received) == carried_out


async def test_a_renewed_certificate_is_another_one_of_the_same_authority(
    wire: Wired, tmp_path: Path
) -> None:
    context = ssl.create_default_context(cafile=tmp_path / "chaos-ca.crt")

    async def shown() -> object:
        _, writer = await asyncio.open_connection("127.0.0.1", wire.proxy.port, ssl=context)
        certificate = writer.get_extra_info("peercert")["serialNumber"]
        writer.close()
        await writer.wait_closed()
        return certificate

    before = await shown()
    wire.proxy.renew_certificate()

    assert await shown() != before
