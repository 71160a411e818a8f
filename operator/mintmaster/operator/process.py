"""One operator process: everything is made and wired here, and started and stopped in order."""

from __future__ import annotations

import asyncio
import logging
import os
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import TYPE_CHECKING

from mintmaster.kube.client import Client
from mintmaster.kube.clock import Skew, SystemClock
from mintmaster.kube.events import EventRecorder
from mintmaster.kube.lease import Candidacy, Elector
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
    ) -> None:
        self._connection = connection
        self._settings = settings
        self._clock = clock or SystemClock()
        self._on_lost = on_lost
        self.metrics = Metrics(
            lambda: self._clock.now().timestamp(), per_resource=settings.resource_metrics
        )
        self.skew = Skew(self._clock)
        self.core: Core | None = None
        self.address = ""
        """Where probes and metrics are served."""

    async def run(
        self, stop: asyncio.Event, *, on_start: Callable[[], None] = lambda: None
    ) -> None:
        """Stand by, lead, work; end in order when `stop` is set: what was begun is finished, the Lease given away.

        `on_start` is called whenever kopf has taken the process's signals, to take them back.
        """
        async with AsyncExitStack() as stack:
            # The Lease has a client of its own: no renewal may queue behind other requests.
            lease_client = await stack.enter_async_context(
                Client(self._connection, limit=2, timeout=10, skew=self.skew)
            )
            elector = Elector(
                lease_client,
                self._candidacy(),
                on_lost=self._on_lost,
                on_rewind=self._on_rewind,
                clock=self._clock,
            )
            client = await stack.enter_async_context(self._client(elector))
            self.address = await stack.enter_async_context(self._probes(elector))
            log.info("probes and metrics are served at http://%s", self.address)
            if not await unless_stopped(elector.acquire(), stop):
                return
            await stack.enter_async_context(_held(elector))
            self.metrics.leader.set(1)
            stack.callback(self.metrics.leader.set, 0)
            await self._lead(client, stop, on_start)

    async def _lead(
        self, client: Client, stop: asyncio.Event, on_start: Callable[[], None]
    ) -> None:
        recorder = EventRecorder(client, self._clock, instance=self._settings.identity)
        self.metrics.gauge(
            "mintmaster_events_dropped", "Events that were not written.", lambda: recorder.dropped
        )
        self.core = Core(
            client,
            self._settings,
            clock=self._clock,
            skew=self.skew,
            reporter=Reporter(recorder, self.metrics),
        )
        self._show_core(self.core)
        async with _background(recorder.run(), "events"):
            await self.core.run(stop, on_start=on_start)
            await recorder.drain()

    def _on_rewind(self) -> None:
        if self.core is not None:
            self.core.start_anew()

    def _candidacy(self) -> Candidacy:
        lease = self._settings.lease
        return Candidacy(
            namespace=self._settings.namespace,
            name=lease.name,
            identity=self._settings.identity,
            lease_duration=lease.duration,
            renew_deadline=lease.renew_deadline,
            retry_period=lease.retry_period,
        )

    def _client(self, elector: Elector) -> LeaderClient:
        return LeaderClient(
            self._connection,
            may_write=elector.still_leading,
            limit=self._settings.work.connections,
            skew=self.skew,
            observe=self.metrics.observe_request,
        )

    def _probes(self, elector: Elector) -> AbstractAsyncContextManager[str]:
        return served(
            self._settings.listen,
            registry=self.metrics.registry,
            alive=lambda: self.core.fault if self.core else "",
            ready=lambda: (self.core.unready if self.core else "") if elector.is_leader else "",
        )

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
