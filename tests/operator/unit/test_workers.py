"""The hands that work off the queue leave room for everything else that runs in the process."""

from __future__ import annotations

import asyncio

from kube.waiting import until
from mintmaster.operator.metrics import Metrics
from mintmaster.operator.queue import FairQueue, Key, Priority
from mintmaster.operator.settings import WorkSettings
from mintmaster.operator.workers import Workers


async def test_a_long_queue_with_nothing_to_do_does_not_hold_up_the_event_loop() -> None:
    queue = FairQueue()
    for number in range(1000):
        queue.put(Key("UserAccessToken", "team", str(number)), Priority.RESYNC)
    worked: list[Key] = []

    async def nothing_to_do(key: Key, _: Priority) -> None:
        worked.append(key)

    workers = Workers(queue, nothing_to_do, WorkSettings(workers=4), Metrics(lambda: 0.0))
    running = asyncio.create_task(workers.run())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert 0 < len(worked) < 100
    await until(lambda: queue.is_idle)
    assert len(worked) == 1000
    await workers.stop()
    await running
