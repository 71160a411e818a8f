"""An operator on a real API server, as the tests of reconciling have it."""

from reconcile.conftest import clock, cluster_user, kubeconfig, operator

__all__ = ["clock", "cluster_user", "kubeconfig", "operator"]
