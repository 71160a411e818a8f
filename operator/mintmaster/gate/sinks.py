"""What the watches feed into a gate's knowledge."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from mintmaster.api import decoding, kinds
from mintmaster.api.meta import ObjectMeta
from mintmaster.gate.issuer import known_issuer
from mintmaster.kube.status_lists import decode
from mintmaster.lifecycle.known import known

if TYPE_CHECKING:
    from collections.abc import Set

    from mintmaster.gate.knowledge import Knowledge
    from mintmaster.gate.status_lists import PublishedLists
    from mintmaster.kube.reflector import ObjectKey

log = logging.getLogger(__name__)


class _Named(msgspec.Struct, frozen=True, gc=False):
    metadata: ObjectMeta


_metadata_decoder = msgspec.json.Decoder(_Named)


@dataclass(frozen=True, slots=True)
class ResourceSink:
    """Keeps the resources of one kind."""

    knowledge: Knowledge
    kind: kinds.ResourceKind[kinds.TokenResource]
    namespace: str | None = None
    """Of which namespace; None: of all."""

    def upsert(self, raw: msgspec.Raw, *, listed: bool) -> None:
        """A resource stands so; one that cannot be read has no active tokens."""
        try:
            resource = decoding.decode(self.kind, bytes(raw))
        except decoding.MalformedResource as error:
            log.warning("a resource is left out: %s", error)
            self.delete(raw)
            return
        self.knowledge.observe(known(self.kind.kind, resource), listed=listed)

    def delete(self, raw: msgspec.Raw) -> None:
        """A resource is gone."""
        self.knowledge.forget(_metadata(raw).uid)

    def listed(self, keys: Set[ObjectKey], resource_version: str) -> None:  # noqa: ARG002 - part of the protocol
        """A list is complete: what it does not name is gone."""
        self.knowledge.keep_only(self.kind.kind, {key.uid for key in keys}, self.namespace)


@dataclass(frozen=True, slots=True)
class IssuerSink:
    """Keeps the issuers."""

    knowledge: Knowledge

    def upsert(self, raw: msgspec.Raw, *, listed: bool) -> None:  # noqa: ARG002 - part of the protocol
        """An issuer stands so; one that is being deleted, or cannot be read, verifies nothing."""
        try:
            issuer = decoding.decode(kinds.TOKEN_ISSUER, bytes(raw))
        except decoding.MalformedResource as error:
            log.warning("an issuer is left out: %s", error)
            self.delete(raw)
            return
        if issuer.metadata.deletion_timestamp is None:
            self.knowledge.observe_issuer(known_issuer(issuer))
        else:
            self.delete(raw)

    def delete(self, raw: msgspec.Raw) -> None:
        """An issuer is gone."""
        meta = _metadata(raw)
        self.knowledge.forget_issuer(meta.name, meta.uid)

    def listed(self, keys: Set[ObjectKey], resource_version: str) -> None:  # noqa: ARG002 - part of the protocol
        """A list is complete: what it does not name is gone."""
        self.knowledge.keep_only_issuers({key.uid for key in keys})


@dataclass(frozen=True, slots=True)
class NamespaceSink:
    """Keeps the labels of namespaces, which grants select by."""

    knowledge: Knowledge
    namespace: str | None = None
    """Which namespace; None: all."""

    def upsert(self, raw: msgspec.Raw, *, listed: bool) -> None:  # noqa: ARG002 - part of the protocol
        """A namespace stands so."""
        meta = _metadata(raw)
        self.knowledge.observe_labels(meta.name, meta.labels)

    def delete(self, raw: msgspec.Raw) -> None:
        """A namespace is gone."""
        self.knowledge.forget_labels(_metadata(raw).name)

    def listed(self, keys: Set[ObjectKey], resource_version: str) -> None:  # noqa: ARG002 - part of the protocol
        """A list is complete: what it does not name is gone."""
        there = {key.name for key in keys}
        if self.namespace is None:
            self.knowledge.keep_only_namespaces(there)
        elif self.namespace not in there:
            self.knowledge.forget_labels(self.namespace)


@dataclass(frozen=True, slots=True)
class StatusListSink:
    """Keeps the signed status lists."""

    lists: PublishedLists

    def upsert(self, raw: msgspec.Raw, *, listed: bool) -> None:  # noqa: ARG002 - part of the protocol
        """A list lies so; one that cannot be read is not served, and what was known of it is."""
        self.lists.observe(decode(raw))

    def delete(self, raw: msgspec.Raw) -> None:
        """A list is gone."""
        self.lists.forget(decode(raw).id)

    def listed(self, keys: Set[ObjectKey], resource_version: str) -> None:  # noqa: ARG002 - part of the protocol
        """A list is complete: what it does not name is gone."""
        self.lists.keep_only({key.uid for key in keys})


def _metadata(raw: msgspec.Raw) -> ObjectMeta:
    return _metadata_decoder.decode(raw).metadata
