"""Everything that a run needs: a control plane with Mintmaster installed, wires, operators and gates."""

from __future__ import annotations

import asyncio
import json
import secrets
import ssl
import subprocess
import time
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from chaos import objects
from chaos.api import OURS, Api, Unanswered, path_of
from chaos.load import NAMES
from chaos.pki import Authority
from chaos.plan import GATES, OPERATORS, PROCESSES
from chaos.processes import Supervised
from chaos.proxy import Proxy
from chaos.watching import KINDS, SECRETS
from chaos.world_clock import WorldClock
from mintmaster.localcluster import ports
from mintmaster.localcluster.api_access import CertificateAccess
from mintmaster.localcluster.certificates import Certificates
from mintmaster.localcluster.cluster import LocalCluster
from mintmaster.localcluster.spec import ClusterSpec

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

ROOT = Path(__file__).parents[2]
OVERLAY = "manifests/overlays/whole-cluster"

QUOTA = 24 * 2**20
"""How large the database may become, in octets: little, so that it can be filled in a second."""

PATIENCE = 300.0
"""Seconds for anything at the start, on a machine that is busy with other things."""


@dataclass
class Stage:
    """What a run happens on."""

    cluster: LocalCluster
    api: Api
    etcd: Api
    clock: WorldClock
    folder: Path
    proxies: dict[str, Proxy]
    processes: dict[str, Supervised]
    gates: dict[str, str]
    """The URLs of the gates."""
    credentials: dict[str, int] = field(default_factory=dict)

    async def renew_credential(self, name: str) -> None:
        """Give a process another token of its ServiceAccount, and make the one before worthless."""
        number = self.credentials.get(name, 0) + 1
        account = "mintmaster-operator" if name in OPERATORS else "mintmaster-gate"
        holder = f"credential-of-{name}-{number}-{secrets.token_hex(3)}"
        path = f"/api/v1/namespaces/{objects.SYSTEM}/secrets"
        made = (await self.api.ask("POST", path, objects.secret(objects.SYSTEM, holder))).checked()
        bound = {
            "apiVersion": "v1",
            "kind": "Secret",
            "name": holder,
            "uid": made["metadata"]["uid"],
        }
        request = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"boundObjectRef": bound, "expirationSeconds": 3600},
        }
        accounts = f"/api/v1/namespaces/{objects.SYSTEM}/serviceaccounts"
        answer = await self.api.ask("POST", f"{accounts}/{account}/token", request)
        file = self.folder / f"{name}.token"
        fresh = file.with_suffix(".new")
        fresh.touch(mode=0o600)
        fresh.write_text(answer.checked()["status"]["token"])
        fresh.replace(file)
        self.credentials[name] = number
        for item in await self.api.items(path):
            former = str(item["metadata"]["name"])
            if former.startswith(f"credential-of-{name}-") and former != holder:
                await self.api.ask("DELETE", f"{path}/{former}")

    def leader(self, holder: str) -> Supervised | None:
        """The operator that a Lease names, in its present life."""
        return next((it for it in self.operators if it.identity == holder), None)

    @property
    def operators(self) -> list[Supervised]:
        return [self.processes[name] for name in OPERATORS]

    def revive(self) -> None:
        """Have all components of the control plane run, and wait until they do. Blocks."""
        for component in self.cluster.components:
            if component.running:
                component.resume()
            component.start()
            component.wait_ready(PATIENCE)
        self.cluster.wait_ready(PATIENCE)

    def begin(self, seed: int, tap: Callable[[str, bytes], None]) -> None:
        """Begin a run: what happens on the wires is drawn from its seed, and told to whoever listens now."""
        for proxy in self.proxies.values():
            proxy.begin(seed, tap)
        for process in self.processes.values():
            process.begin()

    async def clear(self) -> None:
        """Leave nothing of a run, for the next one."""
        await _retried(self._emptied)

    async def _emptied(self) -> None:
        left = [
            item
            for path in (*KINDS.values(), SECRETS)
            for item in await self.api.items(path)
            if item["metadata"]["name"].removesuffix("-token") in NAMES
        ]
        for item in left:
            await self.api.ask("DELETE", path_of(item))
        if left:
            raise Unanswered(f"{len(left)} are left of the run before")


@asynccontextmanager
async def staged(folder: Path) -> AsyncIterator[Stage]:
    """Have everything up for the length of the block, and nothing left afterwards."""
    spec = ClusterSpec(
        name=f"chaos-{secrets.token_hex(4)}",
        temporary=True,
        etcd_args=(f"--quota-backend-bytes={QUOTA}",),
    )
    cluster = await asyncio.to_thread(LocalCluster.up, spec)
    async with AsyncExitStack() as stack:
        stack.callback(cluster.down)
        stack.callback(_keep_logs, cluster, folder)
        await asyncio.to_thread(_install, cluster)
        stage = await _wired(stack, cluster, folder)
        await _prepared(stage)
        yield stage


async def _wired(stack: AsyncExitStack, cluster: LocalCluster, folder: Path) -> Stage:
    access = cluster.api
    assert isinstance(access, CertificateAccess)
    api = await stack.enter_async_context(Api(access.server, access.context))
    etcd = await stack.enter_async_context(_etcd(cluster))
    clock = WorldClock(folder)
    authority = Authority(folder)
    upstream = ssl.create_default_context(cafile=Certificates(cluster.paths.pki).authority)
    stage = Stage(cluster, api, etcd, clock, folder, {}, {}, {})
    for name in PROCESSES:
        proxy = Proxy(name, access.server, upstream, authority, now=clock.now)
        await proxy.start()
        stack.push_async_callback(proxy.stop)
        stage.proxies[name] = proxy
        await _retried(lambda name=name: stage.renew_credential(name))  # type: ignore[misc]
        kubeconfig = _kubeconfig(folder, name, proxy, authority)
        listen = f"127.0.0.1:{ports.free(1)[0]}"
        if name in GATES:
            stage.gates[name] = f"http://{listen}"
        command = (
            *("gate" if name in GATES else "operator", "--kubeconfig", str(kubeconfig)),
            *("--listen", listen, "--log-format", "text"),
        )
        process = Supervised(name, command, clock.file(name), folder)
        stage.processes[name] = process
        stack.push_async_callback(process.stop)
    return stage


async def _prepared(stage: Stage) -> None:
    """Start the processes, and have issuer and asker ready."""
    for body, path in objects.groundwork():
        await _retried(lambda body=body, path=path: _created(stage.api, path, body))  # type: ignore[misc]
    for process in stage.processes.values():
        process.start()

    async def ready() -> None:
        issuer = await stage.api.get(f"{OURS}/tokenissuers/{objects.ISSUER}")
        asker = await stage.api.get(objects.ASKER_PATH)
        for item in (issuer, asker):
            if not objects.is_ready(item):
                raise Unanswered(f"{item['metadata']['name']} is not ready")

    await _retried(ready)


async def _created(api: Api, path: str, body: dict[str, Any]) -> None:
    reply = await api.ask("POST", path, body)
    if reply.status != 409:
        reply.checked()


async def _retried(what: Callable[[], Awaitable[None]]) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return await what()
        except Unanswered:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.2)


def _etcd(cluster: LocalCluster) -> Api:
    """Etcd's own API, as the API server is let in."""
    files = Certificates(cluster.paths.pki)
    context = ssl.create_default_context(cafile=files.authority)
    context.load_cert_chain(files.serving.certificate, files.serving.key)
    url = urlsplit(cluster.component("etcd").recipe.health)
    return Api(f"{url.scheme}://{url.netloc}", context)


def _install(cluster: LocalCluster) -> None:
    """CRDs and everything of the overlay, by kubectl, as the docs say."""
    apply = ("apply", "--server-side")
    _kubectl(cluster, *apply, "-f", "crds/")
    _kubectl(cluster, "wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
    _kubectl(cluster, *apply, "-k", OVERLAY)
    # The garbage collector looks for new kinds every 30 s, and once when it starts.
    manager = cluster.component("kube-controller-manager")
    manager.stop()
    manager.start()


def _kubectl(cluster: LocalCluster, *arguments: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        done = subprocess.run(
            [str(cluster.kubectl), f"--kubeconfig={cluster.kubeconfig}", *arguments],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode == 0:
            return
        # A kind that was made a moment ago may not be served yet.
        assert time.monotonic() < deadline, done.stderr
        time.sleep(0.5)


def _kubeconfig(folder: Path, name: str, proxy: Proxy, authority: Authority) -> Path:
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        "clusters": [
            {
                "name": name,
                "cluster": {
                    "server": f"https://127.0.0.1:{proxy.port}",
                    "certificate-authority": str(authority.certificate),
                },
            }
        ],
        "users": [{"name": name, "user": {"tokenFile": str(folder / f"{name}.token")}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
    }
    path = folder / f"{name}.kubeconfig"
    path.write_text(json.dumps(content))
    return path


def _keep_logs(cluster: LocalCluster, folder: Path) -> None:
    for log in cluster.paths.logs.glob("*.log"):
        (folder / log.name).write_bytes(log.read_bytes())
