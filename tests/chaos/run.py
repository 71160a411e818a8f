"""One run: everything up, load and faults, healing, rest, and the judge."""

from __future__ import annotations

import asyncio
import shutil
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import aiohttp

from chaos import harm, objects, plan, reading
from chaos.api import OURS, Unanswered
from chaos.asking import Asker
from chaos.judge import (
    judge,
    nothing_active_that_should_not,
    nothing_inactive_that_should_not,
    standing,
)
from chaos.load import Load
from chaos.logs import complaints
from chaos.record import Final, Record
from chaos.scene import Scene
from chaos.watching import KINDS, SECRETS, Collection, Observer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine
    from typing import Any

    from chaos.judge import Verdict
    from chaos.record import Object
    from chaos.stage import Stage

LAST_LEAP = 400.0
"""Seconds of world time that pass after the faults: more than any overlap, and enough for renewals to come due."""

LAST_OVERLAPS = 70.0
"""Seconds of world time that pass then: more than an overlap that the load asks for, and less than until a renewal."""

REST_PATIENCE = 240.0
"""Seconds that everything may take to be as it should: a resource that failed is tried again after a minute at most."""

QUIET = 4.0
"""Seconds without a write after which everything counts as being at rest."""

WATCHED = 6.0
"""Seconds in which nothing may be written then."""

GATE_PATIENCE = 60.0
"""Seconds that gates may take to be whole again: their watches are made anew with pauses of half a minute at most."""

WARM_UP = 4.0


async def run(
    stage: Stage, seed: int, seconds: float, say: Callable[[str], None]
) -> tuple[list[Verdict], Record]:
    """Carry out the plan of a seed; the verdicts, and what they were made from."""
    record = Record(seed, stage.clock.history, objects.MAX_STALENESS)
    collection = Collection(record)
    stage.begin(seed, collection.tap)
    observer = Observer(stage.api, record, collection)
    scene = Scene(stage, record, observer, Load(stage.api, record, observer), say)
    record.foreign = await _foreign(stage)
    async with aiohttp.ClientSession() as session:
        asker = Asker(stage.gates, record, observer, stage.clock, session)
        background = [
            observer.run(),
            *(process.watch_over() for process in stage.processes.values()),
            *(asker.run(gate) for gate in stage.gates),
        ]
        async with going_on(*background):
            await _trouble(scene, seconds)
            record.final = await _settled(scene, asker)
    record.complaints = complaints(stage, record)
    for _, backup in scene.backups:
        shutil.rmtree(backup)
    return judge(record), record


async def _trouble(scene: Scene, seconds: float) -> None:
    """Load and faults, for so long; then everything is healed."""
    await scene.load.fill()
    async with going_on(scene.load.run()):
        await asyncio.sleep(WARM_UP)
        scene.ends_at = time.monotonic() + seconds
        await harm.carry_out(scene, plan.faults(scene.record.seed, seconds))
        await asyncio.sleep(max(scene.ends_at - time.monotonic(), 0.0))
    scene.say("the faults are over")
    await harm.heal(scene)


async def _settled(scene: Scene, asker: Asker) -> Final:
    """Have everything come to rest, twice: renewals after the first leap have overlaps that the second one ends."""
    scene.stage.clock.pass_time(LAST_LEAP)
    final, before = await _at_rest(scene)
    if not final.unrest:
        scene.stage.clock.pass_time(LAST_OVERLAPS)
        final, before = await _at_rest(scene)
    await asyncio.sleep(WATCHED)
    later = await _look(scene)
    later.unrest = final.unrest
    later.writes = _differences(before, _versions(later))
    later.answers = await _asked(scene, asker, later)
    later.world = scene.stage.clock.now()
    return later


async def _at_rest(scene: Scene) -> tuple[Final, dict[str, str]]:
    """Wait until all is as it should be and nothing is written any more, or patience is at its end."""
    began, calm_since = time.monotonic(), time.monotonic()
    final = await _look(scene)
    before: dict[str, str] = {}
    wrong = ["nothing was looked at"]
    while time.monotonic() - began < REST_PATIENCE:
        final = await _look(scene)
        versions = _versions(final)
        if versions != before:
            before, calm_since = versions, time.monotonic()
        wrong = standing(scene.record, final)
        if not wrong and time.monotonic() - calm_since > QUIET:
            break
        await asyncio.sleep(0.5)
    else:
        final.unrest = "not at rest: " + "; ".join(wrong[:3] or ["writes go on"])
    scene.say(f"waited {time.monotonic() - began:.0f} s for rest")
    return final, before


async def _asked(scene: Scene, asker: Asker, final: Final) -> list[Any]:
    """Ask every gate about every token, until all is right or patience is at its end."""
    deadline = time.monotonic() + GATE_PATIENCE
    while True:
        asked = [await asker.ask_all(gate) for gate in scene.stage.gates]
        final.answers = [answer for answers in asked for answer in answers]
        rules = (nothing_active_that_should_not, nothing_inactive_that_should_not)
        if not any(next(rule(scene.record, final), None) for rule in rules):
            return final.answers
        if time.monotonic() > deadline:
            return final.answers
        await asyncio.sleep(1.0)


async def _look(scene: Scene) -> Final:
    api = scene.stage.api
    for _ in range(100):
        try:
            lists = [await api.items(path) for path in KINDS.values()]
            return Final(
                world=scene.stage.clock.now(),
                resources=[item for items in lists for item in items],
                secrets=await api.items(SECRETS),
                issuers=await api.items(f"{OURS}/tokenissuers"),
                answers=[],
                writes=[],
            )
        except Unanswered:
            await asyncio.sleep(0.3)
    raise AssertionError("the API server does not come back")


def _versions(final: Final) -> dict[str, str]:
    items = [*final.resources, *final.secrets, *final.issuers]
    return {reading.title(it): str(it["metadata"]["resourceVersion"]) for it in items}


def _differences(before: dict[str, str], after: dict[str, str]) -> list[str]:
    names = before.keys() | after.keys()
    return sorted(name for name in names if before.get(name) != after.get(name))


async def _foreign(stage: Stage) -> dict[str, str]:
    """The Secrets of others in our namespaces, as they are before anything happens."""
    found: list[Object] = [
        await stage.api.get(f"/api/v1/namespaces/{namespace}/secrets/{name}")
        for namespace in objects.NAMESPACES
        for name in objects.PASSWORDS
    ]
    return {reading.where(it): it["metadata"]["resourceVersion"] for it in found}


@asynccontextmanager
async def going_on(*works: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Have these go on beside the block, which fails with the first of them."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(work) for work in works]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
