"""What the tests need of the machine: root, Linux, cgroups, and programs from Debian's packages."""

import os
import shutil
import subprocess
from pathlib import Path

from mintmaster.localcluster.node import obstacles
from mintmaster.localcluster.progress import Say

PACKAGES = {
    "containerd": "containerd",
    "runc": "runc",
    "buildah": "buildah",
    "mmdebstrap": "mmdebstrap",
    "iptables": "iptables",
    "ip": "iproute2",
    "git": "git",
    "/bin/busybox": "busybox-static",
    "/usr/lib/cni/ptp": "containernetworking-plugins",
}
"""Packages by a program that each of them brings."""


class UnfitMachine(Exception):
    """This machine cannot run pods; the text says why."""


def prepare(say: Say) -> None:
    """Install what is missing; raise UnfitMachine where that cannot be, or would not help."""
    if problems := obstacles():
        raise UnfitMachine("; ".join(problems))
    if not os.access("/sys/fs/cgroup", os.W_OK):
        raise UnfitMachine("/sys/fs/cgroup is read-only, and pods need cgroups of their own")
    missing = [package for program, package in PACKAGES.items() if not _present(program)]
    if missing:
        say(f"e2e: installing {', '.join(missing)}")
        _install(missing)


def _present(program: str) -> bool:
    return Path(program).exists() if program.startswith("/") else bool(shutil.which(program))


def _install(packages: list[str]) -> None:
    apt = shutil.which("apt-get")
    if apt is None:
        needed = ", ".join(packages)
        raise UnfitMachine(f"there is no apt-get to install them with, so install these: {needed}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (["update"], ["install", "--yes", "--no-install-recommends", *packages]):
        done = subprocess.run(
            [apt, "--quiet=2", *arguments],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise UnfitMachine(f"apt-get {' '.join(arguments)} failed: {done.stderr.strip()}")
