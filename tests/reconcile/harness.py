"""An operator in the test's own process, on a real API server, with a clock that can be set."""

from __future__ import annotations

import asyncio
import base64
import time
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from mintmaster.api import decoding, kinds, names
from mintmaster.api.kinds import RUNNER_REGISTRATION, TOKEN_ISSUER, USER_ACCESS_TOKEN
from mintmaster.kube import config
from mintmaster.kube.clock import Skew
from mintmaster.kube.errors import NotFound
from mintmaster.kube.paths import collection_path, object_path
from mintmaster.operator.process import Process
from mintmaster.operator.settings import Settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from mintmaster.api.kinds import Resource, ResourceKind, TokenResource
    from mintmaster.api.runner_registration import RunnerRegistration
    from mintmaster.api.token_issuer import TokenIssuer
    from mintmaster.api.user_access_token import UserAccessToken
    from mintmaster.kube.client import Client

T = TypeVar("T")

Object = dict[str, Any]

PATIENCE = 20.0
"""Seconds after which what a test waits for counts as never coming; a shared machine may be slow."""


class SettableClock:
    """The system's clock, moved by what the test says."""

    def __init__(self) -> None:
        self.offset = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.offset


class SettableSkew(Skew):
    """Does not look at the API server's clock, which the test can't move along."""

    def __init__(self, clock: SettableClock) -> None:
        super().__init__(clock)
        self.mistrusted = False

    @property
    def exceeded(self) -> bool:
        return self.mistrusted

    def observe(self, date_header: str, elapsed: float = 0.0) -> None:
        pass


@dataclass
class Cluster:
    """What a test does as a user of the cluster, in one namespace, with an issuer of its own."""

    client: Client
    kubeconfig: Path
    namespace: str
    issuer: str
    created: list[tuple[str, str]] = field(default_factory=list)

    # Writing -------------------------------------------------------------------------------------

    async def create(self, body: Object) -> Object:
        """Create any object; the namespace is filled in."""
        meta = body["metadata"]
        plural = _PLURALS[body["kind"]]
        namespace = (
            None
            if body["kind"] in _CLUSTER_SCOPED
            else meta.setdefault("namespace", self.namespace)
        )
        path = collection_path(body["apiVersion"], plural, namespace)
        created: Object = msgspec.json.decode(await self.client.create(path, body))
        return created

    async def create_issuer(self, name: str | None = None, **spec: Any) -> Object:
        """Create an issuer that grants the test's namespace everything; the test's own by default."""
        return await self.create(issuer(name or self.issuer, self.namespace, **spec))

    async def create_runner(self, name: str = "runner", **spec: Any) -> Object:
        return await self.create(runner(name, issuerRef={"name": self.issuer}, **spec))

    async def create_user(self, name: str = "user", **spec: Any) -> Object:
        return await self.create(user(name, issuerRef={"name": self.issuer}, **spec))

    async def patch(
        self, kind: ResourceKind[Resource], name: str, patch: Object, subresource: str | None = None
    ) -> Object:
        """Merge-patch one of our resources."""
        raw = await self.client.merge_patch(self.path(kind, name, subresource), patch)
        patched: Object = msgspec.json.decode(raw)
        return patched

    async def annotate(self, kind: ResourceKind[Resource], name: str, **annotations: str) -> None:
        marked = {
            f"{names.GROUP}/{key.replace('_', '-')}": value for key, value in annotations.items()
        }
        await self.patch(kind, name, {"metadata": {"annotations": marked}})

    async def delete(
        self, kind: ResourceKind[Resource], name: str, propagation: str | None = None
    ) -> None:
        await self.client.delete(self.path(kind, name), propagation=propagation)

    async def patch_secret(self, name: str, patch: Object) -> None:
        await self.client.merge_patch(self.secret_path(name), patch)

    async def delete_secret(self, name: str) -> None:
        await self.client.delete(self.secret_path(name))

    # Reading -------------------------------------------------------------------------------------

    async def raw(self, kind: ResourceKind[Resource], name: str) -> Object:
        found: Object = msgspec.json.decode(await self.client.get(self.path(kind, name)))
        return found

    async def runner(self, name: str = "runner") -> RunnerRegistration:
        return decoding.decode(
            RUNNER_REGISTRATION, await self.client.get(self.path(RUNNER_REGISTRATION, name))
        )

    async def user(self, name: str = "user") -> UserAccessToken:
        return decoding.decode(
            USER_ACCESS_TOKEN, await self.client.get(self.path(USER_ACCESS_TOKEN, name))
        )

    async def own_issuer(self) -> TokenIssuer:
        return decoding.decode(
            TOKEN_ISSUER, await self.client.get(self.path(TOKEN_ISSUER, self.issuer))
        )

    async def secret(self, name: str, namespace: str | None = None) -> Object | None:
        """A Secret as stored, or None; without its values, which must not get into a failure's text."""
        found = await self._read_secret(name, namespace)
        return found | {"data": sorted(found.get("data") or {})} if found else None

    async def secret_data(self, name: str) -> dict[str, str]:
        """The decoded values of a Secret; empty without one."""
        found = await self._read_secret(name, None)
        values = (found or {}).get("data") or {}
        return {key: base64.b64decode(value).decode() for key, value in values.items()}

    async def _read_secret(self, name: str, namespace: str | None) -> Object | None:
        try:
            found: Object = msgspec.json.decode(
                await self.client.get(self.secret_path(name, namespace))
            )
        except NotFound:
            return None
        return found

    async def versions(self) -> dict[str, str]:
        """The resourceVersions of all resources and Secrets of the namespace: equal means that nothing was written."""
        paths = [collection_path("v1", "secrets", self.namespace)]
        paths += [
            collection_path(names.API_VERSION, kind.plural, self.namespace)
            for kind in kinds.TOKEN_KINDS
        ]
        versions = {}
        for path in paths:
            for item in msgspec.json.decode(await self.client.get(path))["items"]:
                versions[f"{path}/{item['metadata']['name']}"] = item["metadata"]["resourceVersion"]
        return versions

    async def events(self, name: str) -> list[Object]:
        """The Events about an object of that name, oldest first."""
        raw = await self.client.get(
            collection_path("v1", "events", self.namespace),
            {"fieldSelector": f"involvedObject.name={name}"},
        )
        return sorted(
            msgspec.json.decode(raw)["items"],
            key=lambda item: item["metadata"]["creationTimestamp"],
        )

    # Waiting -------------------------------------------------------------------------------------

    async def until(self, read: Callable[[], Awaitable[T]], holds: Callable[[T], object]) -> T:
        """Read until something holds; the last thing read is in the failure's text."""
        deadline = time.monotonic() + PATIENCE
        while True:
            seen = await read()
            if holds(seen):
                return seen
            if time.monotonic() > deadline:
                raise AssertionError(f"waited {PATIENCE:.0f} s in vain; last seen: {seen}")
            await asyncio.sleep(0.02)

    async def runner_where(
        self, holds: Callable[[RunnerRegistration], object], name: str = "runner"
    ) -> RunnerRegistration:
        return await self.until(lambda: self.runner(name), holds)

    async def user_where(
        self, holds: Callable[[UserAccessToken], object], name: str = "user"
    ) -> UserAccessToken:
        return await self.until(lambda: self.user(name), holds)

    async def gone(self, kind: ResourceKind[Resource], name: str) -> None:
        async def exists() -> bool:
            try:
                await self.client.get(self.path(kind, name))
            except NotFound:
                return False
            return True

        await self.until(exists, lambda there: not there)

    # Paths ---------------------------------------------------------------------------------------

    def path(self, kind: ResourceKind[Resource], name: str, subresource: str | None = None) -> str:
        namespace = self.namespace if kind.namespaced else None
        return object_path(names.API_VERSION, kind.plural, namespace, name, subresource)

    def secret_path(self, name: str, namespace: str | None = None) -> str:
        return object_path("v1", "secrets", namespace or self.namespace, name)


@dataclass
class Running:
    """An operator that runs in this process."""

    process: Process
    clock: SettableClock
    skew: SettableSkew
    stop: asyncio.Event
    task: asyncio.Task[None]

    def advance(self, by: timedelta) -> None:
        """Move the clock, and have the deadlines looked at."""
        self.clock.offset += by
        assert self.process.core is not None
        self.process.core.deadlines.recheck()

    async def at_rest(self, *, quiet: float = 0.4) -> None:
        """Wait until the operator has had nothing to do for a while."""
        assert self.process.core is not None
        queue = self.process.core.queue
        deadline = time.monotonic() + PATIENCE
        calm_since = time.monotonic()
        while time.monotonic() - calm_since < quiet:
            if not queue.is_idle:
                calm_since = time.monotonic()
            assert time.monotonic() < deadline, "the operator does not come to rest"
            await asyncio.sleep(0.02)

    def writes(self) -> float:
        """Writes of the operator so far, but for its Lease and Events."""
        return sum(
            sample.value
            for metric in self.process.metrics.requests.collect()
            for sample in metric.samples
            if sample.name.endswith("_total")
            and sample.labels["verb"] in {"create", "update", "patch", "delete"}
            and sample.labels["resource"] != "events"
        )


class LeadershipWasLost(AssertionError):
    """The operator of a test lost its Lease, which no test wants unsaid."""


def _on_lost() -> None:
    raise LeadershipWasLost


@asynccontextmanager
async def running(
    kubeconfig: Path,
    *,
    clock: SettableClock | None = None,
    namespace: str = "mintmaster-system",
    settings: Settings | None = None,
    process_type: type[Process] = Process,
) -> AsyncIterator[Running]:
    """Run an operator for the length of the block; it leads and has listed everything when the block begins."""
    clock = clock or SettableClock()
    settings = settings or Settings(namespace=namespace, listen="127.0.0.1:0")
    process = process_type(
        config.load(str(kubeconfig), None), settings, clock=clock, on_lost=_on_lost
    )
    skew = process.skew = SettableSkew(clock)
    stop = asyncio.Event()
    task = asyncio.create_task(process.run(stop))
    operator = Running(process, clock, skew, stop, task)
    try:
        await _started(operator)
        yield operator
    finally:
        stop.set()
        with suppress(asyncio.CancelledError):
            await task


async def _started(operator: Running) -> None:
    deadline = time.monotonic() + PATIENCE
    while operator.process.core is None or operator.process.core.unready:
        if operator.task.done():
            operator.task.result()
            raise AssertionError("the operator ended at once")
        assert time.monotonic() < deadline, "the operator does not start"
        await asyncio.sleep(0.02)


def issuer(name: str, namespace: str, **spec: Any) -> Object:
    """An issuer that grants one namespace everything."""
    return {
        "apiVersion": names.API_VERSION,
        "kind": TOKEN_ISSUER.kind,
        "metadata": {"name": name},
        "spec": {
            "url": f"https://{name}.example.org",
            "signer": "Operator",
            "audiences": ["https://services.example.org"],
            "scopes": [{"name": scope} for scope in ("api", "read_api", "create_runner")],
            "roles": [
                {"name": "Researcher", "scopes": ["read_api"]},
                {"name": "Administrator", "scopes": ["api", "read_api"]},
            ],
            "grants": [grant(namespace)],
            **spec,
        },
    }


def grant(namespace: str, **fields: Any) -> Object:
    """An entry that grants a namespace everything but what is said."""
    lists = (
        "kinds",
        "subjects",
        "runnerTypes",
        "projects",
        "groups",
        "scopes",
        "roles",
        "audiences",
    )
    everything = {name: ["*"] for name in lists}
    return {"namespaces": {"names": [namespace]}, **everything, "unlimited": True, **fields}


def runner(name: str, **spec: Any) -> Object:
    """A RunnerRegistration of type Instance unless said otherwise."""
    return {
        "apiVersion": names.API_VERSION,
        "kind": RUNNER_REGISTRATION.kind,
        "metadata": {"name": name},
        "spec": {"type": "Instance", **spec},
    }


def user(name: str, **spec: Any) -> Object:
    """A UserAccessToken of `<name>@team.example`."""
    return {
        "apiVersion": names.API_VERSION,
        "kind": USER_ACCESS_TOKEN.kind,
        "metadata": {"name": name},
        "spec": {"user": {"email": f"{name}@team.example"}, **spec},
    }


def secret(name: str, **fields: Any) -> Object:
    """A Secret of somebody."""
    metadata = {"name": name, **fields.pop("metadata", {})}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, **fields}


def condition(resource: TokenResource | TokenIssuer, type_: str) -> tuple[str, str] | None:
    """Status and reason of a condition, or None."""
    found = next((item for item in resource.status.conditions if item.type == type_), None)
    return (found.status, found.reason) if found else None


def is_ready(resource: TokenResource | TokenIssuer) -> bool:
    """Whether it is ready, for its present generation, in its present life."""
    found = next((item for item in resource.status.conditions if item.type == "Ready"), None)
    return (
        found is not None
        and found.status == "True"
        and found.observed_generation == resource.metadata.generation
    )


_PLURALS = {kind.kind: kind.plural for kind in kinds.ALL_KINDS} | {
    "Secret": "secrets",
    "Namespace": "namespaces",
    "ConfigMap": "configmaps",
    "Deployment": "deployments",
    "ResourceQuota": "resourcequotas",
    "ValidatingAdmissionPolicy": "validatingadmissionpolicies",
    "ValidatingAdmissionPolicyBinding": "validatingadmissionpolicybindings",
}
_CLUSTER_SCOPED = frozenset(
    {
        TOKEN_ISSUER.kind,
        "Namespace",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
    }
)
