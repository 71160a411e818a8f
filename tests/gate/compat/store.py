"""An API server in memory, with an operator that activates every digest at once."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from mintmaster.api import decoding
from mintmaster.api.client_application import ClientApplication
from mintmaster.api.kinds import TOKEN_KINDS
from mintmaster.kube.errors import AlreadyExists, Conflict, NotFound
from mintmaster.lifecycle import rights
from mintmaster.lifecycle.known import known

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mintmaster.api.kinds import ResourceKind, TokenResource
    from mintmaster.gate.knowledge import Knowledge
    from mintmaster.lifecycle.issuer_view import IssuerView

NOW = "2026-03-01T12:00:00Z"

_COLLECTION_PARTS = 5
"""Parts of the path of a collection of all namespaces: `/apis/GROUP/VERSION/PLURAL`."""

_KINDS: dict[str, ResourceKind[TokenResource]] = {kind.plural: kind for kind in TOKEN_KINDS}


@dataclass
class Store:
    """What a gate's client talks to."""

    knowledge: Knowledge
    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    problem: str = ""
    """The reason why nothing can be issued, if there is one."""
    version: int = 0

    async def create(self, path: str, body: bytes) -> bytes:
        item = msgspec.json.decode(body)
        item["metadata"]["namespace"] = path.split("/")[5]
        place = f"{path}/{item['metadata']['name']}"
        if place in self.objects:
            raise AlreadyExists(409, "it is there already")
        item["metadata"] |= {"uid": f"uid-{self.version}", "creationTimestamp": NOW}
        return self._put(place, item)

    async def get(self, path: str, params: Mapping[str, str] | None = None) -> bytes:
        if params is not None:
            name, _, value = params["labelSelector"].partition("=")
            return msgspec.json.encode({"items": self._labelled(path, name, value)})
        parts = path.split("/")
        if len(parts) == _COLLECTION_PARTS:
            found = [it for place, it in self.objects.items() if place.split("/")[6] == parts[4]]
            return msgspec.json.encode({"items": found})
        return msgspec.json.encode(self._at(path))

    async def merge_patch(self, path: str, patch: Mapping[str, Any]) -> bytes:
        item = copy.deepcopy(self._at(path))
        if patch["metadata"].get("resourceVersion") != item["metadata"]["resourceVersion"]:
            raise Conflict(409, "somebody else was faster")
        item["metadata"]["generation"] += 1
        return self._put(path, _merged(item, patch))

    async def delete(self, path: str, *, uid: str) -> bytes:
        if self._at(path)["metadata"]["uid"] != uid:
            raise Conflict(409, "another life")
        del self.objects[path]
        return b"{}"

    def put(self, kind: str, item: dict[str, Any]) -> None:
        """Have a resource that was applied with kubectl; the gate knows it."""
        plural = next(it.plural for it in TOKEN_KINDS if it.kind == kind)
        meta = item["metadata"]
        place = f"/apis/mintmaster.dev/v1alpha1/namespaces/{meta['namespace']}/{plural}"
        self._put(f"{place}/{meta['name']}", item)

    def _at(self, path: str) -> dict[str, Any]:
        if path not in self.objects:
            raise NotFound(404, "there is no such object")
        return self.objects[path]

    def _labelled(self, path: str, name: str, value: str) -> list[dict[str, Any]]:
        return [
            item
            for place, item in self.objects.items()
            if place.startswith(f"{path}/")
            and item["metadata"].get("labels", {}).get(name) == value
        ]

    def _put(self, place: str, item: dict[str, Any]) -> bytes:
        self.version += 1
        item["metadata"]["resourceVersion"] = str(self.version)
        item["metadata"].setdefault("generation", 1)
        kind = _KINDS[place.split("/")[6]]
        answered = msgspec.json.encode(item)
        self._reconcile(kind, item)
        self.objects[place] = item
        resource = decoding.decode(kind, msgspec.json.encode(item))
        self.knowledge.observe(known(kind.kind, resource))
        return answered

    def _reconcile(self, kind: ResourceKind[TokenResource], item: dict[str, Any]) -> None:
        """Do what an operator does about a digest."""
        resource = decoding.decode(kind, msgspec.json.encode(item))
        digest = resource.spec.token.value_digest
        if digest is None:
            return
        meta = item["metadata"]
        status = {"uid": meta["uid"], "observedGeneration": meta["generation"]}
        item["status"] = item.get("status", {}) | status
        if self.problem:
            condition = {
                "type": "Ready",
                "status": "False",
                "reason": self.problem,
                "message": "",
                "lastTransitionTime": NOW,
            }
            item["status"]["conditions"] = [condition]
        else:
            records = [] if resource.spec.revoked else [self._record(resource, digest)]
            item["status"] |= {"revision": self.version, "conditions": []}
            if isinstance(resource, ClientApplication):
                item["status"] |= {"secrets": records, "clientId": resource.client_id}
            else:
                item["status"]["tokens"] = records

    def _record(self, resource: TokenResource, digest: str) -> dict[str, Any]:
        issuer = self._issuer(resource)
        found = rights.desired(resource, issuer)
        return {
            "id": f"{resource.metadata.uid}.{self.version}.00",
            "revision": self.version,
            "digest": digest,
            "issuedAt": NOW,
            "rights": msgspec.to_builtins(found),
        }

    def _issuer(self, resource: TokenResource) -> IssuerView:
        return self.knowledge.issuers[resource.spec.issuer_ref.name].view


def _merged(value: Any, patch: Any) -> Any:
    """RFC 7386."""
    if not isinstance(patch, dict):
        return msgspec.to_builtins(patch)
    found = dict(value) if isinstance(value, dict) else {}
    for name, inner in patch.items():
        if inner is None:
            found.pop(name, None)
        else:
            found[name] = _merged(found.get(name), inner)
    return found
