"""What a gate knows of an issuer: its view for decisions, its keys, how its tokens are verified."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from mintmaster.api import durations
from mintmaster.api.token_issuer import KeyState, Signer
from mintmaster.lifecycle.issuer_view import IssuerView
from mintmaster.lifecycle.known import seconds
from mintmaster.tokens.keys import KeyDamaged, PublicKey
from mintmaster.tokens.verifier import KeyPeriod, Verifier

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from mintmaster.api.token_issuer import KeyRecord, TokenIssuer

log = logging.getLogger(__name__)

MAX_KEYS_AGE = 300
"""Seconds that verifiers may keep the published keys, at most."""

MAX_GATE_SIGNED_LIFETIME = timedelta(hours=24)
"""Longest life that the CRD allows what gates mint. No status says when such a token ends; a thief of the key would."""


@dataclass(frozen=True)
class KnownIssuer:
    """An issuer as it is now; a new one is made whenever it changes, so identity tells whether it did."""

    view: IssuerView
    uid: str
    seniority: tuple[str, str]
    """Who was first, where two claim the same URL: by creation, then by UID."""
    keys: Mapping[str, PublicKey] = field(repr=False)
    """Public keys by kid, of every state but Withdrawn."""
    periods: Mapping[str, KeyPeriod] = field(repr=False)

    @property
    def name(self) -> str:
        """The name of the resource, which stands in paths."""
        return self.view.name

    @property
    def url(self) -> str:
        """The claim `iss`, byte for byte."""
        return self.view.spec.url

    @property
    def is_gate_signed(self) -> bool:
        """Whether gates mint its tokens; never the operator, too (I15)."""
        return self.view.spec.signer is Signer.GATE

    @cached_property
    def url_path(self) -> str:
        """The path of the URL, without a slash at its end; empty for none."""
        return urlsplit(self.url).path.rstrip("/")

    @cached_property
    def max_staleness(self) -> float:
        """Seconds that knowledge may be old when this issuer's tokens are judged."""
        return durations.parse(self.view.spec.limits.max_staleness).total_seconds()

    @cached_property
    def max_lifetime(self) -> float:
        """Seconds that its tokens may live."""
        return durations.parse(self.view.spec.limits.max_lifetime).total_seconds()

    @cached_property
    def keys_age(self) -> int:
        """Seconds that verifiers may keep the keys: a new key is published three times as long before it signs."""
        lead = durations.parse(self.view.spec.signing.publish_before).total_seconds()
        return min(MAX_KEYS_AGE, int(lead / 3))

    @cached_property
    def verifier(self) -> Verifier:
        """Accepts what is signed by one of the keys, in that key's time."""
        return Verifier(
            self.url,
            self.keys,
            periods=self.periods,
            max_lifetime=MAX_GATE_SIGNED_LIFETIME if self.is_gate_signed else None,
        )

    def published(self, now: datetime) -> tuple[PublicKey, ...]:
        """The keys that verify at that time: next, active, and retired ones whose time is not over."""
        return tuple(key for kid, key in self.keys.items() if not self.is_over(kid, now))

    def is_over(self, kid: str, now: datetime) -> bool:
        """Whether the key has been retired for good."""
        return now.timestamp() >= self.end_of(kid)

    def end_of(self, kid: str) -> float:
        """When a key is retired for good, in POSIX seconds; infinite if that is not known, or for no key."""
        period = self.periods.get(kid)
        return seconds(period.retire_at if period else None, math.inf)


def known_issuer(issuer: TokenIssuer) -> KnownIssuer:
    """Prepare an issuer for verifying. A key that cannot be read is left out: what it signed is not active."""
    withdrawn = frozenset(issuer.spec.withdrawn_keys)
    usable = [
        record
        for record in issuer.status.keys
        if record.state != KeyState.WITHDRAWN and record.id not in withdrawn
    ]
    keys = dict(_read(issuer.metadata.name, usable))
    created = issuer.metadata.creation_timestamp
    return KnownIssuer(
        view=IssuerView(
            name=issuer.metadata.name,
            spec=issuer.spec,
            key_ids=frozenset(keys),
            signing_key_id=_active(usable, keys),
        ),
        uid=issuer.metadata.uid,
        seniority=(created.isoformat() if created else "", issuer.metadata.uid),
        keys=keys,
        periods={record.id: _period(record) for record in usable if record.id in keys},
    )


def _active(usable: list[KeyRecord], keys: Mapping[str, PublicKey]) -> str:
    """The key that the status calls Active; empty for none."""
    states = {record.id: record.state for record in usable}
    return next((kid for kid in keys if states[kid] == KeyState.ACTIVE), "")


def _read(issuer: str, records: list[KeyRecord]) -> Iterator[tuple[str, PublicKey]]:
    for record in records:
        try:
            key = PublicKey.from_jwk(record.public_jwk)
        except KeyDamaged as error:
            log.warning("TokenIssuer %r: key %s is not used: %s", issuer, record.id, error)
            continue
        if key.kid == record.id:
            yield key.kid, key
        else:
            log.warning("TokenIssuer %r: key %s stands under another's name", issuer, record.id)


def _period(record: KeyRecord) -> KeyPeriod:
    """When the key verifies: `retireAt` ends it only once it is retired."""
    retired = record.state == KeyState.RETIRED
    return KeyPeriod(record.not_before, record.retire_at if retired else None)
