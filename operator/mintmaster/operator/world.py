"""The operator's picture of the cluster: resources, Secrets, namespaces, and the indexes that decisions ask for."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, cast

import msgspec

from mintmaster.api import kinds
from mintmaster.api.names import GROUP
from mintmaster.lifecycle.secret_view import SecretView
from mintmaster.operator.cache import Cache
from mintmaster.operator.queue import Key
from mintmaster.operator.rewinds import Rewinds

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from mintmaster.api.kinds import TokenResource
    from mintmaster.api.meta import ObjectMeta
    from mintmaster.api.token_issuer import TokenIssuer

SECRET = "Secret"  # noqa: S105 - a kind
"""Kind under which Secrets are keyed."""


class World:
    """Caches and indexes; filled by watches and by the answers to own writes."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.tokens = {
            kind.kind: cast(
                "Cache[TokenResource]",
                Cache(kind.model, metadata=_metadata, group=_issuer_name, monotonic=monotonic),
            )
            for kind in kinds.TOKEN_KINDS
        }
        self.issuers: Cache[TokenIssuer] = Cache(
            kinds.TOKEN_ISSUER.model,
            metadata=_metadata,
            group=lambda issuer: issuer.spec.url,
            monotonic=monotonic,
        )
        self.secrets: Cache[SecretView] = Cache(
            SecretView, metadata=_metadata, group=lambda _: "", monotonic=monotonic
        )
        self.namespace_labels: dict[str, dict[str, str]] = {}
        self._issues: dict[str, dict[Key, tuple[datetime, ...]]] = {}
        self._holders: dict[str, tuple[Key, ...]] = {}
        self._digests_of: dict[Key, tuple[str, ...]] = {}
        self.rewinds = Rewinds(monotonic)

    def resource(self, key: Key) -> TokenResource | None:
        """The token resource of a key."""
        return self.tokens[key.kind].get(key)

    def secret(self, namespace: str, name: str) -> SecretView | None:
        """The Secret of that name, if it carries our label."""
        return self.secrets.get(Key(SECRET, namespace, name))

    def observe(self, key: Key, resource: TokenResource, *, listed: bool) -> bool:
        """Take in a token resource that a watch or list showed; whether it is news."""
        before = self.resource(key) if listed else None
        news = self.tokens[key.kind].observe(key, slim(resource), listed=listed)
        if news:
            self._index(key, resource)
            if before is not None and _went_back(before, resource):
                self.rewinds.saw_older(key, before.status.revision)
        return news

    def unpin(self) -> None:
        """Let whatever is shown next replace what was written: versions have gone back."""
        for cache in self.tokens.values():
            cache.unpin()
        self.issuers.unpin()
        self.secrets.unpin()

    def uid_of(self, key: Key) -> str | None:
        """The UID of the token resource of a key, without unpacking it."""
        return self.tokens[key.kind].uid_of(key)

    def wrote(self, key: Key, resource: TokenResource) -> None:
        """Take in a token resource as an own write left it."""
        self.tokens[key.kind].wrote(key, slim(resource))
        self._index(key, resource)

    def forget(self, key: Key, uid: str | None = None) -> bool:
        """Drop a token resource; whether it was there."""
        if not self.tokens[key.kind].drop(key, uid):
            return False
        self._unindex(key)
        self.rewinds.forget(key)
        return True

    def keys_of_issuer(self, name: str) -> list[Key]:
        """All resources whose tokens that issuer mints."""
        return [key for cache in self.tokens.values() for key in cache.keys_of(name)]

    def keys_in(self, namespace: str) -> list[Key]:
        """All token resources of a namespace."""
        return [
            key for cache in self.tokens.values() for key in cache if key.namespace == namespace
        ]

    def issues_in(self, namespace: str) -> tuple[datetime, ...]:
        """Times of the issues in a namespace that its budget counts, oldest first."""
        per_key = self._issues.get(namespace)
        return (
            tuple(sorted(time for times in per_key.values() for time in times)) if per_key else ()
        )

    def has_older_holder(self, key: Key, resource: TokenResource) -> bool:
        """Whether the digest that a caller handed in stands in an older resource, which then keeps it."""
        digest = resource.spec.token.value_digest
        others = (
            self.resource(other) for other in self._holders.get(digest or "", ()) if other != key
        )
        return any(other is not None and seniority(other) < seniority(resource) for other in others)

    def _index(self, key: Key, resource: TokenResource) -> None:
        self._unindex(key)
        if resource.status.recent_issues:
            self._issues.setdefault(key.namespace, {})[key] = resource.status.recent_issues
        digests = _digests(resource)
        if digests:
            self._digests_of[key] = digests
        for digest in digests:
            self._holders[digest] = (*self._holders.get(digest, ()), key)

    def _unindex(self, key: Key) -> None:
        per_key = self._issues.get(key.namespace)
        if per_key is not None:
            per_key.pop(key, ())
            if not per_key:
                del self._issues[key.namespace]
        for digest in self._digests_of.pop(key, ()):
            left = tuple(holder for holder in self._holders[digest] if holder != key)
            if left:
                self._holders[digest] = left
            else:
                del self._holders[digest]


def seniority(resource: TokenResource | TokenIssuer) -> tuple[str, str]:
    """Who was first, where two claim the same: by creation, then by UID."""
    created = resource.metadata.creation_timestamp
    return (created.isoformat() if created else "", resource.metadata.uid)


def _went_back(before: TokenResource, now: TokenResource) -> bool:
    """Whether the same life of a resource shows an older revision than before."""
    same_life = before.metadata.uid == now.metadata.uid
    return same_life and now.status.revision < before.status.revision


def slim(resource: TokenResource) -> TokenResource:
    """A resource without what no decision reads: labels, and annotations that are not ours."""
    meta = resource.metadata
    ours = {name: value for name, value in meta.annotations.items() if name.startswith(GROUP)}
    kept = msgspec.structs.replace(meta, labels={}, annotations=ours)
    return msgspec.structs.replace(resource, metadata=kept)


def _metadata(value: TokenResource | TokenIssuer | SecretView) -> ObjectMeta:
    return value.metadata


def _issuer_name(resource: TokenResource) -> str:
    return resource.spec.issuer_ref.name


def _digests(resource: TokenResource) -> tuple[str, ...]:
    """Every digest that stands in a resource, in its spec or its status."""
    handed_in = resource.spec.token.value_digest
    recorded = {token.digest for token in resource.status.tokens}
    return tuple(recorded | {handed_in} if handed_in else recorded)
