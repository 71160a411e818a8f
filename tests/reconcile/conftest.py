"""The operator on a real API server."""

from __future__ import annotations

import secrets
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec
import pytest

from api.api_server import CRDS, kubectl
from mintmaster.api.kinds import TOKEN_ISSUER, TOKEN_KINDS
from mintmaster.api.names import API_VERSION
from mintmaster.kube import config
from mintmaster.kube.client import Client
from mintmaster.kube.errors import NotFound
from mintmaster.kube.paths import collection_path
from reconcile.harness import Cluster, SettableClock, running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from mintmaster.localcluster.cluster import LocalCluster
    from reconcile.harness import Running

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
    # The garbage collector looks for new kinds every 30 s, and once when it starts.
    manager = cluster.component("kube-controller-manager")
    manager.stop()
    manager.start()


@pytest.fixture
async def cluster_user(kubeconfig: Path, namespace: str) -> AsyncIterator[Cluster]:
    """A namespace and an issuer's name of the test's own; what the test made there goes when it ends."""
    async with Client(config.load(str(kubeconfig), None)) as client:
        user = Cluster(client, kubeconfig, namespace, f"issuer-{secrets.token_hex(4)}")
        yield user
        await _clear(user)


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
