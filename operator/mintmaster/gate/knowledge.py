"""What a gate knows: resources, issuers and the labels of namespaces, indexed by what tokens are looked up by."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Set

    from mintmaster.gate.issuer import KnownIssuer
    from mintmaster.lifecycle.activity import KnownResource, Presented

DEFAULT_ISSUER = "default"
"""The issuer that answers at the root paths."""

_NO_LABELS: Mapping[str, str] = MappingProxyType({})


class Knowledge:
    """All that a gate's answers are made from. Single-threaded: belongs to one event loop."""

    def __init__(self, told: Callable[[str], None] = lambda _: None) -> None:
        self._told = told
        self._resources: dict[str, KnownResource] = {}
        self._claimants: dict[str, tuple[str, ...]] = {}
        self._labels: dict[str, Mapping[str, str]] = {}
        self._all_issuers: dict[str, KnownIssuer] = {}
        self._issuers: dict[str, KnownIssuer] = {}
        self._by_path: dict[str, KnownIssuer] = {}

    @property
    def issuers(self) -> Mapping[str, KnownIssuer]:
        """The issuers that count, by name: of several with one URL, only the oldest."""
        return self._issuers

    def issuer_at(self, path: str) -> KnownIssuer | None:
        """The issuer whose URL has that path, if it is the only one."""
        return self._by_path.get(path)

    def issuer_of_url(self, url: str) -> KnownIssuer | None:
        """The issuer of that URL."""
        return next((it for it in self._issuers.values() if it.url == url), None)

    def __len__(self) -> int:
        return len(self._resources)

    def labels(self, namespace: str) -> Mapping[str, str]:
        """The labels of a namespace: the same object until they change."""
        return self._labels.get(namespace, _NO_LABELS)

    def resource(self, uid: str) -> KnownResource | None:
        """The resource of that UID: the same object until it changes."""
        return self._resources.get(uid)

    def holder(self, presented: Presented) -> KnownResource | None:
        """The resource that a token belongs to: by the UID in it, or for an opaque one by its digest."""
        if presented.jti:
            return self._resources.get(presented.uid)
        return self.claimant(presented.digest)

    def claimant(self, digest: str) -> KnownResource | None:
        """The resource that an opaque token belongs to: the oldest that claims its digest keeps it."""
        claimants = self._claimants.get(digest)
        if claimants is None:
            return None
        if len(claimants) == 1:
            return self._resources[claimants[0]]
        return min((self._resources[uid] for uid in claimants), key=lambda it: it.seniority)

    def observe(self, resource: KnownResource, *, listed: bool = False) -> None:
        """Take in a resource. A revocation cannot be taken back, so an older event that comes late does not."""
        before = self._resources.get(resource.uid)
        if before is not None:
            if before.revoked and not listed:
                resource = msgspec.structs.replace(resource, revoked=True)
            self._unclaim(before)
        self._resources[resource.uid] = resource
        for digest in _claims(resource):
            self._claimants[digest] = (*self._claimants.get(digest, ()), resource.uid)
        self._told(resource.uid)

    def forget(self, uid: str) -> None:
        """Drop a resource that is gone."""
        resource = self._resources.pop(uid, None)
        if resource is not None:
            self._unclaim(resource)
            self._told(uid)

    def keep_only(self, kind: str, uids: Set[str]) -> None:
        """Drop the resources of a kind that a complete list does not name."""
        gone = [it.uid for it in self._resources.values() if it.kind == kind and it.uid not in uids]
        for uid in gone:
            self.forget(uid)

    def observe_labels(self, namespace: str, labels: Mapping[str, str]) -> None:
        """Take in the labels of a namespace."""
        if self._labels.get(namespace) != labels:
            self._labels[namespace] = labels

    def keep_only_namespaces(self, names: Set[str]) -> None:
        """Drop the namespaces that a complete list does not name."""
        self._labels = {name: labels for name, labels in self._labels.items() if name in names}

    def forget_labels(self, namespace: str) -> None:
        """Drop a namespace that is gone."""
        self._labels.pop(namespace, None)

    def observe_issuer(self, issuer: KnownIssuer) -> None:
        """Take in an issuer."""
        self._all_issuers[issuer.name] = issuer
        self._settle_issuers()

    def forget_issuer(self, name: str, uid: str) -> None:
        """Drop an issuer that is gone, if it is still that life of it."""
        known = self._all_issuers.get(name)
        if known is not None and known.uid == uid:
            del self._all_issuers[name]
            self._settle_issuers()

    def keep_only_issuers(self, uids: Set[str]) -> None:
        """Drop the issuers that a complete list does not name."""
        for issuer in list(self._all_issuers.values()):
            if issuer.uid not in uids:
                self.forget_issuer(issuer.name, issuer.uid)

    def _settle_issuers(self) -> None:
        oldest: dict[str, KnownIssuer] = {}
        for issuer in sorted(self._all_issuers.values(), key=lambda it: it.seniority):
            oldest.setdefault(issuer.url, issuer)
        self._issuers = {issuer.name: issuer for issuer in oldest.values()}
        paths = [issuer.url_path for issuer in oldest.values()]
        self._by_path = {
            issuer.url_path: issuer
            for issuer in oldest.values()
            if issuer.url_path and paths.count(issuer.url_path) == 1
        }

    def _unclaim(self, resource: KnownResource) -> None:
        for digest in _claims(resource):
            left = tuple(uid for uid in self._claimants[digest] if uid != resource.uid)
            if left:
                self._claimants[digest] = left
            else:
                del self._claimants[digest]


def _claims(resource: KnownResource) -> set[str]:
    """The digests that a resource claims: of opaque tokens on record, and of one that its caller handed in."""
    recorded = {token.digest for token in resource.tokens if not token.key_id}
    return recorded | {resource.claimed_digest} if resource.claimed_digest else recorded
