"""A fake API server, clients, and fake time."""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from kube.fake_api import API, FakeApi
from kube.waiting import FakeTime
from mintmaster.kube.client import Client
from mintmaster.kube.config import Connection, load
from mintmaster.kube.tls import ClientTLS

if TYPE_CHECKING:
    from mintmaster.localcluster.cluster import LocalCluster


@pytest.fixture
def time() -> FakeTime:
    return FakeTime()


@pytest.fixture
async def api() -> AsyncIterator[FakeApi]:
    fake = FakeApi()
    app = web.Application()
    app[API] = fake
    app.router.add_route("*", "/{path:.*}", fake.handle)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    fake.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield fake
    fake.closing.set()
    await runner.cleanup()


@pytest.fixture
async def client(api: FakeApi) -> AsyncIterator[Client]:
    """Speak with the fake API server."""
    async with Client(Connection(server=api.url, tls=ClientTLS())) as opened:
        yield opened


@pytest.fixture
async def real(cluster: "LocalCluster") -> AsyncIterator[Client]:
    """Speak with the real API server, as its administrator."""
    async with Client(load(str(cluster.kubeconfig))) as opened:
        yield opened
