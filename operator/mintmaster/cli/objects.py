"""Objects of any kind in the cluster, found by discovery: what installing applies and uninstalling deletes."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from mintmaster.cli.exits import Failure
from mintmaster.kube.errors import Conflict, NotFound
from mintmaster.kube.paths import collection_path, object_path

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mintmaster.cli.session import Object, Session


_BOOKS = frozenset({"managedFields", "resourceVersion"})


class Effect(StrEnum):
    """What came of applying an object."""

    CREATED = "created"
    CONFIGURED = "configured"
    UNCHANGED = "unchanged"


class UnknownKind(Failure):
    """The cluster does not serve objects of that kind."""

    def __init__(self, body: Object) -> None:
        super().__init__(f"this cluster knows no kind {body['kind']} of {body['apiVersion']}")


@dataclass
class Objects:
    """The objects of one cluster."""

    session: Session
    _kinds: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    """By apiVersion: kind to what discovery says of it."""

    async def find(self, body: Object) -> Object | None:
        """The object of that kind and name as it is now; None where there is none."""
        try:
            return await self.session.read(await self.path(body))
        except (NotFound, UnknownKind):
            return None

    async def find_everywhere(self, body: Object) -> list[Object]:
        """The objects of that kind and name in all namespaces (API concepts, "Field selectors")."""
        version, plural = str(body["apiVersion"]), (await self._known(body))["name"]
        named = {"fieldSelector": f"metadata.name={body['metadata']['name']}"}
        found = await self.session.read(collection_path(version, plural), named)
        # The items of a list do not say what they are.
        head = {"apiVersion": version, "kind": body["kind"]}
        return [{**head, **item} for item in found["items"]]

    async def apply(self, body: Object, *, force: bool = False) -> Effect:
        """Apply an object; Failure that names the fields which somebody else manages."""
        before = await self.find(body)
        try:
            after = await self.session.apply(await self.path(body), body, force=force)
        except Conflict as error:
            raise Failure(
                f"{label(body)}: {error.message}\nTo take these fields over: --force-conflicts"
            ) from error
        if before is None:
            return Effect.CREATED
        return Effect.UNCHANGED if _said(before) == _said(after) else Effect.CONFIGURED

    async def delete(self, found: Object) -> None:
        """Delete this very object; one that is gone already is fine."""
        try:
            await self.session.client.delete(await self.path(found), uid=found["metadata"]["uid"])
        except NotFound:
            return

    async def path(self, body: Object) -> str:
        """The path of an object. UnknownKind where the cluster does not know its kind."""
        known, meta = await self._known(body), body["metadata"]
        namespace = meta.get("namespace", self.session.namespace) if known["namespaced"] else None
        return object_path(str(body["apiVersion"]), known["name"], namespace, meta["name"])

    async def _known(self, body: Object) -> Mapping[str, Any]:
        """What discovery says of the kind of an object."""
        version, kind = str(body["apiVersion"]), str(body["kind"])
        known: Mapping[str, Any] | None = self._kinds.get(version, {}).get(kind)
        if known is None:
            known = (await self._discovered(version)).get(kind)
        if known is None:
            raise UnknownKind(body)
        return known

    async def _discovered(self, version: str) -> Mapping[str, Any]:
        """What the cluster serves of a version (Kubernetes: API discovery); asked anew where a kind is missing."""
        root = "/apis/" if "/" in version else "/api/"
        try:
            served = (await self.session.read(root + version))["resources"]
        except NotFound:
            served = []
        found = {it["kind"]: it for it in served if "/" not in it["name"]}
        self._kinds[version] = found
        return found


def _said(body: Object) -> Object:
    """What an object says, without what the API server keeps books about."""
    metadata = {key: value for key, value in body["metadata"].items() if key not in _BOOKS}
    return {**body, "metadata": metadata, "status": None}


def label(body: Object) -> str:
    """An object as kubectl names it: `clusterrole.rbac.authorization.k8s.io/mintmaster-operator`."""
    group = str(body["apiVersion"]).rpartition("/")[0]
    kind = str(body["kind"]).lower()
    return (
        f"{kind}.{group}/{body['metadata']['name']}"
        if group
        else f"{kind}/{body['metadata']['name']}"
    )
