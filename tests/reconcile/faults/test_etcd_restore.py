"""The database comes back from a backup while the operator runs (attacks 76)."""

from __future__ import annotations

import asyncio
import secrets
import shutil
from typing import TYPE_CHECKING

import pytest

from mintmaster.api.kinds import RUNNER_REGISTRATION, TOKEN_ISSUER
from mintmaster.kube import config
from mintmaster.kube.client import Client
from mintmaster.localcluster.cluster import LocalCluster
from mintmaster.localcluster.spec import ClusterSpec
from mintmaster.operator.settings import LeaseSettings, Settings
from reconcile.cluster_user import Cluster
from reconcile.conftest import install
from reconcile.faults.inspection import current, settled
from reconcile.faults.spawning import until
from reconcile.harness import running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from reconcile.harness import Running

PATIENT = Settings(
    listen="127.0.0.1:0",
    lease=LeaseSettings(name="patient", duration=180, renew_deadline=120.0, retry_period=0.5),
)
"""A leader that outlives any restart of the API server, however slow the machine."""


@pytest.fixture(scope="module")
def fragile() -> Iterator[LocalCluster]:
    """A cluster whose components these tests kill and restore."""
    cluster = LocalCluster.up(ClusterSpec(name=f"fragile-{secrets.token_hex(4)}", temporary=True))
    try:
        install(cluster)
        yield cluster
    finally:
        cluster.down()


@pytest.fixture
async def user(fragile: LocalCluster) -> AsyncIterator[Cluster]:
    """A user of that cluster, in a namespace of the test's own."""
    name = f"outage-{secrets.token_hex(3)}"
    async with Client(config.load(str(fragile.kubeconfig), None)) as client:
        user = Cluster(client, fragile.kubeconfig, name, f"issuer-{name}")
        await user.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        yield user
        # An operator of the next test is to find nothing but its own.
        await client.request("DELETE", user.path(RUNNER_REGISTRATION, "all").removesuffix("/all"))
        await user.delete(TOKEN_ISSUER, user.issuer)


async def test_after_a_restore_of_etcd_no_token_that_was_rotated_away_is_current(
    fragile: LocalCluster, user: Cluster, tmp_path: Path
) -> None:
    backup = tmp_path / "etcd"
    async with running(user.kubeconfig, settings=PATIENT) as operator:
        await user.ready_issuer()
        await user.create_runner()
        before = await settled(user)
        await asyncio.to_thread(_back_up, fragile, backup)
        await user.create_runner("younger")
        await settled(user, "younger")
        await user.rotate_runner("after the backup")
        lost = current(await settled(user, revision=2))
        await asyncio.to_thread(_restore, fragile, backup)
        # The backup knows the first token as the current one; the operator knows better.
        runner = await settled(user, revision=3)
        known = {token.id for token in runner.status.tokens}
        assert not known & {current(before).id, lost.id}
        await until(lambda: _expiry(operator, user, "younger") is None, "the series stays")
        await user.rotate_runner("after the restore")
        await settled(user, revision=4)


def _back_up(cluster: LocalCluster, backup: Path) -> None:
    _stop(cluster)
    shutil.copytree(cluster.paths.etcd_data, backup)
    _revive(cluster)


def _restore(cluster: LocalCluster, backup: Path) -> None:
    _stop(cluster)
    shutil.rmtree(cluster.paths.etcd_data)
    shutil.copytree(backup, cluster.paths.etcd_data)
    _revive(cluster)


def _stop(cluster: LocalCluster) -> None:
    for component in reversed(cluster.components):
        component.stop()


def _expiry(operator: Running, user: Cluster, name: str) -> float | None:
    labels = {"kind": RUNNER_REGISTRATION.kind, "namespace": user.namespace, "name": name}
    registry = operator.process.metrics.registry
    return registry.get_sample_value("mintmaster_expiry_seconds", labels)


def _revive(cluster: LocalCluster) -> None:
    for component in cluster.components:
        component.start()
        component.wait_ready()
    cluster.wait_ready()
