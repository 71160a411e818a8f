"""Terms of leadership whose operator looks at its status lists often, and what tests ask of those lists."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mintmaster.kube.errors import Forbidden, Unreachable
from mintmaster.operator.settings import Settings, StatusListSettings
from reconcile.faults.tampering import Recorder, process_with
from reconcile.harness import PATIENCE, running
from reconcile.status_list_reading import config_map, place_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from reconcile.faults.tampering import Request, Send, Tamper, Target
    from reconcile.harness import Cluster, Running, SettableClock
    from reconcile.status_list_reading import Place

SETTINGS = Settings(listen="127.0.0.1:0", status_lists=StatusListSettings(pace=0.05))


@asynccontextmanager
async def term(
    cluster: Cluster, clock: SettableClock, tamper: Tamper | None = None
) -> AsyncIterator[Running]:
    """One term of leadership."""
    process = process_with(tamper or Recorder())
    async with running(
        cluster.kubeconfig, clock=clock, settings=SETTINGS, process_type=process
    ) as started:
        yield started


class Mortal:
    """Lets everything pass until the operator is dead, which has no last word."""

    def __init__(self) -> None:
        self.dead = False

    async def __call__(self, request: Request, send: Send) -> bytes:
        if self.dead and request.is_write:
            raise Unreachable("the dead do not write")
        return await send()


@dataclass
class Refusal:
    """Has some requests forbidden until that is over."""

    target: Target
    over: bool = False

    async def __call__(self, request: Request, send: Send) -> bytes:
        if self.target.matches(request) and not self.over:
            raise Forbidden(403, f"{request.resource} is forbidden", reason="Forbidden")
        return await send()


async def token(cluster: Cluster, name: str = "runner") -> str:
    return (await cluster.secret_data(f"{name}-token"))["token"]


async def listed_runner(cluster: Cluster, name: str = "runner", **spec: object) -> Place:
    """A runner with a token, and where that is listed."""
    await cluster.ready_runner(name, **spec)
    return place_of(await token(cluster, name))


async def version_of(cluster: Cluster, uri: str) -> str:
    found = await config_map(cluster, uri)
    assert found is not None
    version: str = found["metadata"]["resourceVersion"]
    return version


async def judged(operator: Running) -> None:
    """Wait until the operator has judged the lists of other terms."""
    assert operator.process.core is not None
    lists = operator.process.core.status_lists
    async with asyncio.timeout(PATIENCE):
        while not lists.judges_all:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.02)
