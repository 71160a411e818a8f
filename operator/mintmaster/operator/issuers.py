"""The issuers: their keys, their status, and the view of them that decisions about tokens use."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import msgspec

from mintmaster.api import decoding, kinds, names
from mintmaster.api.reasons import Reason
from mintmaster.api.token_issuer import KeyRecord
from mintmaster.kube.backoff import Backoff
from mintmaster.kube.errors import (
    AlreadyExists,
    Conflict,
    Forbidden,
    Invalid,
    KubeError,
    NotFound,
)
from mintmaster.kube.paths import collection_path
from mintmaster.lifecycle import issuer_status, keyring, rfc3339
from mintmaster.lifecycle.identity import seniority
from mintmaster.lifecycle.issuer_view import IssuerView, Obstacle
from mintmaster.lifecycle.keyring import Turn
from mintmaster.operator.key_store import StoredKeys, secret_name
from mintmaster.operator.queue import Key, Priority
from mintmaster.operator.setbacks import Overtaken, Retry, refusal
from mintmaster.operator.statuses import resource_path
from mintmaster.tokens.keys import Algorithm, KeyDamaged, PublicKey, SigningKey

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from mintmaster.api.token_issuer import TokenIssuer
    from mintmaster.kube.client import Client
    from mintmaster.kube.clock import Clock, Skew
    from mintmaster.kube.scope import Scope
    from mintmaster.operator.deadlines import Deadlines
    from mintmaster.operator.key_store import KeyStore
    from mintmaster.operator.queue import FairQueue
    from mintmaster.operator.reporting import Reporter
    from mintmaster.operator.world import World

log = logging.getLogger(__name__)

T = TypeVar("T")

LOSS_RETRY = timedelta(seconds=30)
"""How soon the key Secret of an issuer without keys is looked at again: one GET."""

_KIND = kinds.TOKEN_ISSUER


@dataclass(frozen=True)
class _Known:
    view: IssuerView
    private: Mapping[str, SigningKey] = field(repr=False)
    public: Mapping[str, PublicKey]


@dataclass
class Issuers:
    """Reconciles issuers, and answers for them."""

    client: Client
    scope: Scope
    world: World
    queue: FairQueue
    deadlines: Deadlines[Key]
    key_store: KeyStore
    clock: Clock
    skew: Skew
    reporter: Reporter
    owned: bool = True
    """Whether keys and statuses are for this process to write, which in all shards but the first they are not."""
    _known: dict[str, _Known] = field(default_factory=dict, repr=False)

    def view(self, name: str) -> IssuerView | None:
        """The issuer of that name, as decisions see it."""
        known = self._known.get(name)
        if known is not None:
            return known.view
        issuer = self.world.issuers.get(issuer_key(name))
        return IssuerView(name, issuer.spec, obstacle=_NO_KEYS_YET) if issuer is not None else None

    def public_keys(self, name: str) -> Mapping[str, PublicKey]:
        """The keys that verify what the issuer signed, withdrawn ones excepted."""
        known = self._known.get(name)
        return known.public if known else {}

    def signing_key(self, name: str) -> SigningKey:
        """The private key that signs now; KeyError where there is none, which a view tells by its obstacle."""
        known = self._known[name]
        return known.private[known.view.signing_key_id]

    async def load_all(self) -> None:
        """Take up all issuers before any resource is looked at, else each would find its issuer missing.

        Holds on through outages of the API server.
        """
        for issuer in await _at_last("listing the issuers", self._list):
            self.world.issuers.observe(issuer_key(issuer.metadata.name), issuer)
        for key in self.world.issuers:
            try:
                await _at_last(str(key), partial(self.reconcile, key))
            except Retry:
                self.queue.put(key, Priority.EDIT)

    async def _list(self) -> list[TokenIssuer]:
        raw = await self.client.get(collection_path(names.API_VERSION, _KIND.plural))
        return [
            decoding.decode(_KIND, bytes(item))
            for item in msgspec.json.decode(raw, type=_List).items
        ]

    async def reconcile(self, key: Key) -> None:
        """Bring one issuer's keys and status to where they should be; then look at its resources if need be.

        Raises Retry where the API server refused to store the keys or the clock is mistrusted, Overtaken where
        things changed meanwhile.
        """
        issuer = self.world.issuers.get(key)
        if issuer is None:
            self._gone(key)
            return
        if issuer.metadata.deletion_timestamp is not None:
            return
        stored = await self.key_store.load(key.name)
        obstacle = self._conflict(key, issuer) or await self._loss(issuer, stored)
        if not self.owned:
            self._follow(key, issuer, stored, obstacle)
            return
        if obstacle is None:
            stored, obstacle = await self._turn_keys(issuer, stored)
        await self._write_status(key, issuer, stored, obstacle)
        self._publish(key, issuer, stored, obstacle)
        self.reporter.issuer_known(self._known[key.name].view, stored.ring)
        self._come_back(key, issuer, stored, obstacle)

    def _follow(
        self, key: Key, issuer: TokenIssuer, stored: StoredKeys, obstacle: Obstacle | None
    ) -> None:
        """Sign with what the first shard stored, once it has published it; a change of either leads back here."""
        obstacle = obstacle or issuer_status.unpublished(issuer, stored.ring)
        self._publish(key, issuer, stored, obstacle)
        lost = obstacle is not None and obstacle.reason == Reason.KEYS_LOST
        self.deadlines.set(key, self.clock.now() + LOSS_RETRY if lost else None)

    def _come_back(
        self, key: Key, issuer: TokenIssuer, stored: StoredKeys, obstacle: Obstacle | None
    ) -> None:
        """Set when to look again; what may mend itself at any time is left to the queue, by Retry."""
        self.deadlines.forget(key)
        if self.skew.exceeded:
            raise Retry("the clock is mistrusted, and keys change by the clock")
        if obstacle is None:
            self.deadlines.set(key, keyring.next_turn(stored.ring, issuer.spec))
        elif obstacle.reason == Reason.KEYS_LOST:
            # A Secret restored without our labels shows in no watch.
            self.deadlines.set(key, self.clock.now() + LOSS_RETRY)
        elif obstacle.reason == Reason.WRITE_FAILED:
            raise Retry(obstacle.message)

    def _conflict(self, key: Key, issuer: TokenIssuer) -> Obstacle | None:
        """The oldest issuer keeps a URL; two would sign for one another."""
        for other_key in self.world.issuers.keys_of(issuer.spec.url):
            other = self.world.issuers.get(other_key)
            if other_key == key or other is None:
                continue
            if seniority(other.metadata) < seniority(issuer.metadata):
                return Obstacle(
                    Reason.ISSUER_CONFLICT,
                    f"TokenIssuer {other_key.name!r}, which is older, has the same spec.url: use another URL.",
                )
        return None

    async def _loss(self, issuer: TokenIssuer, stored: StoredKeys) -> Obstacle | None:
        """Whether keys are lost: then minting stops, and nothing is replaced in silence (I16)."""
        where = f"Secret {secret_name(issuer.metadata.name)!r} in the operator's namespace"
        if stored.problem:
            return Obstacle(Reason.KEYS_LOST, f"{where} is damaged: {stored.problem}. {_MEND}")
        withdrawn = frozenset(issuer.spec.withdrawn_keys)
        in_use = {key.id for key in issuer.status.keys if key.state in {"Active", "Next"}}
        missing = sorted(in_use - withdrawn - stored.private.keys())
        if missing:
            return Obstacle(Reason.KEYS_LOST, f"{where} lacks key {', '.join(missing)}. {_MEND}")
        if not self.owned:
            return None
        if stored.view is None and not issuer.status.keys and await self._has_tokens(issuer):
            return Obstacle(
                Reason.KEYS_LOST, f"{where} is gone, but tokens name the issuer. {_MEND}"
            )
        return None

    async def _has_tokens(self, issuer: TokenIssuer) -> bool:
        """Whether a token that the issuer signed is on record, by a key that it has not withdrawn."""
        withdrawn = frozenset(issuer.spec.withdrawn_keys)
        token_kinds: tuple[kinds.ResourceKind[kinds.TokenResource], ...] = kinds.TOKEN_KINDS
        for kind in token_kinds:
            parts = await self.scope.read(partial(self._key_ids, kind, issuer.metadata.name))
            if set().union(*parts.values()) - withdrawn - {""}:
                return True
        return False

    async def _key_ids(
        self, kind: kinds.ResourceKind[kinds.TokenResource], issuer: str, namespace: str | None
    ) -> set[str]:
        """The keys that signed the tokens on record of the resources that name an issuer."""
        raw = await self.client.get(
            collection_path(names.API_VERSION, kind.plural, namespace),
            {"fieldSelector": f"spec.issuerRef.name={issuer}"},
        )
        items = msgspec.json.decode(raw, type=_List).items
        resources = (decoding.decode(kind, bytes(item)) for item in items)
        return {token.key_id for resource in resources for token in resource.status.tokens}

    async def _turn_keys(
        self, issuer: TokenIssuer, stored: StoredKeys
    ) -> tuple[StoredKeys, Obstacle | None]:
        """Give the key ring its due turn and store it before anything says or uses it.

        A clock that is mistrusted makes no key and, above all, drops none.
        """
        if self.skew.exceeded:
            return stored, None if stored.ring.active else _CLOCK_MISTRUSTED
        private = dict(stored.private)

        def new_key(algorithm: str) -> str:
            made = SigningKey.generate(Algorithm(algorithm))
            private[made.kid] = made
            return made.kid

        turn = Turn(
            spec=issuer.spec,
            now=rfc3339.whole_seconds(self.clock.now()),
            rotation=issuer.metadata.annotations.get(names.ANNOTATION_ROTATE),
            new_key=new_key,
        )
        ring = keyring.turned(stored.ring, turn)
        if ring == stored.ring:
            return stored, None
        try:
            view = await self.key_store.save(issuer, stored.view, ring, private)
        except (AlreadyExists, Conflict, NotFound) as error:
            raise Overtaken("the key Secret has changed") from error
        except (Forbidden, Invalid) as error:
            return stored, refusal(f"Secret {secret_name(issuer.metadata.name)!r}", error)
        log.info("keys of issuer %s: %s", issuer.metadata.name, _summary(ring))
        return StoredKeys(view=view, ring=ring, private=private), None

    async def _write_status(
        self, key: Key, issuer: TokenIssuer, stored: StoredKeys, obstacle: Obstacle | None
    ) -> None:
        now = rfc3339.whole_seconds(self.clock.now())
        records = _records(issuer, stored) if obstacle is None else issuer.status.keys
        status = issuer_status.next_status(issuer, records, obstacle, now)
        if not issuer_status.says_something_new(issuer.status, status):
            return
        body = {
            "metadata": {"resourceVersion": issuer.metadata.resource_version},
            "status": issuer_status.patch_of(issuer.status, status),
        }
        try:
            answer = await self.client.merge_patch(resource_path(key, "status"), body)
        except (Conflict, NotFound) as error:
            await self._look_again(key)
            raise Overtaken("the issuer has changed") from error
        self.world.issuers.wrote(key, decoding.decode(_KIND, answer))
        self.reporter.issuer_changed(issuer, status)

    async def _look_again(self, key: Key) -> None:
        try:
            raw = await self.client.get(resource_path(key))
        except NotFound:
            self.world.issuers.drop(key)
            return
        self.world.issuers.read(key, decoding.decode(_KIND, raw))

    def _publish(
        self, key: Key, issuer: TokenIssuer, stored: StoredKeys, obstacle: Obstacle | None
    ) -> None:
        """Let decisions see the issuer as it is now, and have them made anew where it matters."""
        public = _published(issuer) | {key.kid: key.public for key in stored.private.values()}
        view = IssuerView(
            name=key.name,
            spec=issuer.spec,
            signing_key_id=keyring.signing_key_id(stored.private, stored.ring),
            obstacle=obstacle,
            key_ids=frozenset(public),
        )
        before = self._known.get(key.name)
        self._known[key.name] = _Known(view, stored.private, public)
        if before is None or before.view != view:
            self._revisit(key.name)

    def _gone(self, key: Key) -> None:
        self.deadlines.forget(key)
        self.reporter.issuer_gone(key.name)
        if self._known.pop(key.name, None) is not None:
            self._revisit(key.name)
        # Another issuer that claims the same URL may be the oldest now.
        for other in self.world.issuers:
            self.queue.put(other, Priority.EDIT)

    def _revisit(self, name: str) -> None:
        for key in self.world.keys_of_issuer(name):
            self.queue.put(key, Priority.RENEWAL)


_NO_KEYS_YET = Obstacle(
    Reason.ISSUER_NOT_READY, "The issuer is new, and its key is still being made."
)
"""Of an issuer that was seen, but not worked on yet: it was applied together with what names it."""

_CLOCK_MISTRUSTED = Obstacle(
    Reason.CLOCK_SKEW,
    "The issuer has no key yet, and the operator's clock is too far from the API server's to make one.",
)

_MEND = (
    "Restore that Secret from a backup; or, to give the keys up and void all they signed, name them in"
    " spec.withdrawnKeys."
)


class _List(msgspec.Struct):
    items: list[msgspec.Raw] = []


async def _at_last(what: str, attempt: Callable[[], Awaitable[T]]) -> T:
    """Try until it succeeds: nothing else can be done meanwhile."""
    for delay in Backoff(cap=5.0):
        try:
            return await attempt()
        except (KubeError, Overtaken) as error:
            log.warning("%s: not yet: %s", what, error)
            await asyncio.sleep(delay)
    raise AssertionError("the back-off is endless")


def issuer_key(name: str) -> Key:
    """The queue key of an issuer."""
    return Key(_KIND.kind, "", name)


def _records(issuer: TokenIssuer, stored: StoredKeys) -> tuple[KeyRecord, ...]:
    """What everybody may know of the keys."""
    public = _published(issuer) | {key.kid: key.public for key in stored.private.values()}
    return tuple(
        KeyRecord(
            id=key.id,
            algorithm=key.algorithm,
            state=key.state,
            public_jwk=public[key.id].jwk() if key.id in public else {},
            not_before=key.not_before,
            retire_at=key.retire_at,
        )
        for key in stored.ring.keys
    )


def _published(issuer: TokenIssuer) -> dict[str, PublicKey]:
    """The keys that the status shows: what they signed can be told from what they did not, whatever became of
    their private halves.
    """
    keys = {}
    for record in issuer.status.keys:
        if record.id not in issuer.spec.withdrawn_keys:
            with suppress(KeyDamaged):
                keys[record.id] = PublicKey.from_jwk(record.public_jwk)
    return keys


def _summary(ring: keyring.Keyring) -> str:
    return ", ".join(f"{key.id} {key.state}" for key in ring.keys)
