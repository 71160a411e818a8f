"""What a gate knows: resources, issuers and the labels of namespaces, indexed by what tokens are looked up by."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from mintmaster.lifecycle.gate_minted import Grounds
from mintmaster.lifecycle.known import keeping_revocations

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Set

    from mintmaster.gate.issuer import KnownIssuer
    from mintmaster.lifecycle.activity import Presented
    from mintmaster.lifecycle.known import KnownResource

DEFAULT_ISSUER = "default"
"""The issuer that answers at the root paths."""

_NO_LABELS: Mapping[str, str] = MappingProxyType({})


class Index:
    """Which resources are found by what; UIDs in the order in which they came."""

    def __init__(self) -> None:
        self._uids: dict[Hashable, tuple[str, ...]] = {}

    def of(self, entry: Hashable) -> tuple[str, ...]:
        """The UIDs of those found by this."""
        return self._uids.get(entry, ())

    def add(self, entries: Iterable[Hashable], uid: str) -> None:
        """Have a resource found by these."""
        for entry in entries:
            self._uids[entry] = (*self._uids.get(entry, ()), uid)

    def remove(self, entries: Iterable[Hashable], uid: str) -> None:
        """Undo what was added."""
        for entry in entries:
            left = tuple(it for it in self._uids[entry] if it != uid)
            if left:
                self._uids[entry] = left
            else:
                del self._uids[entry]


class Knowledge:
    """All that a gate's answers are made from. Single-threaded: belongs to one event loop."""

    def __init__(self, told: Callable[[str], None] = lambda _: None) -> None:
        self._told = told
        self._resources: dict[str, KnownResource] = {}
        self._numbers: dict[int, str] = {}
        self._claimants = Index()
        self._applications = Index()
        self._delegates = Index()
        self._labels: dict[str, Mapping[str, str]] = {}
        self._all_issuers: dict[str, KnownIssuer] = {}
        self._issuers: dict[str, KnownIssuer] = {}
        self._by_path: dict[str, KnownIssuer] = {}
        self.changes = 0
        """How often anything has changed: what was found at the same count still holds."""

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

    def numbered(self, kind: str, number: int) -> KnownResource | None:
        """The resource of a kind that foreign APIs call by this number."""
        resource = self._resources.get(self._numbers.get(number, ""))
        return resource if resource is not None and resource.kind == kind else None

    def all_of(self, kind: str, issuer: str) -> Iterator[KnownResource]:
        """All resources of a kind that name this issuer. Takes some four milliseconds per ten thousand resources."""
        everything = self._resources.values()
        return (it for it in everything if it.kind == kind and it.issuer == issuer)

    def holder(self, presented: Presented) -> KnownResource | None:
        """The resource that a token belongs to: by the UID in it, or for an opaque one by its digest."""
        if presented.jti:
            return self._resources.get(presented.uid)
        return self.claimant(presented.digest)

    def claimant(self, digest: str) -> KnownResource | None:
        """The resource that an opaque token belongs to: the oldest that claims its digest keeps it."""
        return self._oldest(self._claimants.of(digest))

    def home(self, resource: KnownResource | None) -> KnownIssuer | None:
        """The issuer that a resource names."""
        return self._issuers.get(resource.issuer) if resource is not None else None

    def grounds(self, resource: KnownResource, issuer: KnownIssuer) -> Grounds:
        """What decides about tokens that gates mint of this issuer for the resource."""
        home = self.home(resource)
        labels = self.labels(resource.namespace)
        return Grounds(resource, issuer.view, home.view if home else None, labels)

    def application(self, issuer: str, client_id: str) -> KnownResource | None:
        """The application that has this client id at the issuer; of several the oldest."""
        return self._oldest(self._applications.of((issuer, client_id)))

    def applications(self, client_id: str) -> Iterator[KnownResource]:
        """The applications that have this client id, at whichever issuers."""
        found = (self.application(name, client_id) for name in self._issuers)
        return (application for application in found if application is not None)

    def delegates(self, issuer: str, namespace: str, account: str) -> list[KnownResource]:
        """The resources whose rights a service account may have, in short-lived tokens of this issuer."""
        uids = self._delegates.of((issuer, namespace, account))
        return [self._resources[uid] for uid in uids]

    def observe(self, resource: KnownResource, *, listed: bool = False) -> None:
        """Take in a resource. A revocation cannot be taken back, so an older event that comes late does not."""
        self.changes += 1
        before = self._resources.get(resource.uid)
        if before is not None:
            if not listed:
                resource = keeping_revocations(before, resource)
            self._unclaim(before)
        self._resources[resource.uid] = resource
        self._numbers[resource.number] = resource.uid
        for index, entries in self._entries(resource):
            index.add(entries, resource.uid)
        self._told(resource.uid)
        for digest in _claims(resource):
            self._told(digest)

    def forget(self, uid: str) -> None:
        """Drop a resource that is gone."""
        self.changes += 1
        resource = self._resources.pop(uid, None)
        if resource is not None:
            self._unclaim(resource)
            self._numbers.pop(resource.number, None)
            self._told(uid)

    def keep_only(self, kind: str, uids: Set[str], namespace: str | None = None) -> None:
        """Drop the resources of a kind, in one namespace or in all, that a complete list does not name."""
        gone = [
            it.uid
            for it in self._resources.values()
            if it.kind == kind and it.uid not in uids and namespace in {None, it.namespace}
        ]
        for uid in gone:
            self.forget(uid)

    def observe_labels(self, namespace: str, labels: Mapping[str, str]) -> None:
        """Take in the labels of a namespace."""
        if self._labels.get(namespace) != labels:
            self.changes += 1
            self._labels[namespace] = labels

    def keep_only_namespaces(self, names: Set[str]) -> None:
        """Drop the namespaces that a complete list does not name."""
        self.changes += 1
        self._labels = {name: labels for name, labels in self._labels.items() if name in names}

    def forget_labels(self, namespace: str) -> None:
        """Drop a namespace that is gone."""
        self.changes += 1
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
        self.changes += 1
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

    def _oldest(self, uids: tuple[str, ...]) -> KnownResource | None:
        if len(uids) == 1:
            return self._resources[uids[0]]
        resources = (self._resources[uid] for uid in uids)
        return min(resources, key=lambda it: it.seniority, default=None)

    def _unclaim(self, resource: KnownResource) -> None:
        for index, entries in self._entries(resource):
            index.remove(entries, resource.uid)

    def _entries(self, resource: KnownResource) -> tuple[tuple[Index, Collection[Hashable]], ...]:
        """By what a resource is found, beside its UID."""
        return (
            (self._claimants, _claims(resource)),
            (self._applications, _client_ids(resource)),
            (self._delegates, _delegations(resource)),
        )


def _claims(resource: KnownResource) -> set[str]:
    """The digests that a resource claims: of opaque tokens on record, and of one that its caller handed in."""
    recorded = {token.digest for token in resource.tokens if not token.key_id}
    return recorded | {resource.claimed_digest} if resource.claimed_digest else recorded


def _client_ids(resource: KnownResource) -> tuple[tuple[str, str], ...]:
    application = resource.application
    if application is None or not application.client_id:
        return ()
    return ((resource.issuer, application.client_id),)


def _delegations(resource: KnownResource) -> Collection[tuple[str, str, str]]:
    exchange = resource.exchange
    if exchange is None:
        return ()
    accounts = exchange.service_accounts
    return {(exchange.issuer, resource.namespace, account) for account in accounts}
