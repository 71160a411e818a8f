"""Gates and an operator on a real API server, and clients that never pause."""

from __future__ import annotations

from gate.conftest import mint  # noqa: F401 - a fixture
from reconcile.conftest import clock, cluster_user, kubeconfig, operator  # noqa: F401 - fixtures
from reconcile.faults.conftest import leadership  # noqa: F401 - a fixture
