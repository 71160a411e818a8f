"""Alerts on the operator itself: each fires where its condition is caused for real, and alone."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from mintmaster.kube import config
from mintmaster.kube.errors import Forbidden
from mintmaster.kube.paths import collection_path
from mintmaster.lifecycle.shard import parse
from mintmaster.operator.process import Process
from mintmaster.operator.settings import LeaseSettings, Settings, WorkSettings
from monitoring.conftest import Watch
from monitoring.timeline import Target as Scraped
from monitoring.timeline import scrape
from reconcile.faults.fragility import PATIENT, revive
from reconcile.faults.spawning import until
from reconcile.faults.tampering import Disturbance, Interruption, Target, process_with
from reconcile.harness import get, running
from reconcile.reading import is_ready

if TYPE_CHECKING:
    from pathlib import Path

    from mintmaster.localcluster.cluster import LocalCluster
    from reconcile.harness import Cluster, Running


async def _well(user: Cluster, watch: Watch) -> Running:
    await user.ready_issuer()
    await user.ready_runner()
    operator = watch.operator
    assert operator is not None
    await operator.at_rest()
    await watch.all_is_well()
    return operator


async def test_no_leader_and_target_down(cluster_user: Cluster, tmp_path: Path) -> None:
    async with running(cluster_user.kubeconfig) as operator:
        watch = Watch(tmp_path, operator)
        await _well(cluster_user, watch)
    watch.timeline.steady(scrape(Scraped("mintmaster-operator", None)), 20)
    await watch.fires("MintmasterNoLeader", "MintmasterTargetDown")


async def test_no_leader_while_one_stands_by(cluster_user: Cluster, tmp_path: Path) -> None:
    """Somebody who is dead holds the Lease."""
    lease = LeaseSettings(name="haunted", duration=3600)
    async with running(
        cluster_user.kubeconfig, settings=Settings(listen="127.0.0.1:0", lease=lease)
    ) as operator:
        watch = Watch(tmp_path, operator)
        await _well(cluster_user, watch)
    await _haunt(cluster_user, lease.name)
    settings = Settings(listen="127.0.0.1:0", lease=lease)
    process = Process(config.load(str(cluster_user.kubeconfig), None), settings)
    stop = asyncio.Event()
    standing_by = asyncio.create_task(process.run(stop))
    try:
        await until(lambda: process.address, "it does not listen")
        _, text = await get(f"http://{process.address}/metrics")
    finally:
        stop.set()
        await standing_by
    watch.timeline.steady(scrape(Scraped("mintmaster-operator", text)), 20)
    await watch.fires("MintmasterNoLeader")


async def test_no_leader_of_a_shard(cluster_user: Cluster, tmp_path: Path) -> None:
    async with running(cluster_user.kubeconfig) as operator:
        watch = Watch(tmp_path, operator)
        await _well(cluster_user, watch)
    first_of_two = Settings(listen="127.0.0.1:0", shards=parse("1/2"))
    async with running(cluster_user.kubeconfig, settings=first_of_two) as operator:
        watch.operator = operator
        await watch.goes_on(20)
    await watch.fires("MintmasterNoLeader")


async def _haunt(user: Cluster, name: str) -> None:
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    held = {"holderIdentity": "ghost", "leaseDurationSeconds": 3600, "renewTime": now}
    path = collection_path("coordination.k8s.io/v1", "leases", "mintmaster-system")
    await user.client.merge_patch(f"{path}/{name}", {"spec": held})


async def test_queue_stuck(cluster_user: Cluster, tmp_path: Path) -> None:
    """The only hand waits for an answer that does not come."""
    hold = Interruption(Target("POST", "secrets", within=f"/{cluster_user.namespace}/"))
    settings = Settings(listen="127.0.0.1:0", work=WorkSettings(workers=1))
    async with running(
        cluster_user.kubeconfig, settings=settings, process_type=process_with(hold)
    ) as operator:
        watch = Watch(tmp_path, operator)
        await cluster_user.ready_issuer()
        await operator.at_rest()
        await watch.all_is_well()
        await cluster_user.create_runner("first")
        await hold.reached.wait()
        await cluster_user.create_runner("second")
        await until(lambda: operator.metric("mintmaster_queue_depth"), "nothing waits")
        await watch.goes_on(30)
        await watch.fires("MintmasterQueueStuck")
        hold.release()
        await cluster_user.runner_where(is_ready, "second")
        await operator.at_rest()
        await watch.goes_on(5)
        await watch.is_calm()


async def test_reconcile_errors(cluster_user: Cluster, tmp_path: Path) -> None:
    async def fail() -> None:
        raise RuntimeError("this is a defect")

    path = f"/{cluster_user.namespace}/runnerregistrations/broken/"
    fault = Disturbance(Target("PATCH", "runnerregistrations/status", within=path), fail)
    async with running(cluster_user.kubeconfig, process_type=process_with(fault)) as operator:
        watch = Watch(tmp_path, operator)
        await _well(cluster_user, watch)
        await cluster_user.create_runner("broken")
        errors = {"kind": "RunnerRegistration", "error": "RuntimeError"}
        await until(
            lambda: operator.metric("mintmaster_reconcile_errors_total", **errors), "no error"
        )
        await watch.happens_every_minute(40)
        await watch.fires("MintmasterReconcileErrors")


async def test_clock_skew(cluster_user: Cluster, watch: Watch) -> None:
    operator = await _well(cluster_user, watch)
    operator.skew.compares = True
    operator.clock.offset = timedelta(seconds=20)
    await cluster_user.ready_runner("second")
    await until(
        lambda: (operator.metric("mintmaster_clock_skew_seconds") or 0) > 15, "no skew is seen"
    )
    await watch.goes_on(20)
    await watch.fires("MintmasterClockSkew")


async def test_api_errors(fragile: LocalCluster, user: Cluster, tmp_path: Path) -> None:
    api_server = fragile.component("kube-apiserver")
    async with running(user.kubeconfig, settings=PATIENT) as operator:
        watch = Watch(tmp_path, operator)
        await _well(user, watch)
        before = _unanswered(operator)
        await asyncio.to_thread(api_server.kill)
        try:
            await until(lambda: _unanswered(operator) > before + 2, "nobody asks")
            await watch.happens_every_minute(30)
        finally:
            await asyncio.to_thread(revive, fragile)
        await user.ready_runner("second")
    await watch.fires("MintmasterApiErrors")


def _unanswered(operator: Running) -> float:
    return sum(
        sample.value
        for family in operator.process.metrics.requests.collect()
        for sample in family.samples
        if sample.name.endswith("_total") and sample.labels["status"] == "0"
    )


async def test_events_dropped(cluster_user: Cluster, tmp_path: Path) -> None:
    async def refuse() -> None:
        raise Forbidden(403, "events are forbidden", reason="Forbidden")

    refusal = Disturbance(Target("POST", "events"), refuse)
    refused = process_with(refusal)
    async with running(cluster_user.kubeconfig, process_type=refused) as operator:
        watch = Watch(tmp_path, operator)
        await watch.all_is_well()
        await cluster_user.ready_issuer()
        await cluster_user.ready_runner()
        await until(lambda: operator.metric("mintmaster_events_dropped_total"), "none is dropped")
        await watch.happens_every_minute(60)
        await watch.fires("MintmasterEventsDropped")


async def test_first_issue_slow(cluster_user: Cluster, watch: Watch) -> None:
    """By the operator's clock the resource was created a minute ago."""
    operator = await _well(cluster_user, watch)
    operator.clock.offset = timedelta(seconds=60)
    await cluster_user.ready_runner("second")
    await operator.at_rest()
    await watch.happens_every_minute(30)
    await watch.fires("MintmasterFirstIssueSlow")
