"""An operator in the test's own process, on a real API server, with a clock that can be set."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import aiohttp

from mintmaster.kube import config
from mintmaster.kube.clock import Skew
from mintmaster.kube.tracing import UNTRACED
from mintmaster.operator.process import Process
from mintmaster.operator.settings import LeaseSettings, Settings
from reconcile.builders import Object, grant, issuer, runner, secret, user
from reconcile.cluster_user import PATIENCE, Cluster
from reconcile.reading import condition, is_ready

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from mintmaster.kube.clock import Clock
    from mintmaster.kube.tracing import Tracing

__all__ = [
    "PATIENCE",
    "Cluster",
    "LeadershipWasLost",
    "Object",
    "Running",
    "SettableClock",
    "SettableSkew",
    "condition",
    "get",
    "grant",
    "is_ready",
    "issuer",
    "runner",
    "running",
    "secret",
    "user",
]

WRITES = frozenset({"create", "update", "patch", "delete"})
"""Verbs that change something."""


UNHURRIED = LeaseSettings(duration=45, renew_deadline=30.0)
"""A Lease that outlives a busy machine's standing still; what is asked of Leases is asked elsewhere."""


class SettableClock:
    """The system's clock, moved by what the test says."""

    def __init__(self) -> None:
        self.offset = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.offset


class SettableSkew(Skew):
    """Looks at the API server's clock, which the test can't move along, only when told to."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.mistrusted = False
        self.compares = False

    @property
    def seconds(self) -> float:
        return super().seconds if self.compares else 0.0

    @property
    def exceeded(self) -> bool:
        return self.mistrusted or (self.compares and super().exceeded)

    def observe(self, date_header: str, elapsed: float = 0.0) -> None:
        if self.compares:
            super().observe(date_header, elapsed)


@dataclass
class Running:
    """An operator that runs in this process."""

    process: Process
    clock: SettableClock
    skew: SettableSkew
    stop: asyncio.Event
    task: asyncio.Task[None]

    def advance(self, by: timedelta) -> None:
        """Move the clock, and have the deadlines looked at."""
        self.clock.offset += by
        assert self.process.core is not None
        self.process.core.recheck()

    def advance_to(self, instant: datetime | None) -> None:
        """Move the clock to an instant that a status names."""
        assert instant is not None
        self.advance(instant - self.clock.now())

    async def at_rest(self, *, quiet: float = 0.3) -> None:
        """Wait until the operator has had nothing to do for a while."""
        assert self.process.core is not None
        core = self.process.core
        deadline = time.monotonic() + PATIENCE
        calm_since = time.monotonic()
        while time.monotonic() - calm_since < quiet:
            if not core.is_idle:
                calm_since = time.monotonic()
            assert time.monotonic() < deadline, "the operator does not come to rest"
            await asyncio.sleep(0.02)

    def writes(self) -> int:
        """How often the operator has written so far, but for its Lease and Events."""
        return self.written().total()

    def written(self) -> Counter[str]:
        """The same by what was done to what."""
        found: Counter[str] = Counter()
        for metric in self.process.metrics.requests.collect():
            for sample in metric.samples:
                verb, resource = sample.labels["verb"], sample.labels["resource"]
                if sample.name.endswith("_total") and verb in WRITES and resource != "events":
                    found[f"{verb} {resource}"] += int(sample.value)
        return found

    @asynccontextmanager
    async def writing(self, count: int) -> AsyncIterator[None]:
        """Expect that what happens in the block costs so many writes, once the operator is at rest again."""
        await self.at_rest()
        before = self.written()
        yield
        await self.at_rest()
        written = self.written() - before
        assert written.total() == count, f"{count} writes were expected, these were made: {written}"

    def metric(self, name: str, /, **labels: str) -> float | None:
        """The value of a series; None where there is none."""
        return self.process.metrics.registry.get_sample_value(name, labels)

    async def http(self, path: str) -> tuple[int, str]:
        """Status and text of what the operator serves there."""
        return await get(f"http://{self.process.address}{path}")


async def get(url: str) -> tuple[int, str]:
    """Status and text of an answer."""
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return response.status, await response.text()


class LeadershipWasLost(AssertionError):
    """The operator of a test lost its Lease, which no test wants unsaid."""


def _on_lost() -> None:
    raise LeadershipWasLost


@asynccontextmanager
async def running(
    kubeconfig: Path,
    *,
    clock: SettableClock | None = None,
    namespace: str = "mintmaster-system",
    settings: Settings | None = None,
    process_type: type[Process] = Process,
    tracing: Tracing = UNTRACED,
) -> AsyncIterator[Running]:
    """Run an operator for the length of the block; it leads and has listed everything when the block begins."""
    clock = clock or SettableClock()
    settings = settings or Settings(namespace=namespace, listen="127.0.0.1:0", lease=UNHURRIED)
    process = process_type(
        config.load(str(kubeconfig), None),
        settings,
        clock=clock,
        on_lost=_on_lost,
        tracing=tracing,
    )
    skew = process.skew = SettableSkew(clock)
    stop = asyncio.Event()
    task = asyncio.create_task(process.run(stop))
    operator = Running(process, clock, skew, stop, task)
    try:
        await _started(operator)
        yield operator
    finally:
        stop.set()
        with suppress(asyncio.CancelledError):
            await task


async def _started(operator: Running) -> None:
    deadline = time.monotonic() + PATIENCE
    while operator.process.core is None or operator.process.core.unready:
        if operator.task.done():
            operator.task.result()
            raise AssertionError("the operator ended at once")
        assert time.monotonic() < deadline, "the operator does not start"
        await asyncio.sleep(0.02)
