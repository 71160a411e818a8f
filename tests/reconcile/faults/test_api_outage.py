"""The API server dies, hangs or forgets, and the operator lives through it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from mintmaster.api.kinds import RUNNER_REGISTRATION
from mintmaster.kube.backoff import Backoff
from mintmaster.kube.errors import AlreadyExists, KubeError
from mintmaster.operator.settings import LeaseSettings, Settings
from mintmaster.tokens.digests import digest
from reconcile.faults.fragility import PATIENT, revive
from reconcile.faults.inspection import settled
from reconcile.faults.spawning import until
from reconcile.faults.wire import wired
from reconcile.harness import running

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from mintmaster.localcluster.cluster import LocalCluster
    from reconcile.cluster_user import Cluster
    from reconcile.harness import Running

COUNT = 100


async def test_killing_the_api_server_under_load_loses_and_doubles_nothing(
    fragile: LocalCluster, user: Cluster
) -> None:
    names = [f"runner-{number}" for number in range(COUNT)]
    api_server = fragile.component("kube-apiserver")
    async with running(user.kubeconfig, settings=PATIENT):
        await user.ready_issuer()
        for name in names[: COUNT // 3]:
            await _insist(user, name)
        creating = asyncio.gather(*(_insist(user, name) for name in names[COUNT // 3 :]))
        await asyncio.to_thread(api_server.kill)
        await asyncio.to_thread(revive, fragile)
        await creating
        for name in names:
            runner = await settled(user, name)
            assert [token.revision for token in runner.status.tokens] == [1]


async def _insist(user: Cluster, name: str) -> None:
    """Create a runner, however often the API server fails."""
    for delay in Backoff(cap=1.0):
        try:
            await user.create_runner(name)
        except AlreadyExists:
            return
        except KubeError:
            await asyncio.sleep(delay)
        else:
            return


async def test_an_api_server_that_hangs_for_less_than_the_lease_is_waited_for(
    fragile: LocalCluster, user: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    lease = LeaseSettings(name="hanging", duration=16, renew_deadline=12.0, retry_period=0.25)
    api_server = fragile.component("kube-apiserver")
    async with running(user.kubeconfig, settings=Settings(listen="127.0.0.1:0", lease=lease)):
        await user.ready_issuer()
        api_server.pause()
        try:
            creating = asyncio.create_task(_insist(user, "runner"))
            await until(lambda: "Lease could not be renewed" in caplog.text, "no renewal failed")
        finally:
            api_server.resume()
        await creating
        await settled(user)


async def test_what_was_deleted_while_no_watch_stood_is_forgotten(
    fragile: LocalCluster, user: Cluster, tmp_path: Path
) -> None:
    async with (
        wired(user.kubeconfig, tmp_path) as (wire, kubeconfig),
        running(kubeconfig, settings=PATIENT) as operator,
    ):
        await user.ready_issuer()
        for name in ("doomed", "robbed"):
            await user.create_runner(name)
            await settled(user, name)
        wire.cut()
        await user.delete(RUNNER_REGISTRATION, "doomed")
        await user.delete_secret("robbed-token")
        await _forget_history(fragile)
        wire.mend()
        await until(lambda: _expiry(operator, user, "doomed") is None, "the series stays")
        await settled(user, "robbed", revision=2)
        assert _expiry(operator, user, "robbed") is not None


async def test_the_last_resource_is_forgotten_too_though_no_list_shows_another(
    fragile: LocalCluster, user: Cluster, tmp_path: Path
) -> None:
    token = {"format": "Opaque", "lifetime": "1h", "valueDigest": digest("the caller's token")}
    async with (
        wired(user.kubeconfig, tmp_path) as (wire, kubeconfig),
        running(kubeconfig, settings=PATIENT) as operator,
    ):
        await user.ready_issuer()
        # Without a Secret, whose end would draw attention to it.
        await user.create_runner("doomed", delivery="Caller", token=token)
        await until(lambda: _expiry(operator, user, "doomed") is not None, "no series comes")
        wire.cut()
        await user.delete(RUNNER_REGISTRATION, "doomed")
        await _forget_history(fragile)
        wire.mend()
        await until(lambda: _expiry(operator, user, "doomed") is None, "the series stays")


def _expiry(operator: Running, user: Cluster, name: str) -> float | None:
    labels = {"kind": RUNNER_REGISTRATION.kind, "namespace": user.namespace, "name": name}
    registry = operator.process.metrics.registry
    return registry.get_sample_value("mintmaster_expiry_seconds", labels)


async def _forget_history(cluster: LocalCluster) -> None:
    """Restart the API server: it remembers no changes from before, so that a watch from there is answered 410."""
    await asyncio.to_thread(cluster.component("kube-apiserver").kill)
    await asyncio.to_thread(revive, cluster)
