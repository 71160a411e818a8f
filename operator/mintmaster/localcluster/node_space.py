"""Run a command in namespaces of its own, in which a node can be started and out of which nothing of it gets.

    python -m mintmaster.localcluster.node_space COMMAND...

Network, mounts and processes are its own (namespaces(7)): when the command ends, the kernel kills what it left running,
takes its mounts away and drops its network. What remains are cgroups, which this removes. It takes root.
"""

import os
import secrets
import shutil
import subprocess
import sys
import time
from typing import Final

from mintmaster.localcluster import node_cgroup
from mintmaster.localcluster.node import CGROUP_VARIABLE, obstacles

PRIVATE: Final = ("/run", "/var/log", "/var/lib")
"""Folders that containerd and the kubelet write into, whatever one tells them: empty and private, inside."""

_INSIDE: Final = """\
set -eu
mount --make-rshared /
for folder in {private}; do mount -t tmpfs -o mode=755 tmpfs "$folder"; done
ip link set lo up
exec "$@"
"""

_UNSHARE: Final = (
    "unshare",
    *("--mount", "--net", "--ipc", "--uts", "--pid"),
    *("--fork", "--kill-child", "--mount-proc"),
)

ENDING_SECONDS: Final = 30.0
"""How long the kernel may take to end the last process of a cgroup."""


def run(command: list[str]) -> int:
    """Run a command in namespaces of its own, and return its exit code."""
    cgroup = f"mintmaster-node-{secrets.token_hex(4)}"
    script = _INSIDE.format(private=" ".join(PRIVATE))
    node_cgroup.make(cgroup)
    try:
        return subprocess.run(  # noqa: S603 - the caller's own command
            [str(shutil.which("unshare")), *_UNSHARE[1:], "sh", "-c", script, "sh", *command],
            env={**os.environ, CGROUP_VARIABLE: f"/{cgroup}"},
            check=False,
        ).returncode
    finally:
        _remove(cgroup)


def _remove(cgroup: str) -> None:
    """Remove the cgroup, as soon as the last process in it is gone."""
    deadline = time.monotonic() + ENDING_SECONDS
    while True:
        try:
            node_cgroup.remove(cgroup)
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return


def main(arguments: list[str]) -> int:
    """Run the command, or say why that cannot be."""
    problems = obstacles()
    if problems or not arguments:
        sys.stderr.write("; ".join(problems or ["name a command"]) + "\n")
        return 2
    return run(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
