"""Gates on a real API server, and those who attack them."""

from __future__ import annotations

from gate.conftest import gate, tenant  # noqa: F401 - fixtures
from reconcile.conftest import clock, cluster_user, kubeconfig, operator  # noqa: F401 - fixtures
from reconcile.faults.conftest import fragile, user  # noqa: F401 - fixtures
