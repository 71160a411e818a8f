"""Status lists through a death at the worst moment, and a database that comes back from a backup."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

from mintmaster.api.kinds import RUNNER_REGISTRATION, TOKEN_ISSUER
from reconcile.builders import runner
from reconcile.faults.fragility import PATIENT, back_up, restore
from reconcile.faults.inspection import delivered, settled
from reconcile.faults.mortal import Death
from reconcile.faults.spawning import Leadership, mortal
from reconcile.harness import running
from reconcile.reading import is_settled
from reconcile.status_list_reading import INVALID, VALID, place_of, until_status

if TYPE_CHECKING:
    from pathlib import Path

    from mintmaster.localcluster.cluster import LocalCluster
    from reconcile.harness import Cluster
    from reconcile.status_list_reading import Place


async def place(user: Cluster, name: str = "runner") -> Place:
    """Where the token in a runner's Secret is listed."""
    return place_of((await user.secret_data(f"{name}-token"))["token"])


async def test_60_a_token_that_a_crash_left_unrecorded_is_invalid_and_its_entry_is_not_given_again(
    cluster_user: Cluster, tmp_path: Path
) -> None:
    death = Death(
        "PATCH", "runnerregistrations/status", within=f"/{cluster_user.namespace}/", after=False
    )
    with mortal(cluster_user.kubeconfig, tmp_path, death=death) as operator:
        await cluster_user.ready_issuer(statusList=True)
        await cluster_user.create_runner()
        assert await operator.end() == -signal.SIGKILL, operator.log.read_text()
    await Leadership(cluster_user.client).vacate()
    lost, held = await place(cluster_user), await delivered(cluster_user)
    async with running(cluster_user.kubeconfig):
        found = await settled(cluster_user, revision=1)
        assert held not in {token.digest for token in found.status.tokens}
        issued = await place(cluster_user)
        assert issued.uri != lost.uri
        await until_status(cluster_user, lost, INVALID)
        await until_status(cluster_user, issued, VALID)


async def test_76_after_a_restore_of_etcd_entries_are_not_given_again_and_lists_follow(
    fragile: LocalCluster, user: Cluster, tmp_path: Path
) -> None:
    backup, late = tmp_path / "etcd", f"{user.issuer}-late"
    async with running(user.kubeconfig, settings=PATIENT):
        await user.ready_issuer(statusList=True)
        await user.ready_runner()
        first = await place(user)
        await user.create_issuer(late)
        await user.create(runner("late", issuerRef={"name": late}))
        await settled(user, "late", revision=1)
        await user.patch(TOKEN_ISSUER, late, {"spec": {"statusList": True}})
        # Known to the operator before the database stops; only then do its tokens name a list.
        await user.issuer_where(is_settled, late)
        await asyncio.to_thread(back_up, fragile, backup)
        # The list of the late issuer is not in the backup; that of the other is, but older.
        second, late_second = await rotated(user, "runner"), await rotated(user, "late")
        await asyncio.to_thread(restore, fragile, backup)
        await settled(user, revision=3)
        await settled(user, "late", revision=3)
        third, late_third = await place(user), await place(user, "late")
        for invalid in (first, second, late_second):
            await until_status(user, invalid, INVALID)
        for valid in (third, late_third):
            await until_status(user, valid, VALID)
        await user.delete(RUNNER_REGISTRATION, "late")
        await user.delete(TOKEN_ISSUER, late)
    assert first.uri == second.uri == third.uri
    assert late_second.uri == late_third.uri
    assert len({first, second, third, late_second, late_third}) == 5


async def rotated(user: Cluster, name: str) -> Place:
    """Have the second token of a runner issued, and its list say that it is good."""
    await user.rotate_runner("after the backup", name)
    await settled(user, name, revision=2)
    issued = await place(user, name)
    await until_status(user, issued, VALID)
    return issued
