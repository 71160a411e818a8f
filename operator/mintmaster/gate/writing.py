"""The few writes of a gate: each on the version that was read, to the very resource that was judged (I7)."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from mintmaster.api import decoding, kinds
from mintmaster.api.names import API_VERSION
from mintmaster.gate.messages import come_back
from mintmaster.kube.errors import Conflict, KubeError, NotFound
from mintmaster.kube.paths import object_path
from mintmaster.lifecycle.known import known

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from mintmaster.gate.knowledge import Knowledge
    from mintmaster.kube.client import Client
    from mintmaster.lifecycle.known import KnownResource

log = logging.getLogger(__name__)

_ATTEMPTS = 10
"""Writes against somebody who writes at the same time, as an operator that renews the token does."""

_TOKEN_KINDS: Iterable[kinds.ResourceKind[kinds.TokenResource]] = kinds.TOKEN_KINDS
_KINDS = {kind.kind: kind for kind in _TOKEN_KINDS}


class Change(NamedTuple):
    """A merge patch of a resource, or of a subresource of it."""

    patch: Mapping[str, object]
    subresource: str | None = None


@dataclass(frozen=True, slots=True)
class Writing:
    """Changes resources."""

    client: Client
    knowledge: Knowledge

    async def change(
        self,
        resource: KnownResource,
        wanted: Callable[[kinds.TokenResource], Change | None],
    ) -> None:
        """Change a resource as it stands now; `wanted` says how, or None where nothing has to be changed.

        Nothing is done to one that is gone or has another life. Refused with 503 where it cannot be written.
        """
        try:
            for _ in range(_ATTEMPTS):
                if await self._changed(resource, wanted):
                    return
        except KubeError as error:
            log.warning("%s cannot be changed: %s", _name(resource), error)
        raise come_back("the token could not be revoked now")

    async def _changed(
        self,
        known_resource: KnownResource,
        wanted: Callable[[kinds.TokenResource], Change | None],
    ) -> bool:
        """Whether it is as it should be; False where somebody else wrote at the same time.

        Read first, since only a resourceVersion guards a custom resource's patch against another life of its name.
        """
        kind = _KINDS[known_resource.kind]
        place = (API_VERSION, kind.plural, known_resource.namespace, known_resource.name)
        try:
            present = decoding.decode(kind, await self.client.get(object_path(*place)))
            change = wanted(present) if present.metadata.uid == known_resource.uid else None
            if change is None:
                return True
            guard = {"metadata": {"resourceVersion": present.metadata.resource_version}}
            written = await self.client.merge_patch(
                object_path(*place, change.subresource), guard | dict(change.patch)
            )
        except NotFound:
            return True
        except Conflict:
            return False
        # Not only when the watch shows it: whoever revoked may ask at once.
        self.knowledge.observe(known(kind.kind, decoding.decode(kind, written)))
        # A status takes in the one token; a spec ends the resource with all of its tokens.
        what = "a token of " if change.subresource else ""
        log.info("revoked %s%s", what, _name(known_resource))
        return True


def _name(resource: KnownResource) -> str:
    return f"{resource.kind} {resource.namespace}/{resource.name}"
