"""A node beside a control plane of our own, so that pods run: containerd, scheduler, kubelet, proxy of Services.

It takes root on Linux, and is started by `python -m mintmaster.localcluster.node_space`, in namespaces of its own: the
network of its pods is nobody else's, and all that it starts ends and is unmounted with them.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from mintmaster.localcluster import build, node_cgroup, node_files, programs
from mintmaster.localcluster.certificates import NODE_NAME, Certificates
from mintmaster.localcluster.component import Component, Recipe
from mintmaster.localcluster.errors import BackendError, NotReadyError, log_excerpt
from mintmaster.localcluster.node_files import (
    KUBELET_PORT,
    PROXY_PORT,
    RUNTIME_PORT,
    SCHEDULER_PORT,
    NodeFiles,
)
from mintmaster.localcluster.paths import ClusterPaths
from mintmaster.localcluster.process import POLL_SECONDS
from mintmaster.localcluster.progress import Say, silent
from mintmaster.localcluster.spec import ClusterSpec

if TYPE_CHECKING:
    from mintmaster.localcluster.cluster import LocalCluster

INSTALLED: Final = ("containerd", "ctr", "runc", "iptables", "ip")
"""Programs that are not built here."""

CGROUP_VARIABLE: Final = "MINTMASTER_NODE_CGROUP"
"""Names the cgroup that was made for the pods; set by `node_space`, which removes it."""

READY_SECONDS: Final = 60.0
"""How long a node whose processes are ready may take until pods can be put on it."""


def cluster_spec(name: str) -> ClusterSpec:
    """Describe a temporary cluster that can have a node: its pods look for the API server in a network of their own."""
    admin = Certificates(ClusterPaths.of(name).pki).admin
    arguments = {
        "bind-address": "0.0.0.0",  # noqa: S104 - of the node's own network namespace
        "advertise-address": node_files.ADDRESS,
        "endpoint-reconciler-type": "lease",
        "kubelet-preferred-address-types": "InternalIP",
        "kubelet-client-certificate": admin.certificate,
        "kubelet-client-key": admin.key,
    }
    flags = tuple(f"--{flag}={value}" for flag, value in arguments.items())
    return ClusterSpec(name=name, temporary=True, apiserver_args=flags)


@dataclass(frozen=True, slots=True)
class Node:
    """The one node of a cluster that `cluster_spec` describes."""

    cluster: "LocalCluster"
    files: NodeFiles
    programs: dict[str, Path]

    @classmethod
    def up(cls, cluster: "LocalCluster", pause: Path, say: Say = silent) -> Self:
        """Start the node, and return when it is Ready; it ends with the namespaces that it is in.

        `pause` is an archive with the one image that holds a pod's namespaces, whatever its name. Raises ClusterError.
        """
        _require()
        paths = cluster.paths
        files = NodeFiles(paths.root / "node", Certificates(paths.pki))
        node = cls(cluster, files, build.ensure(programs.NODE, say))
        _give_address()
        files.write(cluster.server, image_name(pause), os.environ[CGROUP_VARIABLE], _snapshotter())
        containerd, *others = (node._component(recipe) for recipe in node._recipes())
        _start(containerd)
        node.load(pause)
        for component in others:
            _start(component)
        node._wait_ready()
        return node

    def load(self, archive: Path) -> None:
        """Give the node the images of an archive, as `docker save` writes it."""
        _run("ctr", "--namespace=k8s.io", "images", "import", str(archive))

    def down(self) -> None:
        """End the node and its pods, so that the files of its cluster can be removed."""
        for recipe in reversed(self._recipes()):
            self._component(recipe).stop()
        node_cgroup.kill(os.environ[CGROUP_VARIABLE])
        for mount in reversed(_mounts_below(self.files.folder)):
            _run("umount", "--lazy", mount)

    def _component(self, recipe: Recipe) -> Component:
        return Component(self.cluster.paths.root, recipe, self.files.certificates)

    def _recipes(self) -> tuple[Recipe, ...]:
        files, pki = self.files, self.files.certificates
        runtime = (str(shutil.which("containerd")), f"--config={files.containerd}")
        scheduler = (
            f"--kubeconfig={files.kubeconfig(pki.scheduler)}",
            f"--authentication-kubeconfig={files.kubeconfig(pki.scheduler)}",
            f"--authorization-kubeconfig={files.kubeconfig(pki.scheduler)}",
            f"--tls-cert-file={pki.serving.certificate}",
            f"--tls-private-key-file={pki.serving.key}",
            "--bind-address=127.0.0.1",
            "--leader-elect=false",
        )
        kubelet = (
            f"--config={files.kubelet}",
            f"--kubeconfig={files.kubeconfig(pki.kubelet)}",
            f"--root-dir={files.folder / 'kubelet'}",
            f"--hostname-override={NODE_NAME}",
            f"--node-ip={node_files.ADDRESS}",
        )
        proxy = (f"--config={files.kube_proxy}",)
        return (
            Recipe("containerd", runtime, f"http://127.0.0.1:{RUNTIME_PORT}/v1/metrics"),
            self._recipe(
                "kube-scheduler", scheduler, f"https://127.0.0.1:{SCHEDULER_PORT}/healthz"
            ),
            self._recipe("kubelet", kubelet, f"https://127.0.0.1:{KUBELET_PORT}/healthz"),
            # /healthz would say for how long load balancers may send it connections.
            self._recipe("kube-proxy", proxy, f"http://127.0.0.1:{PROXY_PORT}/livez"),
        )

    def _recipe(self, name: str, arguments: tuple[str, ...], health: str) -> Recipe:
        return Recipe(name, (str(self.programs[name]), *arguments), health)

    def _wait_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while not self._ready():
            if time.monotonic() > deadline:
                log = self.cluster.paths.logs / "kubelet.log"
                raise NotReadyError(f"the node is not Ready; {log_excerpt(log)}")
            time.sleep(POLL_SECONDS)

    def _ready(self) -> bool:
        nodes = json.loads(self.cluster.api.request("GET", "/api/v1/nodes"))["items"]
        conditions = [it for node in nodes for it in node["status"].get("conditions", ())]
        return {"type": "Ready", "status": "True"} in [
            {"type": it["type"], "status": it["status"]} for it in conditions
        ]


def image_name(archive: Path) -> str:
    """Read the name of the one image in an archive, as `docker save` writes it."""
    said = subprocess.run(  # noqa: S603 - the command is ours
        [
            str(shutil.which("tar")),
            "--extract",
            "--to-stdout",
            f"--file={archive}",
            "manifest.json",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    return str(json.loads(said.stdout)[0]["RepoTags"][0])


def obstacles() -> list[str]:
    """Say what keeps this machine from having a node, as far as can be seen beforehand."""
    found = []
    if sys.platform != "linux":
        found.append(f"a node takes Linux, and this is {sys.platform}")
    elif os.geteuid() != 0:
        found.append("a node takes root: kubelet and containerd mount, and make namespaces")
    return found


def _require() -> None:
    problems = obstacles()
    missing = [name for name in INSTALLED if shutil.which(name) is None]
    if missing:
        problems.append(f"these programs are not on PATH: {', '.join(missing)}")
    if CGROUP_VARIABLE not in os.environ:
        problems.append("it is started with: python -m mintmaster.localcluster.node_space COMMAND")
    if problems:
        raise BackendError("; ".join(problems))


def _start(component: Component) -> None:
    component.start()
    component.wait_ready()


def _give_address() -> None:
    """Give the network namespace an address that pods can reach: loopback is each pod's own."""
    _run("ip", "link", "add", "node0", "type", "bridge")
    _run("ip", "address", "add", f"{node_files.ADDRESS}/32", "dev", "node0")
    _run("ip", "link", "set", "node0", "up")
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")


def _mounts_below(folder: Path) -> list[str]:
    """List what is mounted below a folder, in the order of mounting (proc_pid_mountinfo(5))."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    mounts = [line.split()[4] for line in lines]
    return [mount for mount in mounts if Path(mount).is_relative_to(folder)]


def _snapshotter() -> str:
    """Stack layers where the kernel can; copy them whole where it cannot."""
    known = Path("/proc/filesystems").read_text().split()
    return "overlayfs" if "overlay" in known else "native"


def _run(*command: str) -> None:
    done = subprocess.run(  # noqa: S603 - the commands are ours
        [str(shutil.which(command[0])), *command[1:]], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise BackendError(f"{' '.join(command)}: {done.stderr.strip()}")
