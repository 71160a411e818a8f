"""Gates that answer as other systems do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gate.compat.gitlab_site import answering

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from gate.compat.gitlab_site import GitLab
    from gate.harness import Gate
    from reconcile.harness import Cluster


@pytest.fixture
async def gitlab(cluster_user: Cluster, gate: Gate) -> AsyncIterator[GitLab]:
    """An issuer that answers as GitLab at the root, and may issue anything."""
    async with answering(cluster_user, gate) as found:
        yield found
