"""The operator's picture of the cluster: resources, Secrets, namespaces, and the indexes that decisions ask for.

Where there are several shards, what belongs to others is known as far as decisions about one's own rest on it: who
claims a digest or a client id, and what the token may that somebody showed who asked for another.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeAlias, cast

import msgspec

from mintmaster.api import kinds
from mintmaster.api.client_application import ClientApplication
from mintmaster.api.names import GROUP
from mintmaster.lifecycle.identity import seniority
from mintmaster.lifecycle.secret_view import SecretView
from mintmaster.lifecycle.shard import ALONE
from mintmaster.lifecycle.status_lists import StatusLists
from mintmaster.operator.cache import Cache
from mintmaster.operator.queue import Key
from mintmaster.operator.rewinds import Rewinds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from mintmaster.api.kinds import TokenResource
    from mintmaster.api.meta import ObjectMeta
    from mintmaster.api.token_issuer import TokenIssuer
    from mintmaster.lifecycle.shard import Shard

Claim: TypeAlias = str | tuple[str, str]
"""What one resource alone can have: the digest of a token, or an issuer and a client id."""

SECRET = "Secret"  # noqa: S105 - a kind
"""Kind under which Secrets are keyed."""


class World:
    """Caches and indexes; filled by watches and by the answers to own writes."""

    def __init__(
        self, monotonic: Callable[[], float] = time.monotonic, shard: Shard = ALONE
    ) -> None:
        self.shard = shard
        self.tokens = _caches(monotonic)
        """The resources to work on."""
        self.elsewhere = _caches(monotonic)
        """Those that other shards work on."""
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
        self.terminating: set[str] = set()
        """Namespaces that are being deleted."""
        self._issues: dict[str, dict[Key, tuple[datetime, ...]]] = {}
        self._claimants: dict[Claim, tuple[Key, ...]] = {}
        self._claims_of: dict[Key, tuple[Claim, ...]] = {}
        self._keys: dict[str, Key] = {}
        self.rewinds = Rewinds(monotonic)
        self.status_lists = StatusLists(shard)

    def __contains__(self, key: Key) -> bool:
        """Whether there is such a token resource, or issuer."""
        return key in self.tokens.get(key.kind, self.issuers)

    def resource(self, key: Key) -> TokenResource | None:
        """The token resource of a key, if it is for us to work on."""
        return self.tokens[key.kind].get(key)

    def known(self, key: Key) -> TokenResource | None:
        """The token resource of a key; of another shard's, what decisions about others rest on."""
        return self._cache_of(key).get(key)

    def _cache_of(self, key: Key) -> Cache[TokenResource]:
        here = self.shard.owns(key.namespace)
        return (self.tokens if here else self.elsewhere)[key.kind]

    def resource_of_uid(self, uid: str) -> TokenResource | None:
        """The token resource of a UID, as far as it is `known`."""
        key = self._keys.get(uid)
        return self.known(key) if key is not None and self.uid_of(key) == uid else None

    def secret(self, namespace: str, name: str) -> SecretView | None:
        """The Secret of that name, if it carries our label."""
        return self.secrets.get(Key(SECRET, namespace, name))

    def observe(self, key: Key, resource: TokenResource, *, listed: bool) -> bool:
        """Take in a token resource that a watch or list showed; whether it is news."""
        return self._take_in(key, resource, self._cache_of(key).observe, anew=listed)

    def read(self, key: Key, resource: TokenResource) -> bool:
        """Take in a token resource as the API server has it now; whether it is news."""
        return self._take_in(key, resource, self._cache_of(key).read, anew=True)

    def _take_in(
        self,
        key: Key,
        resource: TokenResource,
        take: Callable[[Key, TokenResource], bool],
        *,
        anew: bool,
    ) -> bool:
        """Keep and index a resource; one that is shown anew may tell of a database that went back."""
        before = self.resource(key) if anew else None
        former = self.uid_of(key)
        here = self.shard.owns(key.namespace)
        news = take(key, slim(resource) if here else outline(resource))
        if news:
            self._index(key, resource)
            self._name(key, former)
            if before is not None and _went_back(before, resource):
                self.rewinds.saw_older(key, before.status.revision)
        return news

    def unpin(self) -> None:
        """Let whatever is shown next replace what was written: versions have gone back."""
        for cache in (*self.tokens.values(), *self.elsewhere.values()):
            cache.unpin()
        self.issuers.unpin()
        self.secrets.unpin()

    def uid_of(self, key: Key) -> str | None:
        """The UID of the token resource of a key, without unpacking it."""
        return self._cache_of(key).uid_of(key)

    def wrote(self, key: Key, resource: TokenResource) -> None:
        """Take in a token resource as an own write left it."""
        former = self.uid_of(key)
        self.tokens[key.kind].wrote(key, slim(resource))
        self._index(key, resource)
        self._name(key, former)

    def forget(self, key: Key, uid: str | None = None) -> bool:
        """Drop a token resource; whether it was there."""
        former = self.uid_of(key)
        if not self._cache_of(key).drop(key, uid):
            return False
        self._unindex(key)
        self.status_lists.forget(key)
        self._name(key, former)
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
        rank = seniority(resource.metadata)
        return digest is not None and any(
            seniority(other.metadata) < rank for other in self._others(key, digest)
        )

    def rivals(self, key: Key, application: ClientApplication) -> Iterator[ClientApplication]:
        """The other applications of its issuer that claim the same client id, the longest known first."""
        for other in self._others(key, _client_id_claim(application)):
            if isinstance(other, ClientApplication):
                yield other

    def _others(self, key: Key, claim: Claim) -> Iterator[TokenResource]:
        for other in self._claimants.get(claim, ()):
            resource = self.known(other) if other != key else None
            if resource is not None:
                yield resource

    def _index(self, key: Key, resource: TokenResource) -> None:
        self._unindex(key)
        self.status_lists.observe(key, resource)
        if resource.status.recent_issues and self.shard.owns(key.namespace):
            self._issues.setdefault(key.namespace, {})[key] = resource.status.recent_issues
        claims = _claims(resource)
        if claims:
            self._claims_of[key] = claims
        for claim in claims:
            self._claimants[claim] = (*self._claimants.get(claim, ()), key)

    def _name(self, key: Key, former: str | None) -> None:
        """Have a resource found by its UID, and its former life no longer."""
        uid = self.uid_of(key)
        if former is not None and former != uid:
            self._keys.pop(former, None)
        if uid is not None:
            self._keys[uid] = key

    def _unindex(self, key: Key) -> None:
        per_key = self._issues.get(key.namespace)
        if per_key is not None:
            per_key.pop(key, ())
            if not per_key:
                del self._issues[key.namespace]
        for claim in self._claims_of.pop(key, ()):
            left = tuple(claimant for claimant in self._claimants[claim] if claimant != key)
            if left:
                self._claimants[claim] = left
            else:
                del self._claimants[claim]


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


def outline(resource: TokenResource) -> TokenResource:
    """A resource of another shard, without what only those need who work on it."""
    status = resource.status
    if not isinstance(resource, ClientApplication):
        status = msgspec.structs.replace(status, conditions=(), recent_issues=())
    return msgspec.structs.replace(slim(resource), status=status)


def _caches(monotonic: Callable[[], float]) -> dict[str, Cache[TokenResource]]:
    return {
        kind.kind: cast(
            "Cache[TokenResource]",
            Cache(kind.model, metadata=_metadata, group=_issuer_name, monotonic=monotonic),
        )
        for kind in kinds.TOKEN_KINDS
    }


def _metadata(value: TokenResource | TokenIssuer | SecretView) -> ObjectMeta:
    return value.metadata


def _issuer_name(resource: TokenResource) -> str:
    return resource.spec.issuer_ref.name


def _claims(resource: TokenResource) -> tuple[Claim, ...]:
    """What no other resource may have: every digest in its spec or its status, and its client id."""
    claims: set[Claim] = {token.digest for token in resource.status.tokens}
    if resource.spec.token.value_digest:
        claims.add(resource.spec.token.value_digest)
    if isinstance(resource, ClientApplication):
        claims.add(_client_id_claim(resource))
    return tuple(claims)


def _client_id_claim(application: ClientApplication) -> Claim:
    return (application.spec.issuer_ref.name, application.client_id)
