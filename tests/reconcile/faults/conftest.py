"""Faults on a real API server: processes that die, writes that fail, clocks that jump."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconcile.faults.spawning import Leadership

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from reconcile.cluster_user import Cluster


@pytest.fixture
async def leadership(cluster_user: Cluster) -> AsyncIterator[Leadership]:
    """The operators' Lease, free again when the test ends, whoever died holding it."""
    lease = Leadership(cluster_user.client)
    yield lease
    await lease.vacate()
