"""What a test does as a user of the cluster, in one namespace, with an issuer of its own."""

from __future__ import annotations

import asyncio
import base64
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from api import api_server
from mintmaster.api import decoding, kinds, names
from mintmaster.api.kinds import (
    CLIENT_APPLICATION,
    RUNNER_REGISTRATION,
    TOKEN_ISSUER,
    USER_ACCESS_TOKEN,
)
from mintmaster.kube.errors import Forbidden, NotFound
from mintmaster.kube.paths import collection_path, object_path
from mintmaster.tokens.digests import digest
from reconcile.builders import application, issuer, quota, runner, secret, user
from reconcile.reading import is_ready

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from mintmaster.api.client_application import ClientApplication
    from mintmaster.api.kinds import Resource, ResourceKind
    from mintmaster.api.runner_registration import RunnerRegistration
    from mintmaster.api.token_issuer import TokenIssuer
    from mintmaster.api.user_access_token import UserAccessToken
    from mintmaster.kube.client import Client
    from reconcile.builders import Object

T = TypeVar("T")

PATIENCE = 60.0
"""Seconds to wait for what should happen at once. The controllers of Kubernetes, such as the garbage collector, may
take half a minute when one of their watches has failed."""


@dataclass
class Cluster:
    """One user of the cluster."""

    client: Client
    kubeconfig: Path
    namespace: str
    issuer: str

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

    async def create_annotated_runner(self, name: str = "runner", **annotations: str) -> Object:
        body = runner(name, issuerRef={"name": self.issuer})
        body["metadata"]["annotations"] = _ours(annotations)
        return await self.create(body)

    async def create_user(self, name: str = "user", **spec: Any) -> Object:
        return await self.create(user(name, issuerRef={"name": self.issuer}, **spec))

    async def create_application(self, name: str = "portal", **spec: Any) -> Object:
        return await self.create(application(name, issuerRef={"name": self.issuer}, **spec))

    async def ready_issuer(self, **spec: Any) -> TokenIssuer:
        """The test's issuer, created and with a key that signs."""
        await self.create_issuer(**spec)
        return await self.issuer_where(is_ready)

    async def ready_runner(self, name: str = "runner", **spec: Any) -> RunnerRegistration:
        """A RunnerRegistration, created and with a token in its Secret."""
        await self.create_runner(name, **spec)
        return await self.runner_where(is_ready, name)

    async def ready_user(self, name: str = "user", **spec: Any) -> UserAccessToken:
        """A UserAccessToken, created and with a token in its Secret."""
        await self.create_user(name, **spec)
        return await self.user_where(is_ready, name)

    async def ready_application(self, name: str = "portal", **spec: Any) -> ClientApplication:
        """A ClientApplication, created and with a client secret in its Secret."""
        await self.create_application(name, **spec)
        return await self.application_where(is_ready, name)

    async def patch(
        self, kind: ResourceKind[Resource], name: str, patch: Object, subresource: str | None = None
    ) -> Object:
        """Merge-patch one of our resources."""
        raw = await self.client.merge_patch(self.path(kind, name, subresource), patch)
        patched: Object = msgspec.json.decode(raw)
        return patched

    async def edit_runner(self, name: str = "runner", **spec: Any) -> None:
        await self.patch(RUNNER_REGISTRATION, name, {"spec": spec})

    async def edit_user(self, name: str = "user", **spec: Any) -> None:
        await self.patch(USER_ACCESS_TOKEN, name, {"spec": spec})

    async def edit_application(self, name: str = "portal", **spec: Any) -> None:
        await self.patch(CLIENT_APPLICATION, name, {"spec": spec})

    async def edit_issuer(self, **spec: Any) -> None:
        await self.patch(TOKEN_ISSUER, self.issuer, {"spec": spec})

    async def annotate(self, kind: ResourceKind[Resource], name: str, **annotations: str) -> None:
        await self.patch(kind, name, {"metadata": {"annotations": _ours(annotations)}})

    async def rotate_runner(self, value: str, name: str = "runner") -> RunnerRegistration:
        """Ask for a rotation, and wait until that wish was handled."""
        await self.annotate(RUNNER_REGISTRATION, name, rotate=value)
        return await self.runner_where(lambda it: it.status.last_rotate_request == value, name)

    async def decide(
        self,
        kind: ResourceKind[Resource],
        name: str,
        *,
        approved: bool,
        generation: int | None = None,
    ) -> None:
        """Approve or deny what a resource asks for now, as an approver does: one condition of its status."""
        found = await self.raw(kind, name)
        decision = {
            "type": "Approved",
            "status": str(approved),
            "reason": "Approved" if approved else "Denied",
            "message": "Decided by a test.",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
            "observedGeneration": generation or found["metadata"]["generation"],
        }
        others = found.get("status", {}).get("conditions", [])
        kept = [item for item in others if item["type"] != "Approved"]
        await self.patch(kind, name, {"status": {"conditions": [*kept, decision]}}, "status")

    async def label_namespace(self, **labels: str | None) -> None:
        """Set labels of the namespace, or remove those that are None."""
        path = object_path("v1", "namespaces", None, self.namespace)
        await self.client.merge_patch(path, {"metadata": {"labels": labels}})

    async def forbid_secrets(self) -> None:
        """Leave no room for Secrets in the namespace, and wait until the API server keeps to it."""
        await self.create(quota("no-secrets", secrets="0"))
        path = collection_path("v1", "secrets", self.namespace)
        body = msgspec.json.encode(secret("probe"))

        async def is_refused() -> bool:
            try:
                await self.client.request("POST", path, params={"dryRun": "All"}, body=body)
            except Forbidden:
                return True
            return False

        await self.until(is_refused, bool)

    async def allow_secrets(self) -> None:
        """Take back what `forbid_secrets` did."""
        path = object_path("v1", "resourcequotas", self.namespace, "no-secrets")
        await self.client.delete(path)

    async def delete(
        self, kind: ResourceKind[Resource], name: str, propagation: str | None = None
    ) -> None:
        await self.client.delete(self.path(kind, name), propagation=propagation)

    async def patch_secret(self, name: str, patch: Object, namespace: str | None = None) -> None:
        await self.client.merge_patch(self.secret_path(name, namespace), patch)

    async def write_secret_data(self, name: str, **values: str | None) -> None:
        """Set keys of a Secret, or remove those that are None."""
        data = {key.replace("_", "-"): _base64(value) for key, value in values.items()}
        await self.patch_secret(name, {"data": data})

    async def delete_secret(self, name: str, namespace: str | None = None) -> None:
        await self.client.delete(self.secret_path(name, namespace))

    # Reading -------------------------------------------------------------------------------------

    async def get(self, path: str) -> Object:
        found: Object = msgspec.json.decode(await self.client.get(path))
        return found

    async def raw(self, kind: ResourceKind[Resource], name: str) -> Object:
        return await self.get(self.path(kind, name))

    async def runner(self, name: str = "runner") -> RunnerRegistration:
        return decoding.decode(
            RUNNER_REGISTRATION, await self.client.get(self.path(RUNNER_REGISTRATION, name))
        )

    async def user(self, name: str = "user") -> UserAccessToken:
        return decoding.decode(
            USER_ACCESS_TOKEN, await self.client.get(self.path(USER_ACCESS_TOKEN, name))
        )

    async def application(self, name: str = "portal") -> ClientApplication:
        return decoding.decode(
            CLIENT_APPLICATION, await self.client.get(self.path(CLIENT_APPLICATION, name))
        )

    async def own_issuer(self) -> TokenIssuer:
        return await self.any_issuer(self.issuer)

    async def any_issuer(self, name: str) -> TokenIssuer:
        return decoding.decode(TOKEN_ISSUER, await self.client.get(self.path(TOKEN_ISSUER, name)))

    async def secret(self, name: str, namespace: str | None = None) -> Object | None:
        """A Secret as stored, or None; without its values, which must not get into a failure's text."""
        found = await self._read_secret(name, namespace)
        return found | {"data": sorted(found.get("data") or {})} if found else None

    async def secret_data(self, name: str, namespace: str | None = None) -> dict[str, str]:
        """The decoded values of a Secret; empty without one."""
        found = await self._read_secret(name, namespace)
        values = (found or {}).get("data") or {}
        return {key: base64.b64decode(value).decode() for key, value in values.items()}

    async def digests(self, name: str = "runner-token") -> dict[str, str]:
        """The digests of a Secret's values, as a status names tokens; safe to show in a failure."""
        return {key: digest(value) for key, value in (await self.secret_data(name)).items()}

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

    async def version(self) -> int:
        """The version that the whole database is at."""
        listed = await self.get(collection_path("v1", "configmaps", self.namespace))
        return int(listed["metadata"]["resourceVersion"])

    async def events(self, name: str, namespace: str | None = None) -> list[Object]:
        """The Events about an object of that name, oldest first."""
        raw = await self.client.get(
            collection_path("v1", "events", namespace or self.namespace),
            {"fieldSelector": f"involvedObject.name={name}"},
        )
        return sorted(
            msgspec.json.decode(raw)["items"],
            key=lambda item: int(item["metadata"]["resourceVersion"]),
        )

    async def kubectl(self, *arguments: str) -> str:
        """What kubectl prints, in the test's namespace."""
        done = await asyncio.to_thread(
            api_server.kubectl, self.kubeconfig, "--namespace", self.namespace, *arguments
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

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

    async def application_where(
        self, holds: Callable[[ClientApplication], object], name: str = "portal"
    ) -> ClientApplication:
        return await self.until(lambda: self.application(name), holds)

    async def issuer_where(
        self, holds: Callable[[TokenIssuer], object], name: str | None = None
    ) -> TokenIssuer:
        return await self.until(lambda: self.any_issuer(name or self.issuer), holds)

    async def secret_where(
        self, holds: Callable[[Object], object], name: str = "runner-token"
    ) -> Object:
        """The Secret once it exists and that holds."""
        found = await self.until(lambda: self.secret(name), lambda it: it is not None and holds(it))
        assert found is not None
        return found

    async def until_younger(self, created: Object) -> None:
        """Wait until whatever is created from now on is younger, by the whole seconds of creationTimestamp."""
        born = created["metadata"]["creationTimestamp"]

        async def now() -> str:
            probe = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "now-"}}
            return str((await self.create(probe))["metadata"]["creationTimestamp"])

        await self.until(now, lambda instant: instant > born)

    async def gone(self, kind: ResourceKind[Resource], name: str) -> None:
        async def exists() -> bool:
            try:
                await self.client.get(self.path(kind, name))
            except NotFound:
                return False
            return True

        await self.until(exists, lambda there: not there)

    async def secret_gone(self, name: str = "runner-token") -> None:
        await self.until(lambda: self.secret(name), lambda found: found is None)

    # Paths ---------------------------------------------------------------------------------------

    def path(self, kind: ResourceKind[Resource], name: str, subresource: str | None = None) -> str:
        namespace = self.namespace if kind.namespaced else None
        return object_path(names.API_VERSION, kind.plural, namespace, name, subresource)

    def secret_path(self, name: str, namespace: str | None = None) -> str:
        return object_path("v1", "secrets", namespace or self.namespace, name)


def _ours(annotations: dict[str, str]) -> dict[str, str]:
    return {f"{names.GROUP}/{key.replace('_', '-')}": value for key, value in annotations.items()}


def _base64(value: str | None) -> str | None:
    return base64.b64encode(value.encode()).decode() if value is not None else None


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
