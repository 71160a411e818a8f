"""The database comes back from a backup while the operator and a gate run (attacks 76)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from gate.conftest import SERVICES
from gate.harness import gating
from reconcile.faults.fragility import PATIENT, back_up, restore
from reconcile.faults.inspection import settled
from reconcile.faults.wire import wired
from reconcile.harness import running

if TYPE_CHECKING:
    from pathlib import Path

    from gate.harness import Gate
    from mintmaster.localcluster.cluster import LocalCluster
    from reconcile.cluster_user import Cluster


async def test_76_after_a_restore_a_gate_that_kept_running_accepts_the_newest_token_alone(
    fragile: LocalCluster, user: Cluster, tmp_path: Path
) -> None:
    backup = tmp_path / "etcd"
    async with running(user.kubeconfig, settings=PATIENT), gating(user.kubeconfig) as gate:
        gate.issuer = user.issuer
        await user.ready_issuer()
        await user.create_runner(token={"overlap": "0s"})
        before = await token(user, revision=1)
        await asyncio.to_thread(back_up, fragile, backup)
        await user.rotate_runner("after the backup")
        lost = await token(user, revision=2)
        await seen(gate, user, active=[lost], inactive=[before])
        await user.create_runner("younger")
        younger = await token(user, revision=1, name="younger")
        await seen(gate, user, active=[younger], inactive=[])
        await asyncio.to_thread(restore, fragile, backup)
        newest = await token(user, revision=3)
        await seen(gate, user, active=[newest], inactive=[before, lost, younger])


async def test_76_a_gate_that_was_cut_off_meanwhile_is_not_fooled_by_versions_that_have_caught_up(
    fragile: LocalCluster, user: Cluster, tmp_path: Path
) -> None:
    backup = tmp_path / "etcd"
    async with (
        wired(user.kubeconfig, tmp_path) as (wire, through),
        gating(through) as gate,
        running(user.kubeconfig, settings=PATIENT),
    ):
        gate.issuer = user.issuer
        await user.ready_issuer()
        await asyncio.to_thread(back_up, fragile, backup)
        await user.create_runner("younger")
        younger = await token(user, revision=1, name="younger")
        await seen(gate, user, active=[younger], inactive=[])
        known = await user.version()
        wire.cut()
        await asyncio.to_thread(restore, fragile, backup)
        while await user.version() <= known + 20:
            await user.create(
                {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "later-"}}
            )
        wire.mend()
        await seen(gate, user, active=[], inactive=[younger])


async def token(user: Cluster, *, revision: int, name: str = "runner") -> str:
    """The token of that revision, once it is issued."""
    await settled(user, name, revision=revision)
    return (await user.secret_data(f"{name}-token"))["token"]


async def seen(gate: Gate, user: Cluster, *, active: list[str], inactive: list[str]) -> None:
    """Wait until the gate says so of all."""
    expected = [True] * len(active) + [False] * len(inactive)

    async def said() -> list[bool]:
        reviews = [await gate.review(it, SERVICES) for it in active + inactive]
        return [bool(it["authenticated"]) for it in reviews]

    await user.until(said, lambda it: it == expected)
