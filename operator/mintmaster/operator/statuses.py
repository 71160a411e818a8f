"""Writing a status: the second of the two writes of an issue, and the one that makes a token active (I3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from mintmaster.api import kinds
from mintmaster.api.meta import ObjectMeta
from mintmaster.api.names import API_VERSION
from mintmaster.kube.paths import object_path
from mintmaster.lifecycle.outcome import patch_of, says_something_new

if TYPE_CHECKING:
    from mintmaster.api.kinds import TokenResource
    from mintmaster.api.status import TokenStatus
    from mintmaster.kube.client import Client
    from mintmaster.operator.queue import Key
    from mintmaster.operator.world import World


class _Written(msgspec.Struct, frozen=True, gc=False):
    metadata: ObjectMeta


_decode_written = msgspec.json.Decoder(_Written).decode
_PLURALS = {kind.kind: kind.plural for kind in kinds.ALL_KINDS}


def resource_path(key: Key, subresource: str | None = None) -> str:
    """The URL path of a custom resource."""
    return object_path(
        API_VERSION, _PLURALS[key.kind], key.namespace or None, key.name, subresource
    )


class Statuses:
    """Writes statuses, each on the version of the resource that it was decided on."""

    def __init__(self, client: Client, world: World) -> None:
        self._client = client
        self._world = world

    async def write(self, key: Key, resource: TokenResource, status: TokenStatus) -> TokenResource:
        """Write a status if it says something new; returns the resource as it then is.

        Raises Conflict where the resource has changed since; the resourceVersion guards, since a wrong UID in a
        merge patch on /status is ignored in silence.
        """
        if not says_something_new(resource.status, status):
            return resource
        body = {
            "metadata": {"resourceVersion": resource.metadata.resource_version},
            "status": patch_of(resource.status, status),
        }
        answer = _decode_written(await self._client.merge_patch(resource_path(key, "status"), body))
        meta = msgspec.structs.replace(
            resource.metadata, resource_version=answer.metadata.resource_version
        )
        written = msgspec.structs.replace(resource, metadata=meta, status=status)
        self._world.wrote(key, written)
        return written
