"""The control plane that is filled further and further, and what is waited for there."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import aiohttp

from benchmarks import measurements
from benchmarks.api import Refused, resources_path, secrets_path
from benchmarks.bare import each
from benchmarks.pattern import resource
from benchmarks.polling import until
from benchmarks.processes import Failed
from benchmarks.scale.filling import RESOURCES, SECRETS, fill

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from datetime import datetime

    from benchmarks.processes import Operator
    from benchmarks.scale.figures import Memory
    from benchmarks.scale.filling import Etcd, Filler
    from benchmarks.stage import Stage

NAMESPACES = 100
"""Over which the resources are spread."""

OPTIONS = ("--no-resource-metrics", "--lease-duration", "3m")
"""As docs/operations.md says for so many, where the only API server takes longer to start than a Lease lasts."""

PATIENCE = 1800.0
"""Seconds that anything may take."""

LOOK = 1.0
"""Seconds between two looks at the operator: each counts all resources."""

AT_REST = 0.25
"""Processors that an operator may use that has nothing to do but read 50 Secrets a second in the background."""

TROUBLES = (Failed, Refused, TimeoutError, aiohttp.ClientError)
"""What ends one measurement, and not the others."""


@dataclass(slots=True)
class Ground:
    """A control plane that is filled, and what fills it."""

    stage: Stage
    store: Etcd
    filler: Filler
    empty: Memory
    gate_empty: int
    namespace: str
    """Where resources are created one by one."""
    count: int = 0
    """Resources that stand."""
    _each: int = 0
    _fresh: int = 0

    async def grow(self, count: int) -> None:
        """Fill up to so many resources, over all namespaces alike."""
        share = count // NAMESPACES

        async def fill_namespace(name: str) -> None:
            if not self._each:
                await self.stage.namespace(name)
            await fill(self.store, self.filler, name, range(self._each, share))

        await each((f"team-{number:03}" for number in range(NAMESPACES)), fill_namespace)
        # One that starts reads its database at once, which takes a tenth of the time that the events of filling take.
        await self.restart_api_server()
        self.count += (share - self._each) * NAMESPACES
        self._each = share
        await until(self._is_served, within=PATIENCE)

    async def restart_api_server(self) -> None:
        """Kill the API server, start it again, and wait until it answers."""
        component = self.stage.cluster.component("kube-apiserver")
        await asyncio.to_thread(component.kill)
        await asyncio.to_thread(component.start)
        await until(self._answers, within=PATIENCE)

    async def _answers(self) -> bool:
        try:
            await self.stage.api.request("GET", "/readyz")
        except (Refused, aiohttp.ClientError):
            return False
        return True

    async def fill(self, namespace: str, count: int) -> None:
        """Put so many into a namespace beside the others."""
        await fill(self.store, self.filler, namespace, range(count))
        self.count += count

    async def empty_again(self, namespace: str, count: int) -> None:
        """Take so many out of a namespace, with their Secrets, before an operator finds what is wrong with them."""
        for prefix in (RESOURCES, SECRETS):
            await self.store.delete(f"{prefix}{namespace}/")
        self.count -= count
        await until(self._is_served, within=PATIENCE)

    async def fill_watched(
        self, namespace: str, count: int, renew_at: Callable[[int], datetime]
    ) -> None:
        """Put so many into a namespace while an operator runs, to be renewed then."""
        await fill(
            self.store, self.filler, namespace, range(count), renew_at=renew_at, watched=True
        )
        self.count += count

    async def _is_served(self) -> bool:
        """Whether the API server has caught up with its database, which was filled behind its back.

        Until then each page of a list waits for 3 seconds, and is read from the database.
        """
        version = await self.store.revision()
        for path in (resources_path(), secrets_path()):
            query = f"?limit=1&resourceVersion={version}&resourceVersionMatch=NotOlderThan"
            try:
                await self.stage.api.request("GET", path + query)
            except Refused:
                return False
        return True

    @property
    def newest(self) -> str:
        """The name of the last one that was created."""
        return f"f-{self._fresh:05}"

    async def create(self) -> tuple[str, float]:
        """Create a resource; its name, and when that began."""
        self._fresh += 1
        name, began = self.newest, time.monotonic()
        await self.stage.api.request(
            "POST", resources_path(self.namespace), resource(self.namespace, name)
        )
        return name, began

    @asynccontextmanager
    async def operator(self) -> AsyncIterator[Operator]:
        """Have an operator that has looked at everything once."""
        async with self.stage.operator(*OPTIONS) as operator:
            await all_checked(operator, self.count)
            yield operator


async def unchecked(operator: Operator, count: int) -> int:
    """How many resources have not been looked at."""
    return max(count - await _checked(operator), 0)


async def all_checked(operator: Operator, count: int) -> None:
    """Wait until so many resources have been looked at."""
    await until(partial(_are_checked, operator, count), within=PATIENCE)


async def _are_checked(operator: Operator, count: int) -> bool:
    await asyncio.sleep(LOOK)
    if operator.process.returncode is not None:
        raise Failed("the operator has ended")
    try:
        return await _checked(operator) >= count
    except aiohttp.ClientConnectionError:
        return False


async def _checked(operator: Operator) -> int:
    series = await operator.metrics()
    return int(sum(it for name, it in series.items() if name.startswith("mintmaster_resources{")))


async def at_rest(operator: Operator) -> None:
    """Wait until an operator has had next to nothing to do for a while, but for reading Secrets one by one."""

    async def is_at_rest() -> bool:
        before = operator.cpu_seconds
        await asyncio.sleep(5 * LOOK)
        return operator.cpu_seconds - before < 5 * LOOK * AT_REST

    await until(is_at_rest, within=PATIENCE)


async def writes(operator: Operator) -> float:
    """How often it wrote, by its own count."""
    return measurements.writes(await operator.metrics())
