"""Gates with an operator beside them, on a real API server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from gate.harness import gating
from gate.mint import minting
from reconcile.conftest import clock, cluster_user, kubeconfig, operator  # noqa: F401 - fixtures

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from gate.harness import Gate
    from gate.mint import Mint
    from reconcile.harness import Cluster, Running, SettableClock

SERVICES = "https://services.example.org"
"""The audience of the test's issuer."""


@pytest.fixture
async def gate(
    kubeconfig: Path,  # noqa: F811 - a fixture
    clock: SettableClock,  # noqa: F811 - a fixture
    operator: Running,  # noqa: F811 - a fixture
    cluster_user: Cluster,  # noqa: F811 - a fixture
) -> AsyncIterator[Gate]:
    """A gate, asked by somebody who may introspect, about the test's issuer."""
    async with gating(kubeconfig, clock) as started:
        started.issuer = cluster_user.issuer
        yield started


@pytest.fixture
async def mint(
    kubeconfig: Path,  # noqa: F811 - a fixture
    clock: SettableClock,  # noqa: F811 - a fixture
    operator: Running,  # noqa: F811 - a fixture
    cluster_user: Cluster,  # noqa: F811 - a fixture
    tmp_path: Path,
) -> AsyncIterator[Mint]:
    """A gate-signed issuer, an application of it, and a gate that signs."""
    async with minting(cluster_user, kubeconfig, clock, tmp_path) as started:
        yield started


@dataclass
class Tenant:
    """The test's namespace, in which tokens are issued."""

    cluster: Cluster
    gate: Gate

    async def user_token(self, name: str = "user", **spec: object) -> str:
        """The token of a UserAccessToken of that name, created and active."""
        await self.cluster.ready_user(name, **spec)
        return (await self.cluster.secret_data(f"{name}-token"))["token"]

    async def runner_token(self, name: str = "runner", **spec: object) -> str:
        await self.cluster.ready_runner(name, **spec)
        return (await self.cluster.secret_data(f"{name}-token"))["token"]


@pytest.fixture
async def tenant(cluster_user: Cluster, gate: Gate) -> Tenant:  # noqa: F811 - a fixture
    """An issuer with keys, and a service whose own token has the scope `introspect`."""
    scopes = ("api", "read_api", "create_runner", "introspect", "revoke")
    await cluster_user.ready_issuer(scopes=[{"name": scope} for scope in scopes])
    found = Tenant(cluster_user, gate)
    gate.credential = await found.user_token("service", scopes=["introspect"])
    return found
