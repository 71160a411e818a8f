"""Somebody at the command line, with an operator at work on a real API server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cli import installation
from cli.person import Person
from reconcile.conftest import clock, cluster_user, kubeconfig, operator  # noqa: F401 - fixtures

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from reconcile.harness import Cluster, Running


@pytest.fixture
async def person(
    cluster_user: Cluster,  # noqa: F811 - a fixture
    operator: Running,  # noqa: F811 - a fixture
) -> Person:
    """Somebody who may do everything in the test's cluster, with a ready issuer of the test's own."""
    await cluster_user.ready_issuer()
    return Person(cluster_user)


@pytest.fixture(scope="module")
def bare() -> Iterator[Path]:
    """A cluster on which nothing of ours is installed, and no test installs anything."""
    yield from installation.temporary_cluster()


@pytest.fixture(scope="module")
def used() -> Iterator[Path]:
    """A cluster that the tests of a module share, in whatever state the last one left it."""
    yield from installation.temporary_cluster()


@pytest.fixture
def installed(used: Path) -> Path:
    """A cluster on which this version is installed, with gates."""
    installation.install(used)
    return used
