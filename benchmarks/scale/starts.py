"""Starts where everything is as it should be: of the operator, of its watches, and of a gate."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

import aiohttp
import msgspec

from benchmarks import measurements
from benchmarks.api import Refused, resources_path
from benchmarks.polling import until
from benchmarks.processes import Failed
from benchmarks.scale import processes
from benchmarks.scale.figures import Gate, Memory, Size, Start
from benchmarks.scale.ground import OPTIONS, PATIENCE, all_checked, at_rest, unchecked, writes
from benchmarks.stopwatch import stopwatch
from mintmaster.api.reasons import State

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from benchmarks.processes import Operator
    from benchmarks.scale.ground import Ground

RELIST_PATIENCE = 900.0
"""Seconds for an API server to fill its caches, and for the operator to list from them."""


async def grown(ground: Ground, count: int) -> Size:
    """Fill up to so many resources."""
    await ground.grow(count)
    size = Size(count, await ground.store.size())
    size.lists += [await measurements.list_seconds(ground.stage) for _ in range(2)]
    return size


async def operator(
    ground: Ground, size: Size, relist: Callable[[Operator], Awaitable[None]]
) -> None:
    """Measure a start of the operator, and then what is to be measured with the same one."""
    before = await measurements.versions(ground.stage)
    async with stopwatch(ground.stage.api, ground.namespace) as seen:
        began = time.monotonic()
        async with ground.stage.operator(*OPTIONS) as process:
            name, _ = await ground.create()
            ready = await seen.wait_for_name(name, within=PATIENCE)
            left = await unchecked(process, size.count)
            await all_checked(process, size.count)
            settled, cpu = time.monotonic(), process.cpu_seconds
            wrote = await writes(process)
            pid = process.process.pid
            size.memory = Memory(ground.empty.settled, processes.resident(pid), processes.peak(pid))
            after = await measurements.versions(ground.stage)
            size.start = Start(
                until_ready=ready - began,
                unchecked=left,
                settled=settled - began,
                cpu=cpu,
                writes=wrote - measurements.WRITES_OF_AN_ISSUE,
                changed=sum(after.get(key) != version for key, version in before.items()),
            )
            size.lists.append(await measurements.list_seconds(ground.stage))
            await relist(process)


async def relist(ground: Ground, size: Size, operator: Operator) -> None:
    """Measure a list anew: the API server is started again, which ends all watches and forgets where they stood."""
    size.relist = await _relisted(ground, operator, size.count)


async def _relisted(ground: Ground, operator: Operator, count: int) -> Start:
    wrote, cpu = await writes(operator), operator.cpu_seconds
    await ground.restart_api_server()
    began = time.monotonic()
    await until(partial(_created, ground), within=PATIENCE)
    # By reads: the API server refuses watches until it has filled its caches.
    await until(partial(_is_active, ground, operator), within=RELIST_PATIENCE)
    ready = time.monotonic()
    await at_rest(operator)
    return Start(
        until_ready=ready - began,
        unchecked=await unchecked(operator, count),
        settled=time.monotonic() - began,
        cpu=operator.cpu_seconds - cpu,
        writes=await writes(operator) - wrote - measurements.WRITES_OF_AN_ISSUE,
        changed=0,
    )


async def _created(ground: Ground) -> bool:
    try:
        await ground.create()
    except (Refused, aiohttp.ClientError):
        return False
    return True


async def _is_active(ground: Ground, operator: Operator) -> bool:
    """Whether the resource that was created last is. Failed if the API server was away for longer than a Lease lasts,
    which the leader ends itself for: that is a start, and no list anew.
    """
    if operator.process.returncode is not None:
        raise Failed("the API server took longer to start than the operator's Lease lasts")
    path = f"{resources_path(ground.namespace)}/{ground.newest}"
    try:
        found = msgspec.json.decode(await ground.stage.api.request("GET", path))
    except (Refused, aiohttp.ClientError):
        return False
    return bool(found.get("status", {}).get("state") == State.ACTIVE)


async def gate(ground: Ground, size: Size) -> None:
    """Measure a gate that starts, and what it takes once it knows everything."""
    began = time.monotonic()
    async with processes.gate(ground.stage.kubeconfig, ground.stage.operator_log) as process:
        await process.wait_until_ready()
        ready = time.monotonic() - began
        pid = process.process.pid
        memory = Memory(ground.gate_empty, processes.resident(pid), processes.peak(pid))
        size.gate = Gate(memory, ready)
