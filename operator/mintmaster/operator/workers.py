"""The hands that work off the queue: retries, errors, and an orderly end."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from typing import TYPE_CHECKING

from mintmaster.kube.errors import KubeError
from mintmaster.operator.leadership import LeadershipLost
from mintmaster.operator.setbacks import Overtaken, Retry

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from mintmaster.operator.metrics import Metrics
    from mintmaster.operator.queue import FairQueue, Key, Priority
    from mintmaster.operator.settings import WorkSettings

log = logging.getLogger(__name__)

OVERTAKEN_RETRY = 0.05
"""Seconds before a resource is looked at again that changed under our hands; a little more each time."""

DRAIN_SECONDS = 8.0
"""How long issues that were begun may take to end on shutdown; less than a Lease lasts."""


class Workers:
    """A fixed number of tasks that take keys and call `work` with each."""

    def __init__(
        self,
        queue: FairQueue,
        work: Callable[[Key, Priority], Awaitable[None]],
        settings: WorkSettings,
        metrics: Metrics,
    ) -> None:
        self._queue = queue
        self._work = work
        self._settings = settings
        self._metrics = metrics
        self._failures: dict[Key, int] = {}
        self._idle: set[asyncio.Task[None]] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = False

    async def run(self) -> None:
        """Work until `stop` is called; returns early if a hand drops off.

        Only a defect or a loss of leadership can bring that about.
        """
        self._tasks = [
            asyncio.create_task(self._run(), name=f"worker {number}")
            for number in range(self._settings.workers)
        ]
        await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)

    async def stop(self) -> None:
        """Let what was begun come to its end, and begin nothing new (I3)."""
        self._stopping = True
        for task in self._idle:
            task.cancel()
        if not self._tasks:
            return
        _, late = await asyncio.wait(self._tasks, timeout=DRAIN_SECONDS)
        for task in late:
            task.cancel()
        if late:
            log.warning("%d reconciliations did not end in time", len(late))
            await asyncio.wait(late)

    async def _run(self) -> None:
        this = asyncio.current_task()
        assert this is not None  # noqa: S101 - coroutines run in tasks
        while not self._stopping:
            self._idle.add(this)
            key, priority = await self._queue.take()
            self._idle.discard(this)
            try:
                await self._handle(key, priority)
            finally:
                self._queue.done(key)
            # Where nothing is to be done nothing is awaited, and a long queue would keep the Lease from its renewal.
            await asyncio.sleep(0)

    async def _handle(self, key: Key, priority: Priority) -> None:
        began = time.perf_counter()
        try:
            await self._work(key, priority)
        except Overtaken as overtaken:
            log.debug("%s is looked at again: %s", key, overtaken)
            self._failed(key, priority, "Overtaken", first=OVERTAKEN_RETRY)
        except LeadershipLost:
            raise
        except (Retry, KubeError) as error:
            log.warning("%s is tried again: %s", key, error)
            first = max(self._settings.first_retry, getattr(error, "retry_after", None) or 0.0)
            self._failed(key, priority, type(error).__name__, first=first)
        except Exception as error:
            # A fault of ours in one resource must not stop the others; it is told in full and tried again.
            log.exception("%s could not be reconciled", key)
            self._failed(key, priority, type(error).__name__, first=self._settings.first_retry)
        else:
            self._failures.pop(key, None)
        finally:
            self._metrics.seconds.labels(key.kind).observe(time.perf_counter() - began)

    def _failed(self, key: Key, priority: Priority, error: str, *, first: float) -> None:
        count = self._failures.get(key, 0)
        self._failures[key] = count + 1
        self._metrics.errors.labels(key.kind, error).inc()
        delay = min(first * 2 ** min(count, 16), self._settings.longest_retry)
        # Drawn from the upper half, so that what failed together does not come back together.
        self._queue.put_later(key, priority, random.uniform(delay / 2, delay))  # noqa: S311 - no secret
