"""Where the measurements happen: one control plane, a namespace for each, and quiet before each."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import msgspec

from benchmarks import processes
from benchmarks.api import opened, resources_path, secrets_path
from benchmarks.pattern import Pattern, resource
from benchmarks.polling import until
from benchmarks.stopwatch import stopwatch
from mintmaster.api import crd, names
from mintmaster.api.kinds import TOKEN_ISSUER
from mintmaster.kube.paths import collection_path, object_path
from mintmaster.localcluster.cluster import LocalCluster
from mintmaster.localcluster.spec import ClusterSpec

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from contextlib import AbstractAsyncContextManager

    from benchmarks.api import Api
    from benchmarks.processes import Operator
    from mintmaster.localcluster.progress import Say

QUIET = 0.15
"""Processors that the control plane may keep busy when a measurement begins."""

QUIET_SECONDS = 1.0
"""How long it has to be that quiet."""

LOG_EXCERPT = 4000
"""Characters of the operators' log that are shown when a measurement fails."""

OPERATOR_NAMESPACE = "mintmaster-system"

AUDIENCE = "https://api.example.com"
"""What the tokens are meant for."""


@dataclass(slots=True)
class Stage:
    """A control plane with the CRDs and an issuer without limits that matter."""

    cluster: LocalCluster
    api: Api
    folder: Path
    _pattern: Pattern | None = None
    _namespaces: int = 0
    _used: str = ""

    @property
    def kubeconfig(self) -> str:
        """How processes find the control plane."""
        return str(self.cluster.kubeconfig)

    @property
    def operator_log(self) -> Path:
        """What the operators of this run say."""
        return self.folder / "operator.log"

    @property
    def pattern(self) -> Pattern:
        """What an issue writes; RuntimeError before `take_pattern`."""
        if self._pattern is None:
            raise RuntimeError("no pattern has been taken yet")
        return self._pattern

    @property
    def _pattern_file(self) -> Path:
        return self.folder / "pattern.json"

    def operator(self, *options: str) -> AbstractAsyncContextManager[Operator]:
        """Run the operator for the length of a block."""
        return processes.operator(self.kubeconfig, self.operator_log, *options)

    async def bare(self, namespace: str, count: int, steps: str) -> float:
        """Run the bare loop; returns its processor time, in seconds."""
        return await processes.bare_loop(
            self.kubeconfig, self._pattern_file, namespace, count, steps
        )

    async def fresh_namespace(self) -> str:
        """Empty and remove the last one, give a new one, and wait for quiet."""
        if self._used:
            await self._empty(self._used)
        self._namespaces += 1
        name = f"bench-{self._namespaces:03}"
        await self._create(collection_path("v1", "namespaces"), {"metadata": {"name": name}})
        self._used = name
        await self.quiet()
        return name

    async def quiet(self, *, within: float = 300) -> None:
        """Wait until the control plane has nothing left to do; TimeoutError after so many seconds."""
        await until(self._is_quiet, within=within)

    async def take_pattern(self) -> None:
        """Let the operator issue one token, and wait until the garbage collector knows our kinds."""
        namespace = await self.fresh_namespace()
        path = resources_path(namespace)
        async with self.operator(), stopwatch(self.api, namespace) as seen:
            await self.api.request("POST", path, resource(namespace, "r-first"))
            await seen.wait_for(1)
        issued = msgspec.json.decode(await self.api.request("GET", f"{path}/r-first"))
        delivered = msgspec.json.decode(
            await self.api.request("GET", f"{secrets_path(namespace)}/r-first-token")
        )
        self._pattern = Pattern.of(issued, delivered)
        self._pattern.save(self._pattern_file)
        await self.api.request("DELETE", f"{path}/r-first")
        await until(partial(self._is_empty, secrets_path(namespace)))

    async def install(self) -> None:
        """Apply the CRDs, the operator's namespace and the issuer."""
        kubectl = [self.cluster.kubectl, "--kubeconfig", self.kubeconfig]
        for name, text in crd.render().items():
            (self.folder / name).write_text(text)
            await _run(*kubectl, "apply", "--server-side", "-f", self.folder / name)
        await _run(*kubectl, "wait", "--for=condition=Established", "crd", "--all")
        await self._create(
            collection_path("v1", "namespaces"), {"metadata": {"name": OPERATOR_NAMESPACE}}
        )
        await self.issuer("default")

    async def issuer(self, name: str, **spec: object) -> None:
        """Make an issuer without limits that matter, at a URL of its own."""
        body = _issuer(name)
        body["spec"] |= spec
        await self._create(collection_path(names.API_VERSION, TOKEN_ISSUER.plural), body)

    async def namespace(self, name: str) -> str:
        """Make a namespace that stays."""
        await self._create(collection_path("v1", "namespaces"), {"metadata": {"name": name}})
        return name

    async def _create(self, path: str, body: dict[str, object]) -> None:
        await self.api.request("POST", path, msgspec.json.encode(body))

    async def _empty(self, namespace: str) -> None:
        """Delete Secrets and resources, then the namespace, and wait until all is gone."""
        collections = (secrets_path(namespace), resources_path(namespace))
        for path in collections:
            await self.api.request("DELETE", path)
        for path in collections:
            await until(partial(self._is_empty, path))
        await self.api.request("DELETE", object_path("v1", "namespaces", None, namespace))
        await until(partial(self._is_gone, namespace))

    async def _is_empty(self, path: str) -> bool:
        return not await self.api.metas(path)

    async def _is_gone(self, namespace: str) -> bool:
        metas = await self.api.metas(collection_path("v1", "namespaces"))
        return namespace not in {meta.name for meta in metas}

    async def _is_quiet(self) -> bool:
        """Whether the control plane has had next to nothing to do, over a while."""
        pids = [status.pid for part in self.cluster.components if (status := part.status()).pid]
        before = sum(processes.cpu_seconds(pid) for pid in pids if pid)
        await asyncio.sleep(QUIET_SECONDS)
        after = sum(processes.cpu_seconds(pid) for pid in pids if pid)
        return (after - before) / QUIET_SECONDS < QUIET


@asynccontextmanager
async def set_up(
    say: Say, *, apiserver_args: tuple[str, ...] = (), etcd_args: tuple[str, ...] = ()
) -> AsyncIterator[Stage]:
    """Bring up a control plane for the length of the block."""
    spec = ClusterSpec(
        name=f"bench-{secrets.token_hex(4)}",
        temporary=True,
        apiserver_args=apiserver_args,
        etcd_args=etcd_args,
    )
    cluster = LocalCluster.up(spec, say)
    try:
        with TemporaryDirectory(prefix="mintmaster-bench-") as folder:
            async with opened(str(cluster.kubeconfig)) as api:
                stage = Stage(cluster, api, Path(folder))
                await stage.install()
                await stage.take_pattern()
                try:
                    yield stage
                except BaseException:
                    say(stage.operator_log.read_text()[-LOG_EXCERPT:])
                    raise
    finally:
        cluster.down(say)


async def _run(*command: object) -> None:
    process = await asyncio.create_subprocess_exec(
        *map(str, command), stdout=asyncio.subprocess.DEVNULL
    )
    if await process.wait() != 0:
        raise processes.Failed(f"{command} ended with {process.returncode}")


def _issuer(name: str) -> dict[str, Any]:
    return {
        "apiVersion": names.API_VERSION,
        "kind": TOKEN_ISSUER.kind,
        "metadata": {"name": name},
        "spec": {
            "url": f"https://{name}.example.com",
            "signer": "Operator",
            "audiences": [AUDIENCE],
            "limits": {"issuesPerHour": 360, "issuesPerHourPerNamespace": 1_000_000},
            "grants": [
                {
                    "namespaces": {"names": ["*"]},
                    "kinds": ["*"],
                    "subjects": ["*"],
                    "runnerTypes": ["*"],
                    "projects": ["*"],
                    "scopes": ["*"],
                }
            ],
        },
    }
