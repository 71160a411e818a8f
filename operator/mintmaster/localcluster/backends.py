"""The ways to have a cluster: processes of our own, kind, or a cluster that exists."""

import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Protocol

from mintmaster.localcluster import control_plane, kubeconfig, programs
from mintmaster.localcluster.api_access import ApiAccess, CertificateAccess, KubectlAccess
from mintmaster.localcluster.certificates import Certificates
from mintmaster.localcluster.errors import BackendError, log_excerpt
from mintmaster.localcluster.paths import cache_folder
from mintmaster.localcluster.progress import silent
from mintmaster.localcluster.spec import Backend
from mintmaster.localcluster.versions import ETCD_MODULE, KUBERNETES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from mintmaster.localcluster.paths import ClusterPaths
    from mintmaster.localcluster.progress import Say
    from mintmaster.localcluster.spec import ClusterSpec

KIND_WAIT = "180s"
"""How long kind waits for its node."""

CONTAINER_RUNTIMES = ("docker", "podman", "nerdctl")
"""What kind can make containers with."""


class Maker(Protocol):
    """Makes a cluster in one way, and ends it."""

    def describe(self, spec: "ClusterSpec") -> str:
        """Say in one sentence where the cluster comes from."""

    def prepare(self, say: "Say") -> None:
        """Do beforehand what takes minutes the first time; raise if that shows it cannot work."""

    def create(self, paths: "ClusterPaths", spec: "ClusterSpec", say: "Say") -> None:
        """Make the cluster and its kubeconfig."""

    def resume(self, paths: "ClusterPaths") -> None:
        """Bring back to life what stopped, with its data."""

    def destroy(self, paths: "ClusterPaths", name: str) -> None:
        """End what `create` made, be it half made; leave the files."""

    def access(self, paths: "ClusterPaths") -> ApiAccess:
        """Give a way to the API server."""


def choose(spec: "ClusterSpec") -> Backend:
    """Decide what makes the cluster, as `ClusterSpec.backend` promises."""
    if spec.context is not None:
        return Backend.CONTEXT
    if spec.backend is not None:
        return spec.backend
    return Backend.ASSETS if os.environ.get(programs.ASSETS_VARIABLE) else Backend.GO


def maker(backend: Backend) -> Maker:
    """Give what makes clusters in this way."""
    return _MAKERS[backend]


class Processes:
    """Processes on this machine that listen on loopback only."""

    def __init__(self, get: "Callable[[Say], Mapping[str, Path]]") -> None:
        self._get = get

    def describe(self, spec: "ClusterSpec") -> str:
        """Name versions, or the folder."""
        if choose(spec) is Backend.ASSETS:
            return f"processes on this machine, from {programs.assets_folder()}"
        versions = f"Kubernetes v{KUBERNETES.version} and etcd v{ETCD_MODULE.version}"
        return f"processes on this machine, {versions} built by Go in {cache_folder()}"

    def prepare(self, say: "Say") -> None:
        """Have the programs built."""
        self._get(say)

    def create(self, paths: "ClusterPaths", spec: "ClusterSpec", say: "Say") -> None:
        """Start the processes."""
        control_plane.create(paths, self._get(say), spec)

    def resume(self, paths: "ClusterPaths") -> None:
        """Start again what died."""
        control_plane.start(paths)

    def destroy(self, paths: "ClusterPaths", name: str) -> None:  # noqa: ARG002 - see Maker
        """End the processes."""
        control_plane.stop(paths)

    def access(self, paths: "ClusterPaths") -> ApiAccess:
        """Log in with the administrator's certificate."""
        server = kubeconfig.server(paths.kubeconfig)
        return CertificateAccess.as_admin(server, Certificates(paths.pki))


class Kind:
    """A cluster in containers: https://kind.sigs.k8s.io/."""

    def describe(self, spec: "ClusterSpec") -> str:
        """Name the kind cluster."""
        return f"the kind cluster {_kind_name(spec.name)}"

    def prepare(self, say: "Say") -> None:
        """Look for kind and for something that runs containers, and have kubectl."""
        if shutil.which("kind") is None:
            raise BackendError(
                "the command kind is not on PATH; see https://kind.sigs.k8s.io/ for how to get "
                "it, or leave out --backend kind to run without containers"
            )
        if not any(shutil.which(runtime) for runtime in CONTAINER_RUNTIMES):
            known = ", ".join(CONTAINER_RUNTIMES)
            raise BackendError(f"kind needs one of {known}, and none is on PATH")
        programs.kubectl(say)

    def create(self, paths: "ClusterPaths", spec: "ClusterSpec", say: "Say") -> None:
        """Run `kind create cluster`."""
        self.prepare(say)
        where = [f"--name={_kind_name(spec.name)}", f"--kubeconfig={paths.kubeconfig}"]
        _kind(paths, "create", "cluster", *where, f"--wait={KIND_WAIT}")

    def resume(self, paths: "ClusterPaths") -> None:
        """Leave it to the container runtime, which starts containers again by itself."""

    def destroy(self, paths: "ClusterPaths", name: str) -> None:
        """Run `kind delete cluster`, which is content if there is none."""
        self.prepare(silent)
        where = [f"--name={_kind_name(name)}", f"--kubeconfig={paths.kubeconfig}"]
        _kind(paths, "delete", "cluster", *where)

    def access(self, paths: "ClusterPaths") -> ApiAccess:
        """Go by kubectl."""
        return KubectlAccess(programs.kubectl(silent), paths.kubeconfig)


class Existing:
    """A cluster of somebody's that is used and left as it is."""

    def describe(self, spec: "ClusterSpec") -> str:
        """Name the context."""
        return f"the existing cluster of the context {spec.context}"

    def prepare(self, say: "Say") -> None:
        """Have kubectl, which can log in anywhere."""
        programs.kubectl(say)

    def create(self, paths: "ClusterPaths", spec: "ClusterSpec", say: "Say") -> None:
        """Write a kubeconfig with this context only, and see that the cluster answers."""
        self.prepare(say)
        kubeconfig.extract(str(spec.context), paths.kubeconfig)
        self.access(paths).request("GET", "/version")

    def resume(self, paths: "ClusterPaths") -> None:
        """Do nothing: it is not ours to start."""

    def destroy(self, paths: "ClusterPaths", name: str) -> None:
        """Do nothing: it is not ours to end."""

    def access(self, paths: "ClusterPaths") -> ApiAccess:
        """Go by kubectl."""
        return KubectlAccess(programs.kubectl(silent), paths.kubeconfig)


_MAKERS: dict[Backend, Maker] = {
    Backend.GO: Processes(programs.from_go),
    Backend.ASSETS: Processes(programs.from_assets),
    Backend.KIND: Kind(),
    Backend.CONTEXT: Existing(),
}


def _kind_name(name: str) -> str:
    return name if name.startswith("mintmaster") else f"mintmaster-{name}"


def _kind(paths: "ClusterPaths", *arguments: str) -> None:
    paths.logs.mkdir(exist_ok=True)
    log = paths.logs / "kind.log"
    with log.open("a") as output:
        done = subprocess.run(  # noqa: S603 - the arguments are ours
            [str(shutil.which("kind")), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode != 0:
        verb = " ".join(arguments[:2])
        raise BackendError(f"kind {verb} failed; {log_excerpt(log)}")
