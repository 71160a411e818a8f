"""A process that ends a temporary cluster when the process that made it is gone.

    python -m mintmaster.localcluster.guard FOLDER PID STARTED

A test run that is killed cannot clean up after itself; this does. It ends when the cluster's
folder is gone, be it by its own doing.
"""

import sys
import time
from pathlib import Path

from mintmaster.localcluster.paths import ClusterPaths
from mintmaster.localcluster.process import Process

WATCH_SECONDS = 0.5
"""Pause between two looks at the owner and at the folder."""


def watch(paths: ClusterPaths, owner: Process) -> None:
    """Return when the cluster is gone; take it down if the owner goes first."""
    while paths.root.exists() and owner.alive:
        time.sleep(WATCH_SECONDS)
    if paths.root.exists():
        # Only now, because most guards never need it.
        from mintmaster.localcluster.cluster import take_down  # noqa: PLC0415

        take_down(paths)


def main(folder: str, pid: str, started: str) -> None:
    """Guard the cluster in `folder`."""
    watch(ClusterPaths(Path(folder)), Process(int(pid), int(started)))


if __name__ == "__main__":
    main(*sys.argv[1:])
