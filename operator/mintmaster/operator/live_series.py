"""Series computed at each scrape from what is tracked, so that what is gone leaves none behind."""

from __future__ import annotations

from collections import Counter as Tally
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from mintmaster.api.reasons import State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from mintmaster.lifecycle.keyring import Keyring
    from mintmaster.operator.queue import Key

Conditions: TypeAlias = tuple[tuple[str, str, str], ...]
"""Type, status and reason of each condition of a resource."""

_NOT_RENEWED = frozenset({State.SUSPENDED.value, State.REVOKED.value})
"""States in which a renewal that does not come is what somebody wants."""


@dataclass(frozen=True, slots=True)
class Tracked:
    """What is shown of one resource: its state and, as POSIX timestamps, when it is renewed and ends."""

    state: str
    renew_at: float | None
    expires_at: float | None
    conditions: Conditions = ()

    def is_overdue(self, now: float) -> bool:
        """Whether its renewal should have come: half of the time between that moment and the expiry is over."""
        if self.renew_at is None or self.expires_at is None or self.state in _NOT_RENEWED:
            return False
        return now >= (self.renew_at + self.expires_at) / 2


@dataclass(frozen=True, slots=True)
class TrackedIssuer:
    """What is shown of an issuer."""

    ring: Keyring
    reason: str = ""
    """Why it cannot mint; empty where it can."""
    change_at: float | None = None
    """When its active key is to be followed by another, as a POSIX timestamp."""


class LiveSeries(Collector):
    """What is tracked, as of now: resources by state, trouble, and the times of tokens and keys."""

    def __init__(
        self,
        tracked: dict[Key, Tracked],
        issuers: Mapping[str, TrackedIssuer],
        now: Callable[[], float],
        *,
        per_resource: bool,
    ) -> None:
        self._tracked = tracked
        self._issuers = issuers
        self._now = now
        self._per_resource = per_resource

    def describe(self) -> list[GaugeMetricFamily]:
        """Nothing is promised beforehand: which series there are depends on the resources."""
        return []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the series as of now."""
        tracked = self._tracked.copy()  # the event loop goes on changing it
        now = self._now()
        yield _by_state(tracked)
        yield _by_condition(tracked)
        yield _overdue(tracked, now)
        if self._per_resource:
            yield from _times(tracked, now)
        yield from _keys(dict(self._issuers), now)


def _by_state(tracked: dict[Key, Tracked]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(
        "mintmaster_resources", "Token resources, by kind and state.", labels=("kind", "state")
    )
    for labels, count in Tally((key.kind, it.state) for key, it in tracked.items()).items():
        family.add_metric(labels, count)
    return family


def _by_condition(tracked: dict[Key, Tracked]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(
        "mintmaster_conditions",
        "Token resources, by kind and by what their conditions say.",
        labels=("kind", "type", "status", "reason"),
    )
    alike = Tally((key.kind, it.conditions) for key, it in tracked.items())
    tally: Tally[tuple[str, ...]] = Tally()
    for (kind, conditions), count in alike.items():
        for condition in conditions:
            tally[kind, *condition] += count
    for labels, count in tally.items():
        family.add_metric(labels, count)
    return family


def _overdue(tracked: dict[Key, Tracked], now: float) -> GaugeMetricFamily:
    family = GaugeMetricFamily(
        "mintmaster_renewals_overdue",
        "Tokens past half of the time between the moment of their renewal and their expiry.",
        labels=("kind",),
    )
    tally = dict.fromkeys(sorted({key.kind for key in tracked}), 0)
    for key, entry in tracked.items():
        tally[key.kind] += entry.is_overdue(now)
    for kind, count in tally.items():
        family.add_metric((kind,), count)
    return family


def _times(tracked: dict[Key, Tracked], now: float) -> Iterator[GaugeMetricFamily]:
    labels = ("kind", "namespace", "name")
    renewal = GaugeMetricFamily(
        "mintmaster_renewal_seconds", "Seconds until the token is to be renewed.", labels=labels
    )
    expiry = GaugeMetricFamily(
        "mintmaster_expiry_seconds", "Seconds until the token expires.", labels=labels
    )
    for key, entry in tracked.items():
        if entry.renew_at is not None:
            renewal.add_metric(key, entry.renew_at - now)
        if entry.expires_at is not None:
            expiry.add_metric(key, entry.expires_at - now)
    yield renewal
    yield expiry


def _keys(issuers: Mapping[str, TrackedIssuer], now: float) -> Iterator[GaugeMetricFamily]:
    ready = GaugeMetricFamily(
        "mintmaster_issuer_ready",
        "1 for an issuer that can mint; 0 for one that cannot, with the reason.",
        labels=("issuer", "reason"),
    )
    ages = GaugeMetricFamily(
        "mintmaster_issuer_key_age_seconds",
        "Seconds since a key of an issuer began to sign; negative for one that is yet to.",
        labels=("issuer", "key", "state"),
    )
    changes = GaugeMetricFamily(
        "mintmaster_issuer_key_change_seconds",
        "Seconds until another key is to sign for an issuer; negative: overdue.",
        labels=("issuer",),
    )
    retires = GaugeMetricFamily(
        "mintmaster_issuer_key_retire_seconds",
        "Seconds until a retired key of an issuer is unpublished.",
        labels=("issuer", "key"),
    )
    for name, issuer in issuers.items():
        ready.add_metric((name, issuer.reason), 0 if issuer.reason else 1)
        if issuer.change_at is not None:
            changes.add_metric((name,), issuer.change_at - now)
        for key in issuer.ring.keys:
            ages.add_metric((name, key.id, key.state), now - key.not_before.timestamp())
            if key.retire_at is not None:
                retires.add_metric((name, key.id), key.retire_at.timestamp() - now)
    yield from (ready, ages, changes, retires)
