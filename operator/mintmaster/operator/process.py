"""One operator process: everything is made and wired here, and started and stopped in order."""

from __future__ import annotations

import asyncio
import logging
import os
import random
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import TYPE_CHECKING

from mintmaster.kube.client import Client
from mintmaster.kube.clock import Skew, SystemClock
from mintmaster.kube.events import EventRecorder
from mintmaster.kube.lease import Candidacy, acquired
from mintmaster.kube.shard_leases import FirstShardElector, OtherShardElector, lease_name
from mintmaster.kube.tracing import UNTRACED
from mintmaster.operator.core import Core
from mintmaster.operator.leadership import LeaderClient
from mintmaster.operator.metrics import Metrics
from mintmaster.operator.probes import served
from mintmaster.operator.reporting import Reporter
from mintmaster.operator.stopping import unless_stopped

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine
    from contextlib import AbstractAsyncContextManager

    from mintmaster.kube.clock import Clock
    from mintmaster.kube.config import Connection
    from mintmaster.kube.lease import Elector
    from mintmaster.kube.tracing import Tracing
    from mintmaster.lifecycle.shard import Shard
    from mintmaster.operator.settings import Settings

log = logging.getLogger(__name__)

LOST_LEADERSHIP = 1
"""Exit code after the Lease was lost: the supervisor starts the process again, as a standby."""


def end_at_once() -> None:
    """End the process without any cleanup: another may lead already, and nothing may be written any more."""
    os._exit(LOST_LEADERSHIP)


class Process:
    """A candidate for leadership that works while it leads."""

    def __init__(
        self,
        connection: Connection,
        settings: Settings,
        *,
        clock: Clock | None = None,
        on_lost: Callable[[], None] = end_at_once,
        tracing: Tracing = UNTRACED,
    ) -> None:
        self._connection = connection
        self._settings = settings
        self._clock = clock or SystemClock()
        self._on_lost = on_lost
        self._tracing = tracing
        self.metrics = Metrics(
            lambda: self._clock.now().timestamp(), per_resource=settings.resource_metrics
        )
        self.skew = Skew(self._clock)
        self._elector: Elector | None = None
        """Once this process leads."""
        self.core: Core | None = None
        self.address = ""
        """Where probes and metrics are served."""

    async def run(
        self, stop: asyncio.Event, *, on_start: Callable[[], None] = lambda: None
    ) -> None:
        """Stand by, lead, work; end in order when `stop` is set: what was begun is finished, the Lease given away.

        `on_start` is called whenever kopf has taken the process's signals, to take them back.
        """
        loop = asyncio.get_running_loop()
        self.metrics.gauge(
            "mintmaster_tasks", "Tasks of the event loop.", lambda: len(asyncio.all_tasks(loop))
        )
        async with AsyncExitStack() as stack:
            # The Lease has a client of its own: no renewal may queue behind other requests.
            lease_client = await stack.enter_async_context(
                Client(self._connection, limit=2, timeout=10, skew=self.skew)
            )
            candidates = {self._candidate(lease_client, it): it for it in self._settings.shards}
            client = await stack.enter_async_context(self._client())
            self.address = await stack.enter_async_context(self._probes())
            log.info("probes and metrics are served at http://%s", self.address)
            if not await unless_stopped(self._acquire(list(candidates)), stop):
                return
            assert self._elector is not None  # noqa: S101 - it was acquired
            await stack.enter_async_context(_held(self._elector))
            shard = candidates[self._elector]
            self.metrics.leads(shard)
            stack.callback(self.metrics.leader.set, 0)
            await self._lead(client, shard, stop, on_start)

    async def _acquire(self, electors: list[Elector]) -> None:
        """Wait until this process leads. Those that may lead any shard begin with different ones."""
        random.shuffle(electors)
        self._elector = await acquired(electors, self._settings.lease.retry_period)

    async def _lead(
        self, client: Client, shard: Shard, stop: asyncio.Event, on_start: Callable[[], None]
    ) -> None:
        recorder = EventRecorder(client, self._clock, instance=self._settings.identity)
        self.metrics.counter(
            "mintmaster_events_dropped", "Events that were not written.", lambda: recorder.dropped
        )
        self.core = Core(
            client,
            self._settings,
            clock=self._clock,
            skew=self.skew,
            reporter=Reporter(recorder, self.metrics, self._tracing),
            shard=shard,
        )
        self._show_core(self.core)
        async with _background(recorder.run(), "events"):
            await self.core.run(stop, on_start=on_start)
            await recorder.drain()

    def _on_rewind(self) -> None:
        if self.core is not None:
            self.core.start_anew()

    def _candidate(self, client: Client, shard: Shard) -> Elector:
        lease = self._settings.lease
        candidacy = Candidacy(
            namespace=self._settings.namespace,
            name=lease_name(lease.name, shard.number),
            identity=self._settings.identity,
            lease_duration=lease.duration,
            renew_deadline=lease.renew_deadline,
            retry_period=lease.retry_period,
        )
        options = {
            "on_lost": self._on_lost,
            "on_rewind": self._on_rewind,
            "clock": self._clock,
        }
        if shard.is_first:
            return FirstShardElector(client, candidacy, shard, **options)
        return OtherShardElector(client, candidacy, shard, first=lease.name, **options)

    def _may_write(self) -> bool:
        return self._elector is not None and self._elector.still_leading()

    def _client(self) -> LeaderClient:
        return LeaderClient(
            self._connection,
            may_write=self._may_write,
            limit=self._settings.connections,
            skew=self.skew,
            observe=self._tracing.observing(self.metrics.observe_request),
        )

    def _probes(self) -> AbstractAsyncContextManager[str]:
        return served(
            self._settings.listen,
            registry=self.metrics.registry,
            alive=lambda: self.core.fault if self.core else "",
            ready=self._unready,
        )

    def _unready(self) -> str:
        """Why a leader does not serve yet; empty for a standby."""
        leads = self._elector is not None and self._elector.is_leader
        return self.core.unready if self.core is not None and leads else ""

    def _show_core(self, core: Core) -> None:
        self.metrics.gauge(
            "mintmaster_queue_depth",
            "Resources that wait to be worked on.",
            lambda: len(core.queue),
        )
        self.metrics.gauge(
            "mintmaster_clock_skew_seconds",
            "How far the local clock is ahead of the API server's.",
            lambda: self.skew.seconds,
        )
        self.metrics.gauge(
            "mintmaster_status_lists",
            "Status lists that are published.",
            lambda: len(core.status_lists),
        )
        self.metrics.gauge(
            "mintmaster_status_lists_behind",
            "Status lists that could not be published as they should be.",
            lambda: core.status_lists.behind,
        )


@asynccontextmanager
async def _held(elector: Elector) -> AsyncIterator[None]:
    """Hold the Lease that was acquired, and give it away at the end, when nothing more will be written."""
    try:
        async with _background(elector.hold(), "lease"):
            yield
    finally:
        await elector.release()


@asynccontextmanager
async def _background(work: Coroutine[object, object, object], name: str) -> AsyncIterator[None]:
    task = asyncio.create_task(work, name=name)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
