"""The end of a namespace with many resources, without an operator and with one."""

from __future__ import annotations

import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from benchmarks.api import Refused
from benchmarks.polling import until
from benchmarks.scale.figures import Deletion
from benchmarks.scale.ground import PATIENCE, at_rest, writes
from mintmaster.kube.paths import object_path

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from benchmarks.scale.ground import Ground


async def deletion(ground: Ground, count: int) -> Deletion:
    """A namespace with so many resources is deleted, without an operator and with one."""
    beside = ground.count
    async with _doomed(ground, "doomed-1", count):
        without = await _deleted(ground, "doomed-1")
    async with _doomed(ground, "doomed-2", count), ground.operator() as operator:
        await at_rest(operator)
        wrote, cpu = await writes(operator), operator.cpu_seconds
        took = await _deleted(ground, "doomed-2")
        await at_rest(operator)
        return Deletion(
            beside,
            count,
            without,
            took,
            operator.cpu_seconds - cpu,
            await writes(operator) - wrote,
        )


@asynccontextmanager
async def _doomed(ground: Ground, name: str, count: int) -> AsyncIterator[None]:
    await ground.stage.namespace(name)
    await ground.fill(name, count)
    # The garbage collector takes note of them first, or whoever comes second would find it done.
    await ground.stage.quiet(within=PATIENCE)
    yield
    ground.count -= count


async def _deleted(ground: Ground, name: str) -> float:
    """Seconds until a namespace is gone."""
    path, began = object_path("v1", "namespaces", None, name), time.monotonic()
    await ground.stage.api.request("DELETE", path)

    async def is_gone() -> bool:
        try:
            await ground.stage.api.request("GET", path)
        except Refused:
            return True
        return False

    await until(is_gone, within=PATIENCE)
    return time.monotonic() - began
