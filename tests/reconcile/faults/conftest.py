"""Faults on a real API server: processes that die, writes that fail, clocks that jump."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import pytest

from mintmaster.api.kinds import RUNNER_REGISTRATION, TOKEN_ISSUER
from mintmaster.kube import config
from mintmaster.kube.client import Client
from mintmaster.localcluster.cluster import LocalCluster
from mintmaster.localcluster.spec import ClusterSpec
from reconcile.cluster_user import Cluster
from reconcile.conftest import install
from reconcile.faults.spawning import Leadership

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


@pytest.fixture
async def leadership(cluster_user: Cluster) -> AsyncIterator[Leadership]:
    """The operators' Lease, free again when the test ends, whoever died holding it."""
    lease = Leadership(cluster_user.client)
    yield lease
    await lease.vacate()


@pytest.fixture(scope="package")
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
