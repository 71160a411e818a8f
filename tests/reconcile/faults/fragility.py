"""A cluster whose components are killed and restored, and a leader that lives through it."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from mintmaster.operator.settings import LeaseSettings, Settings

if TYPE_CHECKING:
    from pathlib import Path

    from mintmaster.localcluster.cluster import LocalCluster

PATIENT = Settings(
    listen="127.0.0.1:0",
    lease=LeaseSettings(name="patient", duration=180, renew_deadline=120.0, retry_period=0.5),
)
"""A leader that outlives any restart of the API server, however slow the machine."""


def revive(cluster: LocalCluster) -> None:
    for component in cluster.components:
        component.start()
        component.wait_ready()
    cluster.wait_ready()


def back_up(cluster: LocalCluster, backup: Path) -> None:
    """Copy the database."""
    _stop(cluster)
    shutil.copytree(cluster.paths.etcd_data, backup)
    revive(cluster)


def restore(cluster: LocalCluster, backup: Path) -> None:
    """Put a copy of the database in its place."""
    _stop(cluster)
    shutil.rmtree(cluster.paths.etcd_data)
    shutil.copytree(backup, cluster.paths.etcd_data)
    revive(cluster)


def _stop(cluster: LocalCluster) -> None:
    for component in reversed(cluster.components):
        component.stop()
