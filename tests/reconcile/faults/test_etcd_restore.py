"""The database comes back from a backup while the operator runs (attacks 76)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from mintmaster.api.kinds import RUNNER_REGISTRATION
from reconcile.faults.fragility import PATIENT, back_up, restore
from reconcile.faults.inspection import current, settled
from reconcile.faults.spawning import until
from reconcile.harness import running

if TYPE_CHECKING:
    from pathlib import Path

    from mintmaster.localcluster.cluster import LocalCluster
    from reconcile.cluster_user import Cluster
    from reconcile.harness import Running


async def test_after_a_restore_of_etcd_no_token_that_was_rotated_away_is_current(
    fragile: LocalCluster, user: Cluster, tmp_path: Path
) -> None:
    backup = tmp_path / "etcd"
    async with running(user.kubeconfig, settings=PATIENT) as operator:
        await user.ready_issuer()
        await user.create_runner()
        before = await settled(user)
        await asyncio.to_thread(back_up, fragile, backup)
        await user.create_runner("younger")
        await settled(user, "younger")
        await user.rotate_runner("after the backup")
        lost = current(await settled(user, revision=2))
        await asyncio.to_thread(restore, fragile, backup)
        # The backup knows the first token as the current one; the operator knows better.
        runner = await settled(user, revision=3)
        known = {token.id for token in runner.status.tokens}
        assert not known & {current(before).id, lost.id}
        await until(lambda: _expiry(operator, user, "younger") is None, "the series stays")
        await user.rotate_runner("after the restore")
        await settled(user, revision=4)


def _expiry(operator: Running, user: Cluster, name: str) -> float | None:
    labels = {"kind": RUNNER_REGISTRATION.kind, "namespace": user.namespace, "name": name}
    registry = operator.process.metrics.registry
    return registry.get_sample_value("mintmaster_expiry_seconds", labels)
