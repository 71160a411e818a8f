"""The keys of one issuer over time: next, active, retired, withdrawn (I15, I16)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from mintmaster.api import durations
from mintmaster.api.token_issuer import KeyState

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mintmaster.api.token_issuer import TokenIssuerSpec


class IssuerKey(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What is known of a key beside the key itself; stored beside it and, publicly, in the issuer's status."""

    id: str
    algorithm: str
    state: str
    not_before: datetime
    """From when it may sign: published before, so that every verifier knows it by then."""
    retire_at: datetime | None = None
    """Until when it stays published: the end of the longest token that it may have signed."""
    longest_lifetime: str = ""
    """The longest `limits.maxLifetime` that held while it could sign; a limit lowered later shortens no token."""


MAX_KEYS = 32
"""How many keys a ring holds before a change has to wait for old ones to end. A status has room for these and for as
many withdrawn ones as a spec can name."""


@dataclass(frozen=True, slots=True)
class Keyring:
    """All keys of an issuer, newest first, and the rotation requests that were handled."""

    keys: tuple[IssuerKey, ...] = ()
    handled_rotation: str | None = None

    @property
    def active(self) -> IssuerKey | None:
        """The key that signs."""
        return self.in_state(KeyState.ACTIVE)

    @property
    def published(self) -> tuple[IssuerKey, ...]:
        """The keys that verifiers honour: all but withdrawn ones."""
        return tuple(key for key in self.keys if key.state != KeyState.WITHDRAWN)

    def in_state(self, state: KeyState) -> IssuerKey | None:
        """The newest key in that state."""
        return next((key for key in self.keys if key.state == state), None)

    def changed(self, key_id: str, **changes: object) -> Keyring:
        """The same ring with one key changed."""
        keys = (
            msgspec.structs.replace(key, **changes) if key.id == key_id else key
            for key in self.keys
        )
        return replace(self, keys=tuple(keys))


@dataclass(frozen=True, slots=True)
class Turn:
    """Everything that one step of a key ring's life depends on."""

    spec: TokenIssuerSpec
    now: datetime
    rotation: str | None = None
    """The value of the issuer's rotate annotation."""
    new_key: Callable[[str], str] = field(repr=False, default=str)
    """Make a private key of that algorithm and return its id; called only when a key is needed."""


def turned(ring: Keyring, turn: Turn) -> Keyring:
    """The ring as it has to be now: first key made, next key published and promoted, old ones dropped.

    Idempotent: turning the result at the same moment changes nothing.
    """
    ring = _withdraw(ring, turn)
    ring = _with_longest_lifetime(_promoted(_drop_ended(ring, turn), turn), turn)
    if ring.active is None:
        return _with_new_key(ring, turn, KeyState.ACTIVE, turn.now)
    if ring.in_state(KeyState.NEXT) is None and _change_is_due(ring.active, ring, turn):
        starts = turn.now + durations.parse(turn.spec.signing.publish_before)
        return _with_new_key(ring, turn, KeyState.NEXT, starts)
    return ring


def change_of(ring: Keyring, spec: TokenIssuerSpec) -> datetime | None:
    """When another key is to sign in the active one's place; None without an active key."""
    following, active = ring.in_state(KeyState.NEXT), ring.active
    if active is None:
        return None
    if following is not None:
        return following.not_before
    return _scheduled_change(active, spec) + durations.parse(spec.signing.publish_before)


def next_turn(ring: Keyring, spec: TokenIssuerSpec) -> datetime | None:
    """When time alone changes the ring: a next key is due, is promoted, or a retired one ends."""
    moments = [key.retire_at for key in ring.keys if key.retire_at is not None]
    following = ring.in_state(KeyState.NEXT)
    if following is not None:
        moments.append(following.not_before)
    elif ring.active is not None:
        moments.append(_scheduled_change(ring.active, spec))
    return min(moments, default=None)


def signing_key_id(keys: Mapping[str, object], ring: Keyring) -> str:
    """The key to sign with: the active one, where the private key is at hand; else empty."""
    active = ring.active
    return active.id if active is not None and active.id in keys else ""


def _withdraw(ring: Keyring, turn: Turn) -> Keyring:
    withdrawn = frozenset(turn.spec.withdrawn_keys)
    for key in ring.keys:
        if key.id in withdrawn and key.state != KeyState.WITHDRAWN:
            ring = ring.changed(key.id, state=KeyState.WITHDRAWN, retire_at=None)
    return ring


def _drop_ended(ring: Keyring, turn: Turn) -> Keyring:
    """Forget retired keys whose tokens have all expired, and withdrawn ones that the spec names no more."""
    named = frozenset(turn.spec.withdrawn_keys)
    kept = (
        key
        for key in ring.keys
        if not (
            key.state == KeyState.RETIRED
            and key.retire_at is not None
            and key.retire_at <= turn.now
        )
        and not (key.state == KeyState.WITHDRAWN and key.id not in named)
    )
    return replace(ring, keys=tuple(kept))


def _change_is_due(active: IssuerKey, ring: Keyring, turn: Turn) -> bool:
    if len(ring.keys) >= MAX_KEYS:
        return False
    asked = turn.rotation is not None and turn.rotation != ring.handled_rotation
    other_algorithm = active.algorithm != turn.spec.signing.algorithm
    return asked or other_algorithm or turn.now >= _scheduled_change(active, turn.spec)


def _scheduled_change(active: IssuerKey, spec: TokenIssuerSpec) -> datetime:
    """When the next key is published: early enough that it can sign when the active one's time is over."""
    signing = spec.signing
    return active.not_before + max(
        durations.parse(signing.key_lifetime) - durations.parse(signing.publish_before),
        durations.parse(signing.publish_before),
    )


def _promoted(ring: Keyring, turn: Turn) -> Keyring:
    """Let the next key sign once its time has come, or early where no other can.

    The one before stays published until the longest token that it may have signed has expired.
    """
    following, active = ring.in_state(KeyState.NEXT), ring.active
    if following is None or (active is not None and following.not_before > turn.now):
        return ring
    if active is not None:
        longest = active.longest_lifetime or turn.spec.limits.max_lifetime
        end = turn.now + durations.parse(longest)
        ring = ring.changed(active.id, state=KeyState.RETIRED, retire_at=end)
    # It begins now, however long ago it might have: its own time is counted from here.
    return ring.changed(following.id, state=KeyState.ACTIVE, not_before=turn.now)


def _with_longest_lifetime(ring: Keyring, turn: Turn) -> Keyring:
    """Note for the key that signs how long a token may live, when the limit is raised."""
    active, limit = ring.active, turn.spec.limits.max_lifetime
    if active is None or durations.parse(limit) <= durations.parse(active.longest_lifetime or "0s"):
        return ring
    return ring.changed(active.id, longest_lifetime=limit)


def _with_new_key(ring: Keyring, turn: Turn, state: KeyState, not_before: datetime) -> Keyring:
    algorithm = turn.spec.signing.algorithm.value
    key = IssuerKey(
        id=turn.new_key(algorithm),
        algorithm=algorithm,
        state=state.value,
        not_before=not_before,
        longest_lifetime=turn.spec.limits.max_lifetime,
    )
    return replace(ring, keys=(key, *ring.keys), handled_rotation=turn.rotation)
