"""Where things are kept: built programs in the cache, running clusters in the state folder."""

import os
from dataclasses import dataclass
from pathlib import Path


def _base(variable: str, default: str) -> Path:
    """Follow the XDG Base Directory Specification: a relative path is to be ignored."""
    value = os.environ.get(variable, "")
    folder = Path(value) if value.startswith("/") else Path.home() / default
    return folder / "mintmaster"


def cache_folder() -> Path:
    """Give the folder of what can be made again: $XDG_CACHE_HOME/mintmaster."""
    return _base("XDG_CACHE_HOME", ".cache")


def clusters_folder() -> Path:
    """Give the folder that has one folder per cluster: $XDG_STATE_HOME/mintmaster/clusters."""
    return _base("XDG_STATE_HOME", ".local/state") / "clusters"


@dataclass(frozen=True, slots=True)
class ClusterPaths:
    """The files of one cluster, all below `root`."""

    root: Path

    @classmethod
    def of(cls, name: str) -> "ClusterPaths":
        """Give the paths of the cluster of this name, whether it exists or not."""
        return cls(clusters_folder() / name)

    @property
    def record(self) -> Path:
        """What the cluster was made from and where it serves."""
        return self.root / "cluster.json"

    @property
    def components(self) -> Path:
        """One record per process, kept across its restarts."""
        return self.root / "components"

    @property
    def logs(self) -> Path:
        """One log per process."""
        return self.root / "logs"

    @property
    def pki(self) -> Path:
        """Certificates and keys."""
        return self.root / "pki"

    @property
    def etcd_data(self) -> Path:
        """The database."""
        return self.root / "etcd"

    @property
    def kubeconfig(self) -> Path:
        """How to talk to the cluster, as an administrator."""
        return self.root / "kubeconfig"

    @property
    def controller_manager_kubeconfig(self) -> Path:
        """How the controller manager talks to the API server."""
        return self.root / "controller-manager.kubeconfig"
