"""(f) `POST /user/runners` at rest, one after the other, against the two bare writes behind it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import aiohttp
import msgspec

from benchmarks.api import MERGE_PATCH, resources_path
from benchmarks.delivery import site as sites
from benchmarks.figures import Latencies
from benchmarks.pattern import resource
from benchmarks.polling import until

if TYPE_CHECKING:
    from benchmarks.delivery.site import Site
    from benchmarks.stage import Stage

_WARM_UP = 10
"""Requests that are not counted."""


async def created(stage: Stage, samples: int) -> Latencies:
    """Seconds from before each request until its answer, and those of a create and a status write."""
    site = await sites.opened(stage, "gitlab")
    async with stage.operator() as operator, site.gate() as url:
        await operator.wait_until_leading()
        await stage.quiet()
        took = await _answers(site, url, samples)
    status = await _status(site)
    namespace = await stage.fresh_namespace()
    await sites.remove(site)
    return Latencies(took, await _writes(stage, namespace, status, samples))


async def _answers(site: Site, url: str, samples: int) -> list[float]:
    headers = {"private-token": site.admin_token}
    body = {"runner_type": "project_type", "project_id": 3, "description": "bench"}
    took: list[float] = []
    async with aiohttp.ClientSession(headers=headers) as session:

        async def known() -> bool:
            async with session.get(f"{url}/api/v4/user") as response:
                return response.status == 200

        await until(known)
        for _ in range(samples + _WARM_UP):
            began = time.monotonic()
            async with session.post(f"{url}/api/v4/user/runners", json=body) as response:
                answer = await response.read()
            took.append(time.monotonic() - began)
            if response.status != 201:
                raise AssertionError(answer)
    return took[_WARM_UP:]


async def _status(site: Site) -> bytes:
    """What the operator wrote for one of the runners."""
    path = resources_path(site.namespace)
    [name, *_] = [meta.name for meta in await site.stage.api.metas(path)]
    runner = msgspec.json.decode(await site.stage.api.request("GET", f"{path}/{name}"))
    return msgspec.json.encode({"status": runner["status"]})


async def _writes(stage: Stage, namespace: str, status: bytes, samples: int) -> list[float]:
    path, took = resources_path(namespace), []
    for number in range(samples + _WARM_UP):
        name = f"r-{number:05}"
        began = time.monotonic()
        await stage.api.request("POST", path, resource(namespace, name))
        await stage.api.request("PATCH", f"{path}/{name}/status", status, MERGE_PATCH)
        took.append(time.monotonic() - began)
    return took[_WARM_UP:]
