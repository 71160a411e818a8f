"""Deletion in all its forms: what is on its way out is never healed, and goes (I8)."""

from __future__ import annotations

import asyncio
import dataclasses
from functools import partial
from typing import TYPE_CHECKING

from mintmaster.api.kinds import RUNNER_REGISTRATION
from mintmaster.kube.paths import object_path
from reconcile.builders import issuer
from reconcile.faults.inspection import delivered, exists, settled
from reconcile.faults.spawning import until
from reconcile.faults.tampering import Recorder, process_with
from reconcile.harness import running

if TYPE_CHECKING:
    from collections.abc import Collection

    from mintmaster.operator.queue import Key
    from reconcile.cluster_user import Cluster
    from reconcile.harness import Running

FINALIZER = "example.org/hold"

COUNT = 100


async def test_foreground_deletion_ends(cluster_user: Cluster, operator: Running) -> None:
    await cluster_user.ready_issuer()
    await cluster_user.ready_runner()
    await cluster_user.delete(RUNNER_REGISTRATION, "runner", propagation="Foreground")
    await cluster_user.gone(RUNNER_REGISTRATION, "runner")
    await cluster_user.secret_gone()


async def test_a_resource_that_somebody_holds_back_is_neither_healed_nor_issued_for(
    cluster_user: Cluster,
) -> None:
    recorder = Recorder()
    async with running(cluster_user.kubeconfig, process_type=process_with(recorder)) as operator:
        await cluster_user.ready_issuer()
        await cluster_user.ready_runner()
        held = {"metadata": {"finalizers": [FINALIZER]}}
        await cluster_user.patch(RUNNER_REGISTRATION, "runner", held)
        await operator.at_rest()
        before = len(recorder.writes_about(cluster_user.namespace))
        await cluster_user.delete(RUNNER_REGISTRATION, "runner", propagation="Foreground")
        await cluster_user.secret_gone()
        await cluster_user.annotate(RUNNER_REGISTRATION, "runner", rotate="please")
        await operator.at_rest()
        assert len(recorder.writes_about(cluster_user.namespace)) == before
        assert await cluster_user.secret("runner-token") is None
        assert operator.process.metrics.tracked
        await cluster_user.patch(RUNNER_REGISTRATION, "runner", {"metadata": {"finalizers": None}})
        await cluster_user.gone(RUNNER_REGISTRATION, "runner")


async def test_an_orphaned_secret_stays_and_its_token_is_on_no_record(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    await cluster_user.ready_runner(secret={"deletionPolicy": "Orphan"})
    orphan = await delivered(cluster_user)
    await cluster_user.delete(RUNNER_REGISTRATION, "runner")
    await cluster_user.gone(RUNNER_REGISTRATION, "runner")
    await operator.at_rest()
    assert await delivered(cluster_user) == orphan
    # Its next life takes the Secret over, and nothing of the former's.
    await cluster_user.create_runner(secret={"deletionPolicy": "Orphan"})
    reborn = await settled(cluster_user)
    assert orphan not in {token.digest for token in reborn.status.tokens}


async def test_a_namespace_with_a_hundred_resources_goes_away_without_a_flood(
    cluster_user: Cluster,
) -> None:
    doomed = f"{cluster_user.namespace[:50]}-doomed"
    names = [f"runner-{number}" for number in range(COUNT)]
    recorder = Recorder()
    async with running(cluster_user.kubeconfig, process_type=process_with(recorder)) as operator:
        await _populate(cluster_user, doomed, names)
        await operator.at_rest()
        before = len(recorder.requests)
        path = object_path("v1", "namespaces", None, doomed)
        await cluster_user.client.delete(path)
        await cluster_user.until(lambda: exists(cluster_user.client, path), lambda there: not there)
        await operator.at_rest()
        # Each resource may be looked at when its Secret goes first: a read, a write that is refused, what it says.
        assert len(recorder.requests) - before <= 8 * COUNT
        # The watch may tell of the last deletions a while after they happened.
        assert operator.process.core is not None
        for remembered in (
            operator.process.metrics.tracked,
            operator.process.core.deadlines._valid,
        ):
            await until(partial(_names_none, remembered, doomed), "resources are remembered")


def _names_none(remembered: Collection[Key], namespace: str) -> bool:
    return all(key.namespace != namespace for key in list(remembered))


async def _populate(user: Cluster, namespace: str, names: list[str]) -> None:
    """Make a namespace with ready runners, with the user's issuer."""
    await user.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    await user.create(issuer(user.issuer, namespace))
    neighbour = dataclasses.replace(user, namespace=namespace)
    await asyncio.gather(*(neighbour.create_runner(name) for name in names))
    for name in names:
        await settled(neighbour, name)
