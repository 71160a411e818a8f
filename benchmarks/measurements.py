"""The measurements; each leaves the stage as it found it."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from benchmarks.api import resources_path, secrets_path
from benchmarks.bare import BareLoop
from benchmarks.figures import Latencies, Pair, Restart
from benchmarks.pattern import resource
from benchmarks.polling import until
from benchmarks.stopwatch import stopwatch
from mintmaster.api import names

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from benchmarks.processes import Operator
    from benchmarks.stage import Stage

OURS = f"&labelSelector={names.LABEL_MANAGED_BY}%3D{names.MANAGED_BY}"

WRITES_OF_AN_ISSUE = 2
"""The Secret and the status."""

_WRITES = ("create", "patch", "update", "delete")


async def backlog(stage: Stage, count: int) -> Pair:
    """(a) Resources that exist: worked off by a bare loop, and by an operator that is started."""
    bare, bare_cpu = await _bare_backlog(stage, count)
    namespace = await stage.fresh_namespace()
    await stage.bare(namespace, count, "create")
    await stage.quiet()
    async with stopwatch(stage.api, namespace) as seen:
        began = time.monotonic()
        async with stage.operator() as operator:
            await seen.wait_for(count)
            cpu = operator.cpu_seconds
    return Pair(
        bare=bare,
        operator=seen.rate,
        bare_cpu=bare_cpu / count,
        operator_cpu=cpu / count,
        operator_from_start=count / (seen.last - began),
    )


async def _bare_backlog(stage: Stage, count: int) -> tuple[float, float]:
    namespace = await stage.fresh_namespace()
    await stage.bare(namespace, count, "create")
    await stage.quiet()
    async with stopwatch(stage.api, namespace) as seen:
        cpu = await stage.bare(namespace, count, "issue")
        await seen.wait_for(count)
    return seen.rate, cpu


async def stream(stage: Stage, count: int) -> Pair:
    """(b) Resources as they are created: all three writes by one bare loop, or two of them by the operator."""
    namespace = await stage.fresh_namespace()
    async with stopwatch(stage.api, namespace) as seen:
        bare_cpu = await stage.bare(namespace, count, "both")
        await seen.wait_for(count)
    bare = seen.rate
    async with stage.operator() as operator:
        await _at_rest(stage, operator)
        namespace = await stage.fresh_namespace()
        before = operator.cpu_seconds
        async with stopwatch(stage.api, namespace) as seen:
            creator_cpu = await stage.bare(namespace, count, "create")
            await seen.wait_for(count)
        cpu = operator.cpu_seconds - before + creator_cpu
    return Pair(bare=bare, operator=seen.rate, bare_cpu=bare_cpu / count, operator_cpu=cpu / count)


async def latencies(stage: Stage, samples: int) -> Latencies:
    """(c) One resource at a time, while nothing else happens; and three bare writes each."""
    async with stage.operator() as operator:
        await _at_rest(stage, operator)
        namespace = await stage.fresh_namespace()

        async def create(name: str) -> None:
            body = resource(namespace, name)
            await stage.api.request("POST", resources_path(namespace), body)

        took = await _times_one_by_one(stage, namespace, samples, create)
    namespace = await stage.fresh_namespace()
    loop = BareLoop(stage.api, stage.pattern, namespace)
    return Latencies(
        took, await _times_one_by_one(stage, namespace, samples, loop.create_and_issue)
    )


async def _times_one_by_one(
    stage: Stage, namespace: str, samples: int, begin: Callable[[str], Awaitable[None]]
) -> list[float]:
    """Seconds from the beginning of each resource until it was seen Ready."""
    took: list[float] = []
    async with stopwatch(stage.api, namespace) as seen:
        for number in range(samples):
            name, began = f"r-{number:05}", time.monotonic()
            await begin(name)
            took.append(await seen.wait_for_name(name) - began)
    return took


async def restart(stage: Stage, size: int) -> Restart:
    """(d) A start where all resources are Active, and one new resource that is created right then."""
    namespace = await stage.fresh_namespace()
    await _make_active(stage, namespace, size)
    await stage.quiet()
    before = await versions(stage)
    lists = [await list_seconds(stage) for _ in range(3)]
    await stage.quiet()
    async with stopwatch(stage.api, namespace) as seen:
        began = time.monotonic()
        async with stage.operator() as operator:
            await stage.api.request(
                "POST", resources_path(namespace), resource(namespace, "r-afresh")
            )
            ready = await seen.wait_for_name("r-afresh")
            settled = await _settled(operator, size + 1)
            await asyncio.sleep(5)
            series = await operator.metrics()
            peak = operator.peak_megabytes
    after = await versions(stage)
    lists += [await list_seconds(stage) for _ in range(3)]
    return Restart(
        size=size,
        changed=sum(after.get(key) != version for key, version in before.items()),
        writes=writes(series) - WRITES_OF_AN_ISSUE,
        lists=lists,
        until_ready=ready - began,
        settled=settled - began,
        peak_megabytes=peak,
    )


async def _at_rest(stage: Stage, operator: Operator) -> None:
    await operator.wait_until_leading()
    namespace = await stage.fresh_namespace()
    async with stopwatch(stage.api, namespace) as seen:
        await stage.api.request("POST", resources_path(namespace), resource(namespace, "r-first"))
        await seen.wait_for(1)


async def _make_active(stage: Stage, namespace: str, size: int) -> None:
    """Have the operator issue that many tokens."""
    async with stopwatch(stage.api, namespace) as seen, stage.operator() as operator:
        await operator.wait_until_leading()
        await stage.bare(namespace, size, "create")
        await seen.wait_for(size, within=60 + size / 20)


async def versions(stage: Stage) -> dict[str, str]:
    """The resourceVersion of each resource and Secret, by UID."""
    listed = [
        *await stage.api.metas(resources_path()),
        *await stage.api.metas(secrets_path(), OURS),
    ]
    return {meta.uid: meta.resource_version for meta in listed}


async def list_seconds(stage: Stage) -> float:
    """How long it takes to list all resources and Secrets, page by page, without looking at them."""
    began = time.monotonic()
    for path, selector in ((resources_path(), ""), (secrets_path(), OURS)):
        async for _ in stage.api.pages(path, selector):
            pass
    return time.monotonic() - began


async def _settled(operator: Operator, size: int) -> float:
    """When everything had been looked at once."""

    async def all_shown() -> bool:
        series = await operator.metrics()
        states = (
            value for name, value in series.items() if name.startswith("mintmaster_resources{")
        )
        return sum(states) >= size

    await until(all_shown)
    return time.monotonic()


def writes(series: dict[str, float]) -> float:
    """What the operator wrote of Secrets and resources, by its own count."""
    return sum(
        count
        for name, count in series.items()
        if name.startswith("mintmaster_api_requests_total{")
        and 'resource="events"' not in name
        and any(f'verb="{verb}"' in name for verb in _WRITES)
    )
