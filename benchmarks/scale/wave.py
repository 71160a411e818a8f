"""A wave of renewals that are due at once, while people go on to create resources."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from benchmarks.api import MERGE_PATCH, secrets_path
from benchmarks.pattern import resource
from benchmarks.scale.figures import Wave
from benchmarks.scale.filling import spread
from benchmarks.scale.ground import PATIENCE
from benchmarks.stopwatch import stopwatch
from mintmaster.kube.paths import collection_path

if TYPE_CHECKING:
    from benchmarks.scale.ground import Ground
    from benchmarks.stage import Stage
    from benchmarks.stopwatch import Stopwatch

FILLED_PER_SECOND = 150
"""At the least: the wave is due when all of it has been put there and looked at."""


async def wave(ground: Ground, count: int, window: float) -> Wave:
    """So many renewals due within so many seconds, after as many by a bare loop; people create meanwhile."""
    stage, beside = ground.stage, ground.count
    bare = await _bare_wave(ground, count)
    namespace = await stage.namespace("wave")
    async with ground.operator():
        begin = datetime.now(UTC) + timedelta(seconds=30 + count / FILLED_PER_SECOND)
        async with stopwatch(stage.api, namespace, revision=2) as seen:
            await ground.fill_watched(namespace, count, spread(window, count, begin))
            await seen.wait_for(1, within=PATIENCE)
            people, people_bare = await _people(ground, seen, count)
            await seen.wait_for(count, within=PATIENCE)
        end = (begin + timedelta(seconds=window)).timestamp()
        behind = time.time() - time.monotonic() + seen.last - end
    return Wave(beside, count, window, bare, seen.rate, behind, people, people_bare)


async def _bare_wave(ground: Ground, count: int) -> float:
    namespace = await ground.stage.namespace("wave-bare")
    await ground.fill(namespace, count)
    async with stopwatch(ground.stage.api, namespace, revision=2) as seen:
        await ground.stage.bare(namespace, count, "renew")
        await seen.wait_for(count, within=PATIENCE)
    # What the bare loop wrote is no token of theirs.
    await ground.empty_again(namespace, count)
    return seen.rate


async def _people(ground: Ground, wave: Stopwatch, count: int) -> tuple[list[float], list[float]]:
    """Create one resource after the other as long as the wave lasts, and do the three writes of one beside it."""
    stage = ground.stage
    took: list[float] = []
    bare: list[float] = []
    namespace = await stage.namespace("people-bare")
    async with stopwatch(stage.api, ground.namespace) as seen:
        while len(wave.ready) < count:
            name, began = await ground.create()
            took.append(await seen.wait_for_name(name, within=PATIENCE) - began)
            began = time.monotonic()
            await _three_writes(stage, namespace, f"b-{len(bare):05}")
            bare.append(time.monotonic() - began)
            await asyncio.sleep(0.5)
    return took, bare


async def _three_writes(stage: Stage, namespace: str, name: str) -> None:
    """As many octets as a resource, its Secret and its status, in objects that the operator does not work on."""
    about = {"name": name}
    path = collection_path("v1", "configmaps", namespace)
    spec = {"metadata": about, "data": {"spec": resource(namespace, name).decode()}}
    await stage.api.request("POST", path, msgspec.json.encode(spec))
    secret = {"metadata": about, "stringData": {"token": stage.pattern.secret_text}}
    await stage.api.request("POST", secrets_path(namespace), msgspec.json.encode(secret))
    status = {"data": {"status": stage.pattern.status_text}}
    await stage.api.request("PATCH", f"{path}/{name}", msgspec.json.encode(status), MERGE_PATCH)
