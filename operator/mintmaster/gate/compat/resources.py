"""Resources behind a foreign API, as the API server has them: reading, changing, revoking and deleting them."""

from __future__ import annotations

import asyncio
import logging
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from mintmaster.api import decoding, kinds
from mintmaster.api.client_application import ClientApplication
from mintmaster.api.names import API_VERSION
from mintmaster.gate.messages import come_back
from mintmaster.kube.errors import AlreadyExists, Conflict, Forbidden, Invalid, KubeError, NotFound
from mintmaster.kube.paths import collection_path, object_path
from mintmaster.lifecycle.known import known

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from mintmaster.gate.knowledge import Knowledge
    from mintmaster.kube.client import Client
    from mintmaster.lifecycle.known import KnownResource

log = logging.getLogger(__name__)

_ATTEMPTS = 10
"""Writes against somebody who writes at the same time, as the operator does when it has seen a change."""

_TOKEN_KINDS: Iterable[kinds.ResourceKind[kinds.TokenResource]] = kinds.TOKEN_KINDS
KINDS = {kind.kind: kind for kind in _TOKEN_KINDS}


class _Items(msgspec.Struct):
    items: list[msgspec.Raw]


class Gone(LookupError):
    """The resource is no longer there, or its name has another life."""


class NotAllowed(Exception):
    """The API server does not let it happen: a policy, a quota. The text says which."""


class Unfit(ValueError):
    """What is asked for breaks a rule of the resource. The text says which."""


@contextmanager
def answering() -> Iterator[None]:
    """Answer 503 where the API server does not answer: that is nobody's fault who asks (I17). Conflicts pass."""
    try:
        yield
    except (AlreadyExists, Conflict):
        raise
    except Forbidden as error:
        raise NotAllowed(error.message) from None
    except Invalid as error:
        raise Unfit(error.message) from None
    except NotFound:
        raise Gone from None
    except KubeError as error:
        log.warning("the API server does not serve a foreign API: %s", error)
        raise come_back("the resource cannot be reached now") from None


@dataclass(frozen=True, slots=True)
class Resources:
    """Reads and writes resources. All raise Gone, NotAllowed, Unfit, and Refused with 503."""

    client: Client
    knowledge: Knowledge

    async def read(self, resource: KnownResource) -> kinds.TokenResource:
        """The resource as it is now."""
        kind = KINDS[resource.kind]
        with answering():
            found = decoding.decode(kind, await self.client.get(_path(resource)))
        if found.metadata.uid != resource.uid:
            raise Gone
        return found

    async def read_all(self, resources: Iterable[KnownResource]) -> list[kinds.TokenResource]:
        """Those that are still there, in the same order; for one page of a list."""
        found = await asyncio.gather(
            *(self.read(resource) for resource in resources), return_exceptions=True
        )
        unexpected = [
            it for it in found if isinstance(it, BaseException) and not isinstance(it, Gone)
        ]
        if unexpected:
            raise unexpected[0]
        return [it for it in found if not isinstance(it, BaseException)]

    async def labelled(
        self, kind: str, namespace: str, label: str, value: str
    ) -> list[KnownResource]:
        """The resources of a kind in a namespace that carry a label with that value, as they are now."""
        path = collection_path(API_VERSION, KINDS[kind].plural, namespace)
        with answering():
            raw = await self.client.get(path, {"labelSelector": f"{label}={value}"})
        items = msgspec.json.decode(raw, type=_Items).items
        return [known(kind, decoding.decode(KINDS[kind], bytes(item))) for item in items]

    async def change(
        self,
        resource: KnownResource,
        wanted: Callable[[kinds.TokenResource], Mapping[str, object]],
    ) -> kinds.TokenResource:
        """Merge a patch into the resource; `wanted` makes it of what stands there, as often as that changes.

        What it takes away is seen at this gate at once.
        """
        for _ in range(_ATTEMPTS):
            present = await self.read(resource)
            patch = dict(wanted(present))
            guard = {"resourceVersion": present.metadata.resource_version}
            metadata = patch.get("metadata")
            patch["metadata"] = guard | (metadata if isinstance(metadata, dict) else {})
            try:
                with answering():
                    written = await self.client.merge_patch(_path(resource), patch)
            except Conflict:
                continue
            changed = decoding.decode(KINDS[resource.kind], written)
            self._narrow(changed)
            return changed
        raise come_back("the resource is being changed by others", seconds=1)

    def _narrow(self, changed: kinds.TokenResource) -> None:
        """Have what ends tokens count at this gate at once, before its watch shows it.

        And no more of what the write answered than that: the watch may have shown a later status already.
        """
        present = self.knowledge.resource(changed.metadata.uid)
        if present is None:
            return
        narrowed = msgspec.structs.replace(present, revoked=present.revoked or changed.spec.revoked)
        application = present.application
        if application is not None and isinstance(changed, ClientApplication):
            enabled = application.enabled and changed.spec.enabled
            application = msgspec.structs.replace(application, enabled=enabled)
            narrowed = msgspec.structs.replace(narrowed, application=application)
        if narrowed != present:
            self.knowledge.observe(narrowed)

    async def revoke(self, resource: KnownResource) -> None:
        """Make every token of the resource inactive, for good."""
        await self.change(resource, lambda _: {"spec": {"revoked": True}})

    async def delete(self, resource: KnownResource) -> None:
        """Delete the resource, in this life of its name. Seen at this gate at once."""
        with answering():
            try:
                await self.client.delete(_path(resource), uid=resource.uid)
            except Conflict:
                raise Gone from None
        self.knowledge.forget(resource.uid)


def _path(resource: KnownResource) -> str:
    kind = KINDS[resource.kind]
    return object_path(API_VERSION, kind.plural, resource.namespace, resource.name)
