"""Who leads: a leader that is killed, ended or paused, and two that lead at the same time."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

from mintmaster.api.kinds import RUNNER_REGISTRATION
from mintmaster.operator.process import LOST_LEADERSHIP
from reconcile.faults.inspection import at_peace, settled
from reconcile.faults.mortal import SHORT, Lease
from reconcile.faults.spawning import Leadership, mortal
from reconcile.faults.tampering import Target
from reconcile.harness import running

if TYPE_CHECKING:
    from pathlib import Path

    from reconcile.cluster_user import Cluster

STATUS = "runnerregistrations/status"

ENDLESS = Lease(duration=600, renew_deadline=400.0, retry_period=0.25)
"""A Lease that nobody gets by waiting for its end: only by its release."""


async def test_a_standby_takes_over_from_a_leader_that_was_killed(
    cluster_user: Cluster, leadership: Leadership, tmp_path: Path
) -> None:
    with mortal(cluster_user.kubeconfig, tmp_path, lease=SHORT) as leader:
        await leadership.taken_by(leader.identity)
        with mortal(cluster_user.kubeconfig, tmp_path, lease=SHORT) as standby:
            await cluster_user.create_issuer()
            await cluster_user.create_runner("before")
            first = await settled(cluster_user, "before")
            leader.signal(signal.SIGKILL)
            await cluster_user.create_runner("after")
            await leadership.taken_by(standby.identity)
            await settled(cluster_user, "after")
            assert await settled(cluster_user, "before") == first


async def test_a_leader_told_to_end_finishes_its_issue_and_gives_the_lease_away(
    cluster_user: Cluster, leadership: Leadership, tmp_path: Path
) -> None:
    await cluster_user.create_issuer()
    pause = Target("PATCH", STATUS, within=f"/{cluster_user.namespace}/")
    with mortal(cluster_user.kubeconfig, tmp_path, lease=ENDLESS, pause=pause) as leader:
        await leadership.taken_by(leader.identity)
        await cluster_user.create_runner()
        await leader.says("paused before a write")
        leader.signal(signal.SIGTERM)
        with mortal(cluster_user.kubeconfig, tmp_path, lease=ENDLESS) as standby:
            leader.signal(signal.SIGUSR1)
            assert await leader.end() == 0
            await leadership.taken_by(standby.identity)
            runner = await settled(cluster_user)
            assert runner.status.revision == 1
            standby.signal(signal.SIGTERM)
            assert await standby.end() == 0
    assert await leadership.holder() == ""


async def test_a_leader_that_was_paused_past_its_lease_writes_nothing_and_ends(
    cluster_user: Cluster, leadership: Leadership, tmp_path: Path
) -> None:
    pause = Target("PATCH", STATUS, within=f"/{cluster_user.namespace}/")
    with mortal(cluster_user.kubeconfig, tmp_path, lease=SHORT, pause=pause) as sleeper:
        await leadership.taken_by(sleeper.identity)
        await cluster_user.create_issuer()
        await cluster_user.create_runner()
        await sleeper.says("paused before a write")
        sleeper.signal(signal.SIGSTOP)
        with mortal(cluster_user.kubeconfig, tmp_path, lease=SHORT) as next_leader:
            await leadership.taken_by(next_leader.identity)
            await settled(cluster_user)
            versions = await at_peace(cluster_user)
            sleeper.signal(signal.SIGUSR1)
            sleeper.signal(signal.SIGCONT)
            assert await sleeper.end() == LOST_LEADERSHIP
            assert await at_peace(cluster_user) == versions
            assert await leadership.holder() == next_leader.identity


async def test_two_leaders_by_force_come_to_rest_with_one_token_each(
    cluster_user: Cluster, leadership: Leadership, tmp_path: Path
) -> None:
    names = [f"runner-{number}" for number in range(8)]
    usurper = Lease(name="mintmaster-usurper")
    with mortal(cluster_user.kubeconfig, tmp_path, lease=usurper) as other:
        await Leadership(cluster_user.client, usurper.name).taken_by(other.identity)
        async with running(cluster_user.kubeconfig) as operator:
            await cluster_user.create_issuer(limits={"issuesPerHour": 360})
            # Without overlap, since what two leaders take from one another would soon be too many live tokens.
            at_once = {"overlap": "0s"}
            await asyncio.gather(*(cluster_user.create_runner(it, token=at_once) for it in names))
            await _all_settled(cluster_user, names)
            await asyncio.gather(*(_disturb(cluster_user, name) for name in names))
            await at_peace(cluster_user)
            await operator.at_rest()
            await _all_settled(cluster_user, names)
            before, written = await at_peace(cluster_user), operator.writes()
            assert await at_peace(cluster_user) == before
            assert operator.writes() == written
    await Leadership(cluster_user.client, usurper.name).vacate()


async def _all_settled(user: Cluster, names: list[str]) -> None:
    for name in names:
        await settled(user, name)


async def _disturb(user: Cluster, name: str) -> None:
    """An edit, a rotation and two deletions, each as soon as the last one was taken."""
    await user.patch(RUNNER_REGISTRATION, name, {"spec": {"scopes": ["api"]}})
    await user.delete_secret(f"{name}-token")
    await user.annotate(RUNNER_REGISTRATION, name, rotate="please")
    await settled(user, name)
    await user.delete_secret(f"{name}-token")
