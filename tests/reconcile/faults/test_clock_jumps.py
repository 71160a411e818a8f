"""A clock that is wrong by a day, or jumps: nothing is minted, nothing ends, and it heals (I13)."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from mintmaster.api.reasons import ConditionType
from mintmaster.kube import config
from mintmaster.operator.settings import Settings
from reconcile.faults.inspection import at_peace, settled
from reconcile.faults.spawning import until
from reconcile.faults.tampering import Recorder, process_with
from reconcile.harness import running
from reconcile.reading import condition, is_ready, is_unready

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from mintmaster.operator.process import Process
    from reconcile.cluster_user import Cluster
    from reconcile.harness import SettableClock

DAY = timedelta(days=1)

HOURLY = {"lifetime": "1h", "overlap": "1m"}
"""Tokens that seem long expired to a clock a day ahead."""


@asynccontextmanager
async def comparing(
    user: Cluster, clock: SettableClock, recorder: Recorder
) -> AsyncIterator[Process]:
    """An operator that compares its clock with the API server's, as in real life."""
    connection = config.load(str(user.kubeconfig), None)
    process = process_with(recorder)(connection, Settings(listen="127.0.0.1:0"), clock=clock)
    stop = asyncio.Event()
    task = asyncio.create_task(process.run(stop))
    try:
        await until(lambda: task.done() or _works(process), "the operator does not start")
        yield process
    finally:
        stop.set()
        await task


def _works(process: Process) -> bool:
    return process.core is not None and not process.core.unready


def jump(process: Process, clock: SettableClock, by: timedelta) -> None:
    """Set the clock, and have the deadlines looked at, which otherwise happens within half a minute."""
    clock.offset += by
    assert process.core is not None
    process.core.recheck()


@pytest.mark.parametrize("by", [DAY, -DAY], ids=["ahead", "behind"])
async def test_a_clock_off_by_a_day_mints_nothing_until_it_is_right(
    cluster_user: Cluster, clock: SettableClock, by: timedelta
) -> None:
    async with running(cluster_user.kubeconfig):
        await cluster_user.ready_issuer()
    clock.offset = by
    recorder = Recorder()
    async with comparing(cluster_user, clock, recorder) as process:
        await cluster_user.create_runner()
        await cluster_user.runner_where(is_unready("ClockSkew"))
        await at_peace(cluster_user)
        assert await cluster_user.secret("runner-token") is None
        assert len(recorder.writes_about(f"/{cluster_user.namespace}/")) == 1
        jump(process, clock, -by)
        await settled(cluster_user, revision=1)


@pytest.mark.parametrize("by", [DAY, -DAY], ids=["ahead", "behind"])
async def test_a_clock_that_jumps_by_a_day_ends_no_token_and_starts_no_storm(
    cluster_user: Cluster, clock: SettableClock, by: timedelta
) -> None:
    recorder = Recorder()
    async with comparing(cluster_user, clock, recorder) as process:
        await cluster_user.ready_issuer()
        await cluster_user.create_runner(token=HOURLY)
        before = await settled(cluster_user)
        written = len(recorder.writes_about(f"/{cluster_user.namespace}/"))
        jump(process, clock, by)
        assert process.skew.exceeded
        await at_peace(cluster_user)
        during = await cluster_user.runner()
        assert during.status.tokens == before.status.tokens
        assert during.status.state == "Active"
        assert len(recorder.writes_about(f"/{cluster_user.namespace}/")) - written <= 1
        jump(process, clock, -by)
        assert not process.skew.exceeded
        await cluster_user.runner_where(
            lambda it: is_ready(it) and condition(it, ConditionType.RENEWAL_FAILING) is None
        )
        assert (await settled(cluster_user)).status.tokens == before.status.tokens


async def test_a_clock_a_day_ahead_says_so_where_a_renewal_seems_due(
    cluster_user: Cluster, clock: SettableClock
) -> None:
    async with comparing(cluster_user, clock, Recorder()) as process:
        await cluster_user.ready_issuer()
        await cluster_user.ready_runner(token=HOURLY)
        jump(process, clock, DAY)
        assert process.skew.exceeded
        await cluster_user.runner_where(
            lambda it: "ClockSkew" in {one.reason for one in it.status.conditions}
        )


async def test_a_jump_that_no_answer_has_shown_yet_still_makes_no_token_active(
    cluster_user: Cluster, clock: SettableClock
) -> None:
    async with comparing(cluster_user, clock, Recorder()) as process:
        await cluster_user.ready_issuer()
        await cluster_user.ready_runner("witness")
        jump(process, clock, DAY)
        await cluster_user.create_runner()
        runner = await cluster_user.runner_where(
            lambda it: condition(it, ConditionType.READY) is not None
        )
        assert condition(runner, ConditionType.READY) == ("False", "ClockSkew")
        assert not runner.status.tokens


async def test_after_a_long_sleep_each_token_is_renewed_once(
    cluster_user: Cluster, clock: SettableClock
) -> None:
    names = [f"runner-{number}" for number in range(20)]
    async with running(cluster_user.kubeconfig, clock=clock) as operator:
        await cluster_user.ready_issuer()
        await asyncio.gather(*(cluster_user.create_runner(it, token=HOURLY) for it in names))
        for name in names:
            await settled(cluster_user, name)
        async with operator.writing(2 * len(names)):
            operator.advance(DAY)
            for name in names:
                await settled(cluster_user, name, revision=2)
