"""A cgroup for all pods of a node, in cgroup v1 and v2, made before the kubelet and removed after it.

cgroups(7), https://docs.kernel.org/admin-guide/cgroup-v2.html
"""

import contextlib
import os
import signal
from pathlib import Path
from typing import Final

MOUNTED: Final = Path("/sys/fs/cgroup")

_OF_CPUSET = ("cpuset.cpus", "cpuset.mems")
"""Of cgroup v1: empty in a new cgroup, and while they are, no process can join."""


def make(name: str, mounted: Path = MOUNTED) -> None:
    """Make the cgroup called `name` in every hierarchy that there is."""
    for top in _tops(mounted):
        (top / name).mkdir(exist_ok=True)
        for setting in _OF_CPUSET:
            if not _unified(top) and (top / setting).exists():
                (top / name / setting).write_text((top / setting).read_text())
        if _unified(top):
            _pass_controllers_on(top)


def kill(name: str, mounted: Path = MOUNTED) -> None:
    """End every process in the cgroup called `name` and below it (SIGKILL)."""
    for top in _tops(mounted):
        for file in (top / name.lstrip("/")).rglob("cgroup.procs"):
            for pid in file.read_text().split():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)


def remove(name: str, mounted: Path = MOUNTED) -> None:
    """Remove it with all below it, which must hold no process any more; one that is not there is fine."""
    for top in _tops(mounted):
        below = sorted((top / name).rglob("*/"), reverse=True)
        for folder in [path for path in below if path.is_dir()]:
            folder.rmdir()
        if (top / name).is_dir():
            (top / name).rmdir()


def _tops(mounted: Path) -> list[Path]:
    """The root of the one hierarchy of v2, or of each of v1; a link is another name of one."""
    if _unified(mounted):
        return [mounted]
    return [path for path in mounted.iterdir() if path.is_dir() and not path.is_symlink()]


def _unified(top: Path) -> bool:
    return (top / "cgroup.controllers").exists()


def _pass_controllers_on(top: Path) -> None:
    """Let cgroups below have all controllers of this one."""
    enabled = [f"+{name}" for name in (top / "cgroup.controllers").read_text().split()]
    if enabled:
        (top / "cgroup.subtree_control").write_text(" ".join(enabled))
