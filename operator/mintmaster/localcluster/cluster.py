"""A cluster to work with: brought up, looked at, taken down, and found again by name."""

import dataclasses
import json
import os
import shutil
import sys
import time
from typing import TYPE_CHECKING, Any, Self

from mintmaster.localcluster import backends, control_plane, kubeconfig, programs
from mintmaster.localcluster.component import ComponentStatus, write_whole
from mintmaster.localcluster.errors import (
    ClusterError,
    NoSuchClusterError,
    NotReadyError,
    RequestError,
)
from mintmaster.localcluster.locking import locked
from mintmaster.localcluster.paths import ClusterPaths, clusters_folder
from mintmaster.localcluster.process import POLL_SECONDS, Process, spawn
from mintmaster.localcluster.progress import Say, seconds, silent
from mintmaster.localcluster.spec import DEFAULT_NAME, Backend, ClusterSpec, check_name

if TYPE_CHECKING:
    from pathlib import Path

    from mintmaster.localcluster.api_access import ApiAccess
    from mintmaster.localcluster.component import Component

READY_SECONDS = 60.0
"""How long a cluster whose processes are ready may take until one can work with it."""

GUARD = "mintmaster.localcluster.guard"
"""What is run to guard a temporary cluster; it takes the cluster down, so it stands above this module."""

NEEDED = (
    ("the API server", "/readyz"),
    ("the namespace kube-system", "/api/v1/namespaces/kube-system"),
    (
        "the service account of the namespace default",
        "/api/v1/namespaces/default/serviceaccounts/default",
    ),
)
"""What has to be there before a cluster counts as ready."""


@dataclasses.dataclass(frozen=True, slots=True)
class ClusterStatus:
    """How a cluster is now; `missing` says what it lacks, and is empty if it is ready."""

    name: str
    backend: str
    server: str
    version: str
    ready: bool
    missing: str
    kubeconfig: str
    components: tuple[ComponentStatus, ...]


class LocalCluster:
    """A cluster that was brought up on this machine, or that was named by its context."""

    def __init__(self, paths: ClusterPaths, spec: ClusterSpec) -> None:
        self.paths = paths
        self.spec = spec
        self._maker = backends.maker(backends.choose(spec))

    @classmethod
    def up(cls, spec: ClusterSpec | None = None, say: Say = silent) -> Self:
        """Have the cluster that `spec` asks for, and return when one can work with it.

        One that exists is used, and what died in it is started again with its data. Raises
        ClusterError if it exists with other settings, or cannot be had.
        """
        wanted = _resolved(spec or ClusterSpec())
        paths = ClusterPaths.of(wanted.name)
        cluster = cls(paths, wanted)
        cluster._maker.prepare(say)
        with locked(paths.root, say):
            existing = _load(paths)
            if existing is None or not existing.complete:
                cluster._create(say)
            elif existing.spec == wanted:
                cluster._resume(say)
            else:
                raise ClusterError(_differs(existing.spec, wanted))
        return cluster

    @classmethod
    def find(cls, name: str = DEFAULT_NAME) -> Self:
        """Find a cluster that was brought up before; raise NoSuchClusterError if it was not."""
        check_name(name)
        paths = ClusterPaths.of(name)
        record = _load(paths)
        if record is None:
            raise NoSuchClusterError(name)
        return cls(paths, record.spec)

    @property
    def name(self) -> str:
        """The name it was given."""
        return self.spec.name

    @property
    def kubeconfig(self) -> "Path":
        """The file to set KUBECONFIG to; it has one context, of an administrator."""
        return self.paths.kubeconfig

    @property
    def server(self) -> str:
        """The URL of the API server."""
        return kubeconfig.server(self.paths.kubeconfig)

    @property
    def kubectl(self) -> "Path":
        """The kubectl of this machine; built where there is none."""
        return programs.kubectl(silent)

    @property
    def api(self) -> "ApiAccess":
        """A way to send single requests, as an administrator."""
        return self._maker.access(self.paths)

    @property
    def components(self) -> "tuple[Component, ...]":
        """The processes, in the order of their start; none if the cluster runs elsewhere."""
        return tuple(control_plane.components(self.paths))

    def component(self, name: str) -> "Component":
        """Give the component called `name`, such as kube-apiserver; raise ClusterError if none."""
        for component in self.components:
            if component.name == name:
                return component
        raise ClusterError(f'the cluster "{self.name}" has no component {name} on this machine')

    def wait_ready(self, timeout: float = READY_SECONDS) -> None:
        """Wait up to `timeout` seconds until one can work with it, else raise NotReadyError."""
        deadline = time.monotonic() + timeout
        while missing := self._missing():
            if time.monotonic() > deadline:
                raise NotReadyError(f'the cluster "{self.name}" is not ready; missing: {missing}')
            time.sleep(POLL_SECONDS)

    def status(self) -> ClusterStatus:
        """Look at the cluster; never raises for what is broken in it."""
        components = tuple(component.status() for component in self.components)
        missing = self._missing()
        broken = [component.name for component in components if not component.ready]
        return ClusterStatus(
            name=self.name,
            backend=str(self.spec.backend),
            server=self.server if self.kubeconfig.exists() else "",
            version="" if missing else self._version(),
            ready=not missing and not broken,
            missing=missing or ", ".join(broken),
            kubeconfig=str(self.kubeconfig),
            components=components,
        )

    def down(self, say: Say = silent) -> None:
        """End the cluster and remove all of it; one that was named is merely forgotten."""
        take_down(self.paths, say)

    def _create(self, say: Say) -> None:
        """Make it from nothing, over what an earlier attempt may have left."""
        started = time.monotonic()
        say(f'cluster "{self.name}": {self._maker.describe(self.spec)}')
        _end(self.paths)
        _empty(self.paths)
        _save(self.paths, _Record(self.spec, complete=False))
        try:
            if self.spec.temporary:
                _post_guard(self.paths)
            self._maker.create(self.paths, self.spec, say)
            self.wait_ready()
        except BaseException:
            self._give_up()
            raise
        _save(self.paths, _Record(self.spec, complete=True))
        took = seconds(time.monotonic() - started)
        say(f'cluster "{self.name}" is ready at {self.server} after {took}')

    def _give_up(self) -> None:
        """End what had been started; the logs stay if there are any, for the error names them."""
        self._maker.destroy(self.paths, self.name)
        if not self.paths.logs.exists():
            shutil.rmtree(self.paths.root)

    def _resume(self, say: Say) -> None:
        dead = [component.name for component in self.components if not component.running]
        if dead:
            say(f'cluster "{self.name}": starting again what had died: {", ".join(dead)}')
        self._maker.resume(self.paths)
        self.wait_ready()
        state = "is ready again" if dead else "is up already,"
        say(f'cluster "{self.name}" {state} at {self.server}')

    def _missing(self) -> str:
        """Say the first thing that keeps one from working with it; empty if nothing does."""
        if not self.kubeconfig.exists():
            return "its kubeconfig"
        api = self.api
        for what, path in NEEDED:
            try:
                api.request("GET", path)
            except RequestError as error:
                return f"{what} ({error})"
        return ""

    def _version(self) -> str:
        return str(json.loads(self.api.request("GET", "/version"))["gitVersion"])


@dataclasses.dataclass(frozen=True, slots=True)
class _Record:
    """What is kept of a cluster: what it was asked to be, and whether it came about."""

    spec: ClusterSpec
    complete: bool


def names() -> list[str]:
    """List the clusters of this user, by name."""
    return sorted(path.parent.name for path in clusters_folder().glob("*/cluster.json"))


def take_down(paths: ClusterPaths, say: Say = silent) -> None:
    """End what runs for the cluster in this folder, then remove the folder.

    It does not matter how much of the cluster there is; with nothing there is nothing to do.
    """
    name = paths.root.name
    if not paths.root.exists():
        say(f'cluster "{name}" is not there, nothing to do')
        return
    with locked(paths.root, say):
        _end(paths)
        shutil.rmtree(paths.root)
    say(f'cluster "{name}" is down')


def _post_guard(paths: ClusterPaths) -> None:
    """Start a process that ends this cluster when the process that calls is gone."""
    owner = Process.find(os.getpid())
    paths.logs.mkdir(parents=True, exist_ok=True)
    arguments = (str(paths.root), str(owner.pid), str(owner.started))
    spawn((sys.executable, "-m", GUARD, *arguments), paths.logs / "guard.log")


def _end(paths: ClusterPaths) -> None:
    """End what runs, as the record says, and without one whatever has been started."""
    record = _load(paths)
    backend = Backend.GO if record is None else backends.choose(record.spec)
    backends.maker(backend).destroy(paths, paths.root.name)


def _empty(paths: ClusterPaths) -> None:
    """Empty the folder but keep it, because it is locked."""
    for path in paths.root.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def _resolved(spec: ClusterSpec) -> ClusterSpec:
    """Write the choice of the backend into the spec, and refuse what it cannot do."""
    backend = backends.choose(spec)
    if spec.has_own_arguments and backend in {Backend.KIND, Backend.CONTEXT}:
        raise ClusterError(f"the backend {backend} takes no arguments for single components")
    return dataclasses.replace(spec, backend=backend)


def _differs(existing: ClusterSpec, wanted: ClusterSpec) -> str:
    fields = [field.name for field in dataclasses.fields(ClusterSpec)]
    changed = [name for name in fields if getattr(existing, name) != getattr(wanted, name)]
    return (
        f'cluster "{wanted.name}" exists with other settings ({", ".join(changed)}); '
        f'"mintmaster cluster down --name {wanted.name}" ends it'
    )


def _save(paths: ClusterPaths, record: _Record) -> None:
    write_whole(paths.record, json.dumps(dataclasses.asdict(record), indent=2))


def _load(paths: ClusterPaths) -> _Record | None:
    try:
        content: dict[str, Any] = json.loads(paths.record.read_text())
    except FileNotFoundError:
        return None
    spec = content["spec"]
    spec["backend"] = Backend(spec["backend"])
    for name in ("apiserver_args", "controller_manager_args", "etcd_args"):
        spec[name] = tuple(spec.get(name, ()))
    return _Record(ClusterSpec(**spec), content["complete"])
