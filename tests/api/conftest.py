"""The CRDs of the repository on a real API server."""

import http.client
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from api.api_server import CRDS, ApiServer, kubectl, proxy

if TYPE_CHECKING:
    from mintmaster.localcluster.cluster import LocalCluster


@pytest.fixture(scope="session")
def kubeconfig(cluster: "LocalCluster") -> Path:
    """Return the way to a cluster that serves the CRDs."""
    for command in (
        ("apply", "--server-side", "--force-conflicts", "--validate=strict"),
        ("wait", "--for=condition=Established", "--timeout=30s"),
    ):
        done = kubectl(cluster.kubeconfig, *command, "-f", str(CRDS))
        assert done.returncode == 0, done.stderr
    return cluster.kubeconfig


@pytest.fixture(scope="session")
def connection(kubeconfig: Path) -> Iterator[http.client.HTTPConnection]:
    with proxy(kubeconfig) as opened:
        yield opened


@pytest.fixture(scope="session")
def shared_api(kubeconfig: Path, connection: http.client.HTTPConnection) -> ApiServer:
    """Answer dry runs, for cases that leave nothing behind."""
    return ApiServer(connection, kubeconfig, "default")


@pytest.fixture
def api(kubeconfig: Path, connection: http.client.HTTPConnection, namespace: str) -> ApiServer:
    """Answer requests in a namespace of the test's own."""
    return ApiServer(connection, kubeconfig, namespace)
