"""Waiting until all that there is is known, since kopf does not tell when it has handed over what it listed."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import msgspec

from lifecycle.build import meta, runner
from mintmaster.api.kinds import RUNNER_REGISTRATION
from mintmaster.kube.errors import Unreachable
from mintmaster.kube.scope import Scope
from mintmaster.operator.queue import FairQueue, Key
from mintmaster.operator.sweep import PROBES, Sweep
from mintmaster.operator.world import World

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mintmaster.kube.client import Client
    from mintmaster.operator.gathering import Gatherer

PATIENCE = 20.0


def key(name: str) -> Key:
    return Key(RUNNER_REGISTRATION.kind, "team", name)


@dataclass
class ApiServer:
    """Lists runners, two to a page, and says which of them can be read."""

    names: list[str]
    unreadable: set[str] = field(default_factory=set)
    outages: int = 0
    probed: list[str] = field(default_factory=list)

    async def get(self, path: str, params: Mapping[str, str]) -> bytes:
        if self.outages:
            self.outages -= 1
            raise Unreachable(path)
        names = self.names if path.endswith(RUNNER_REGISTRATION.plural) else []
        start = int(params.get("continue", "0"))
        following = str(start + 2) if start + 2 < len(names) else ""
        items = [{"metadata": {"name": name, "namespace": "team"}} for name in names[start:][:2]]
        return msgspec.json.encode({"metadata": {"continue": following}, "items": items})

    async def is_readable(self, asked: Key) -> bool:
        self.probed.append(asked.name)
        return asked.name not in self.unreadable


def knowing(world: World, *names: str) -> None:
    for name in names:
        world.observe(key(name), runner(meta("name", name)), listed=True)


def waiting(api: ApiServer, world: World) -> asyncio.Task[None]:
    sweep = Sweep(cast("Client", api), Scope(), world, FairQueue(), cast("Gatherer", api))
    return asyncio.create_task(sweep.until_all_known())


async def probed(api: ApiServer, times: int) -> None:
    """Wait until single resources have been read so often."""
    async with asyncio.timeout(PATIENCE):
        while len(api.probed) < times:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)


async def test_it_ends_at_once_where_all_is_known() -> None:
    world = World()
    knowing(world, "a", "b", "c")
    await asyncio.wait_for(waiting(ApiServer(["a", "b", "c"]), world), PATIENCE)


async def test_it_waits_for_each_resource_of_every_page() -> None:
    api, world = ApiServer(["a", "b", "c"]), World()
    knowing(world, "a", "b")
    task = waiting(api, world)
    await probed(api, 3)
    assert not task.done()
    knowing(world, "c")
    await asyncio.wait_for(task, PATIENCE)


async def test_it_does_not_wait_for_what_is_gone_or_cannot_be_read() -> None:
    api, world = ApiServer(["a", "b", "c"], unreadable={"b", "c"}), World()
    knowing(world, "a")
    await asyncio.wait_for(waiting(api, world), PATIENCE)
    assert set(api.probed) == {"b", "c"}


async def test_an_outage_is_no_answer() -> None:
    api, world = ApiServer(["a"], outages=2), World()
    knowing(world, "a")
    await asyncio.wait_for(waiting(api, world), PATIENCE)
    assert api.outages == 0


async def test_few_are_read_at_a_time_while_many_are_to_come() -> None:
    names = [f"runner-{number}" for number in range(4 * PROBES)]
    api, world = ApiServer(names), World()
    task = waiting(api, world)
    await probed(api, 1)
    assert len(api.probed) <= PROBES
    knowing(world, *names)
    await asyncio.wait_for(task, PATIENCE)
    assert len(api.probed) <= PROBES
