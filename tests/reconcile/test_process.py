"""The operator as a process among others: its probes, and an end that takes nobody else along."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from mintmaster.kube import config
from mintmaster.operator.process import Process
from mintmaster.operator.settings import Settings
from reconcile.harness import get, running

if TYPE_CHECKING:
    from pathlib import Path

    from reconcile.harness import Cluster, Running


async def test_the_probes_of_a_leader_say_that_all_is_well(operator: Running) -> None:
    assert await operator.http("/healthz") == (200, "ok\n")
    assert await operator.http("/readyz") == (200, "ok\n")


async def test_a_worker_that_ended_is_told_by_both_probes(operator: Running) -> None:
    assert operator.process.core is not None
    operator.process.core._workers._tasks[0].cancel()
    await asyncio.sleep(0)
    assert await operator.http("/healthz") == (503, "a worker has ended\n")
    assert await operator.http("/readyz") == (503, "a worker has ended\n")


async def test_a_standby_is_alive_and_ready_and_ends_when_it_is_told_to(
    kubeconfig: Path, cluster_user: Cluster, operator: Running
) -> None:
    standby = Process(config.load(str(kubeconfig), None), Settings(listen="127.0.0.1:0"))
    stop = asyncio.Event()
    task = asyncio.create_task(standby.run(stop))
    await cluster_user.until(lambda: asyncio.sleep(0, standby.address), bool)
    assert await get(f"http://{standby.address}/readyz") == (200, "ok\n")
    assert await get(f"http://{standby.address}/healthz") == (200, "ok\n")
    assert standby.metrics.registry.get_sample_value("mintmaster_leader") == 0
    assert operator.metric("mintmaster_leader") == 1
    stop.set()
    await task


async def test_the_end_of_the_operator_waits_for_no_task_of_others(kubeconfig: Path) -> None:
    others_work = asyncio.Event()
    async with running(kubeconfig):
        other = asyncio.create_task(others_work.wait())
    assert not other.done()
    others_work.set()
    assert await other


async def test_an_operator_that_is_stopped_while_it_starts_leaves_no_task_behind(
    kubeconfig: Path,
) -> None:
    before = asyncio.all_tasks()
    for _ in range(5):
        async with running(kubeconfig):
            pass
    assert asyncio.all_tasks() == before
