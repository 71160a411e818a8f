"""The operator as a process among others: its probes, and an end that takes nobody else along."""

from __future__ import annotations

import asyncio
import gc
import pwd
from typing import TYPE_CHECKING

from kopf._core.reactor.inventory import ResourceMemories

from mintmaster.kube import config
from mintmaster.operator.process import Process
from mintmaster.operator.settings import Settings
from reconcile.harness import get, running

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from reconcile.harness import Cluster, Running


async def test_the_probes_of_a_leader_say_that_all_is_well(operator: Running) -> None:
    assert await operator.http("/healthz") == (200, "ok\n")
    assert await operator.http("/readyz") == (200, "ok\n")


async def test_a_worker_that_ended_is_told_by_both_probes(operator: Running) -> None:
    assert operator.process.core is not None
    operator.process.core._workers._tasks[0].cancel()
    await asyncio.sleep(0)
    assert await operator.http("/healthz") == (503, "the task for work has ended\n")
    assert await operator.http("/readyz") == (503, "the task for work has ended\n")


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


async def test_kopf_keeps_nothing_of_a_resource_that_it_was_told_of(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.create_issuer()
    await cluster_user.ready_runner()
    await operator.at_rest()
    kept = [it for it in gc.get_objects() if isinstance(it, ResourceMemories)]
    assert kept
    assert [memory for memories in kept for memory in memories.iter_all_memories()] == []


async def test_an_operator_runs_as_a_user_without_a_name(
    kubeconfig: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody_known(uid: int) -> pwd.struct_passwd:
        raise KeyError(uid)

    for variable in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", nobody_known)

    async with running(kubeconfig) as operator:
        assert await operator.http("/readyz") == (200, "ok\n")
