"""The operator on a real API server."""

from __future__ import annotations

import secrets
import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

import msgspec
import pytest

from api.api_server import CRDS, kubectl
from mintmaster.api.kinds import ALL_KINDS, TOKEN_ISSUER, TOKEN_KINDS
from mintmaster.api.names import API_VERSION
from mintmaster.kube import config
from mintmaster.kube.client import Client
from mintmaster.kube.errors import NotFound
from mintmaster.kube.paths import collection_path, object_path
from reconcile.cluster_user import PATIENCE
from reconcile.harness import Cluster, SettableClock, running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from mintmaster.localcluster.cluster import LocalCluster
    from reconcile.harness import Object, Running

OPERATOR_NAMESPACE = "mintmaster-system"


@pytest.fixture(scope="session")
def kubeconfig(cluster: LocalCluster) -> Path:
    """The way to a cluster that serves the CRDs and has the operator's namespace."""
    install(cluster)
    return cluster.kubeconfig


def install(cluster: LocalCluster) -> None:
    """Prepare a cluster for operators; does no harm to one that is prepared."""
    steps = (
        ("apply", "--server-side", "--force-conflicts", "-f", str(CRDS)),
        ("wait", "--for=condition=Established", "--timeout=30s", "-f", str(CRDS)),
    )
    for step in steps:
        done = kubectl(cluster.kubeconfig, *step)
        assert done.returncode == 0, done.stderr
    kubectl(cluster.kubeconfig, "create", "namespace", OPERATOR_NAMESPACE)
    _wait_until_served(cluster.kubeconfig)
    # The garbage collector looks for new kinds every 30 s, and once when it starts.
    manager = cluster.component("kube-controller-manager")
    manager.stop()
    manager.start()


def _wait_until_served(kubeconfig: Path) -> None:
    """A kind that is established may answer 429 for a moment yet, while its storage is made."""
    plurals = ",".join(kind.plural for kind in ALL_KINDS)
    deadline = time.monotonic() + PATIENCE
    while (done := kubectl(kubeconfig, "get", plurals, "--all-namespaces")).returncode:
        assert time.monotonic() < deadline, done.stderr


@pytest.fixture
async def cluster_user(kubeconfig: Path, namespace: str) -> AsyncIterator[Cluster]:
    """A namespace and an issuer's name of the test's own; what the test made there goes when it ends."""
    async with Client(config.load(str(kubeconfig), None)) as client:
        user = Cluster(client, kubeconfig, namespace, f"issuer-{secrets.token_hex(4)}")
        await _others_gone(user)
        yield user
        await _clear(user)


async def _others_gone(user: Cluster) -> None:
    """Wait until no other test's resource is left anywhere: an operator would renew it when the clock is set."""
    for kind in TOKEN_KINDS:
        await user.until(partial(_deleted, user, kind.plural), lambda left: not left)


async def _deleted(user: Cluster, plural: str) -> list[Object]:
    """Delete all resources of a kind, and return those that there were."""
    everywhere = await user.client.get(collection_path(API_VERSION, plural))
    found: list[Object] = msgspec.json.decode(everywhere)["items"]
    for item in found:
        await _delete(user, plural, item["metadata"])
    return found


async def _delete(user: Cluster, plural: str, meta: Object) -> None:
    """Delete a resource, whoever holds it."""
    path = object_path(API_VERSION, plural, meta["namespace"], meta["name"])
    with suppress(NotFound):
        if meta.get("finalizers"):
            await user.client.merge_patch(path, {"metadata": {"finalizers": None}})
        await user.client.delete(path)


async def _clear(user: Cluster) -> None:
    """Delete the resources and issuers of a test, so that the next test's operator has only its own to look at."""
    for kind in TOKEN_KINDS:
        path = collection_path(API_VERSION, kind.plural, user.namespace)
        await user.client.request("DELETE", path)
    issuers = await user.client.get(collection_path(API_VERSION, TOKEN_ISSUER.plural))
    for item in msgspec.json.decode(issuers)["items"]:
        with suppress(NotFound):
            await user.delete(TOKEN_ISSUER, item["metadata"]["name"])


@pytest.fixture
def clock() -> SettableClock:
    """The clock of the test's operator."""
    return SettableClock()


@pytest.fixture
async def operator(kubeconfig: Path, clock: SettableClock) -> AsyncIterator[Running]:
    """An operator that leads and has listed everything."""
    async with running(kubeconfig, clock=clock) as started:
        yield started
