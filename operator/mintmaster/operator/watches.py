"""What the watches on Secrets and namespaces feed into the operator's picture of the cluster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from mintmaster.api import kinds, names
from mintmaster.api.meta import ObjectMeta
from mintmaster.kube.secrets import SecretObject
from mintmaster.lifecycle.ownership import holder_of
from mintmaster.operator.queue import Key, Priority
from mintmaster.operator.world import SECRET

if TYPE_CHECKING:
    from collections.abc import Callable, Set

    from mintmaster.kube.reflector import ObjectKey
    from mintmaster.lifecycle.secret_view import SecretView
    from mintmaster.operator.holdback import Holdback
    from mintmaster.operator.queue import FairQueue
    from mintmaster.operator.world import World

SECRETS_SELECTOR = f"{names.LABEL_MANAGED_BY}={names.MANAGED_BY}"
"""Only Secrets of ours are watched: a cluster's other Secrets cost no memory and are never in it."""


class _Named(msgspec.Struct, frozen=True, gc=False):
    metadata: ObjectMeta


_decode_secret = msgspec.json.Decoder(SecretObject).decode
_decode_named = msgspec.json.Decoder(_Named).decode


@dataclass(frozen=True, slots=True)
class SecretSink:
    """Keeps the digests of Secrets, and has the resources looked at whose Secret was touched."""

    world: World
    queue: FairQueue
    holdback: Holdback
    suspect: Callable[[Key], None]
    """Told of each resource whose Secret somebody else may have edited."""
    namespace: str | None = None
    """Of which namespace; None: of all."""

    def upsert(self, raw: msgspec.Raw, *, listed: bool) -> None:
        """A Secret of ours stands so."""
        found = _decode_secret(raw)
        if not self._concerns_us(found):
            return
        key, view = _key(found.metadata), found.view()
        before = self.world.secrets.get(key)
        if not self.world.secrets.observe(key, view):
            return
        self._touched(view, listed=listed)
        if before is not None and holder_of(before) != holder_of(view):
            # Somebody edited the labels: they do not tell any more whose Secret it is.
            self._touched(before, listed=listed)

    def delete(self, raw: msgspec.Raw) -> None:
        """A Secret was deleted, or lost our label."""
        found = _decode_secret(raw)
        if self.world.secrets.drop(_key(found.metadata), found.metadata.uid):
            self._touched(found.view(), listed=False)

    def listed(self, keys: Set[ObjectKey], resource_version: str) -> None:
        """A list is complete: what it does not name is gone, but for what we wrote since."""
        there = {Key(SECRET, key.namespace, key.name) for key in keys}
        for key in self.world.secrets:
            if self.namespace not in {None, key.namespace}:
                continue
            view = self.world.secrets.get(key) if key not in there else None
            if view is None or not view.is_marked:
                continue
            if self.world.secrets.drop_unlisted(key, resource_version):
                self._touched(view, listed=False)

    def _concerns_us(self, found: SecretObject) -> bool:
        """Whether it is a Secret of our resources, or of an issuer, whose keys every shard signs with."""
        meta = found.metadata
        return (
            self.world.shard.owns(meta.namespace)
            or meta.labels.get(names.LABEL_KIND) == kinds.TOKEN_ISSUER.kind
        )

    def _touched(self, view: SecretView, *, listed: bool) -> None:
        holder = holder_of(view)
        if holder is None:
            return
        if holder.kind == kinds.TOKEN_ISSUER.kind:
            self.queue.put(Key(holder.kind, "", holder.name), Priority.EDIT)
        elif holder.kind in self.world.tokens:
            key = Key(holder.kind, view.metadata.namespace, holder.name)
            self.suspect(key)
            if not listed:
                self.queue.put(key, Priority.EDIT)
            elif key in self.world.tokens[holder.kind]:
                # One that is not known yet is looked at anyway, when it is shown.
                self.holdback.put(key)


@dataclass(frozen=True, slots=True)
class NamespaceSink:
    """Keeps the labels of namespaces, which grants select by, and which of them are being deleted."""

    world: World
    queue: FairQueue
    relisted: Callable[[], None]
    """Told when the server has forgotten where this watch stood, so that others may have missed deletions, too.

    kopf does not tell when it has listed; and a list that shows nothing known is no event of its.
    """
    namespace: str | None = None
    """Which namespace; None: all."""

    def upsert(self, raw: msgspec.Raw, *, listed: bool) -> None:  # noqa: ARG002 - part of the protocol
        """A namespace stands so."""
        meta = _decode_named(raw).metadata
        if meta.deletion_timestamp is None:
            self.world.terminating.discard(meta.name)
        else:
            self.world.terminating.add(meta.name)
        if self.world.namespace_labels.get(meta.name) != meta.labels:
            self.world.namespace_labels[meta.name] = meta.labels
            self._revisit(meta.name)

    def delete(self, raw: msgspec.Raw) -> None:
        """A namespace is gone."""
        self._forget(_decode_named(raw).metadata.name)

    def listed(self, keys: Set[ObjectKey], resource_version: str) -> None:  # noqa: ARG002 - part of the protocol
        """A list is complete: what it does not name is gone."""
        there = {key.name for key in keys}
        for name in [name for name in self.world.namespace_labels if name not in there]:
            if self.namespace in {None, name}:
                self._forget(name)
        if any(self.world.tokens.values()):
            self.relisted()

    def _forget(self, namespace: str) -> None:
        self.world.namespace_labels.pop(namespace, None)
        self.world.terminating.discard(namespace)

    def _revisit(self, namespace: str) -> None:
        """Have the resources of a namespace looked at, whose grants may have changed."""
        for key in self.world.keys_in(namespace):
            self.queue.put(key, Priority.RENEWAL)


def _key(meta: ObjectMeta) -> Key:
    return Key(SECRET, meta.namespace, meta.name)
