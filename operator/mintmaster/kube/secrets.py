"""Reading and writing the Secrets that tokens are delivered in, each write guarded by what it was decided on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from mintmaster.api.meta import ObjectMeta
from mintmaster.api.names import ANNOTATION_EXPIRES_AT
from mintmaster.kube.errors import NotFound
from mintmaster.kube.paths import collection_path, object_path
from mintmaster.lifecycle import template_metadata
from mintmaster.lifecycle.secret_view import Reading, view_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mintmaster.api.meta import OwnerReference
    from mintmaster.kube.client import Client
    from mintmaster.lifecycle.secret_content import Content
    from mintmaster.lifecycle.secret_view import SecretView

__all__ = ["SecretObject", "Secrets"]


class SecretObject(msgspec.Struct, frozen=True, gc=False):
    """A Secret as the API server sends it; msgspec turns its base64 into bytes. Its repr shows no value."""

    metadata: ObjectMeta
    data: dict[str, bytes] | None = None
    type: str = "Opaque"
    immutable: bool = False

    def __repr__(self) -> str:
        return f"SecretObject({self.metadata.namespace}/{self.metadata.name})"

    def view(self) -> SecretView:
        """Reduce it to digests."""
        return view_of(self.metadata, self.data or {}, type_=self.type, immutable=self.immutable)


class _Written(msgspec.Struct, frozen=True, gc=False):
    metadata: ObjectMeta


_decode_secret = msgspec.json.Decoder(SecretObject).decode
_decode_written = msgspec.json.Decoder(_Written).decode


class Secrets:
    """The Secrets of the cluster, through one client."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def read(self, namespace: str, name: str) -> Reading | None:
        """Read a Secret with its content; None where there is none."""
        try:
            found = _decode_secret(await self._client.get(_path(namespace, name)))
        except NotFound:
            return None
        return Reading(view=found.view(), data=found.data or {})

    async def write(
        self, namespace: str, name: str, present: SecretView | None, content: Content
    ) -> SecretView:
        """Create a Secret, or bring the present one to this content.

        Raises AlreadyExists or Conflict where the Secret is not (any more) what was decided on. One that was made
        immutable can't be changed, only deleted and made anew (Kubernetes: Secrets, "Immutable Secrets").
        """
        if present is not None and present.immutable:
            await self.remove(present)
            present = None
        if present is None:
            body = _new(namespace, name, content)
            answer = await self._client.create(collection_path("v1", "secrets", namespace), body)
        else:
            answer = await self._client.merge_patch(
                _path(namespace, name), _change(present, content)
            )
        return view_of(_decode_written(answer).metadata, content.data)

    async def remove(self, view: SecretView) -> None:
        """Delete just this life and version of a Secret; a Secret that is gone already is fine."""
        meta = view.metadata
        try:
            await self._client.delete(
                _path(meta.namespace, meta.name),
                uid=meta.uid,
                resource_version=meta.resource_version,
            )
        except NotFound:
            return


def _path(namespace: str, name: str) -> str:
    return object_path("v1", "secrets", namespace, name)


def _new(namespace: str, name: str, content: Content) -> dict[str, object]:
    metadata: dict[str, object] = {
        "name": name,
        "namespace": namespace,
        "labels": content.labels,
        "annotations": content.annotations,
    }
    if content.owner is not None:
        metadata["ownerReferences"] = [_reference(content.owner)]
    # The type is always Opaque: no resource can make us create, say, a service account's token.
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "Opaque",
        "metadata": metadata,
        "data": content.data,
    }


def _change(present: SecretView, content: Content) -> dict[str, object]:
    """A merge patch: all data is ours, labels and annotations of others stay, a former template's go.

    A merge patch with a stale resourceVersion or another UID is refused, so it changes nothing but what was seen.
    """
    meta = present.metadata
    data: dict[str, bytes | None] = {
        key: None for key in present.value_digests if key not in content.data
    }
    gone = template_metadata.left_over(present, content.labels, content.annotations)
    return {
        "metadata": {
            "uid": meta.uid,
            "resourceVersion": meta.resource_version,
            "labels": {**dict.fromkeys(gone.labels), **content.labels},
            "annotations": {
                # What does not expire any more must not say that it does.
                ANNOTATION_EXPIRES_AT: None,
                **dict.fromkeys(gone.annotations),
                **content.annotations,
            },
            "ownerReferences": _owners(present, content.owner),
        },
        "data": {**data, **content.data},
    }


def _owners(present: SecretView, ours: OwnerReference | None) -> list[Mapping[str, object]]:
    """The owners that others added stay, but for a controller: there is one, and it is the resource."""
    others = [owner for owner in present.metadata.owner_references if not owner.controller]
    mine = [ours] if ours is not None else []
    kept = [owner for owner in others if ours is None or owner.uid != ours.uid]
    return [_reference(owner) for owner in (*kept, *mine)]


def _reference(owner: OwnerReference) -> dict[str, object]:
    reference: dict[str, object] = msgspec.to_builtins(owner)
    return reference
