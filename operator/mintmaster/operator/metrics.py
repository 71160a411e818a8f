"""What Prometheus can see of the operator; one registry per operator, so that several can live in one process."""

from __future__ import annotations

from collections import Counter as Tally
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from mintmaster.lifecycle.keyring import Keyring
    from mintmaster.operator.queue import Key

RECONCILE_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
"""Seconds; an issue takes two requests of some milliseconds each."""


@dataclass(frozen=True, slots=True)
class Tracked:
    """What is shown of one resource: its state and, as POSIX timestamps, when it is renewed and ends."""

    state: str
    renew_at: float | None
    expires_at: float | None


class Metrics:
    """All series of one operator process."""

    def __init__(self, now: Callable[[], float], *, per_resource: bool = True) -> None:
        self.registry = CollectorRegistry()
        self.tracked: dict[Key, Tracked] = {}
        self.keyrings: dict[str, Keyring] = {}
        self.issues = Counter(
            "mintmaster_issues",
            "Tokens issued, by kind of resource and reason.",
            ("kind", "reason"),
            registry=self.registry,
        )
        self.errors = Counter(
            "mintmaster_reconcile_errors",
            "Reconciliations that did not come to their end, by what stopped them.",
            ("kind", "error"),
            registry=self.registry,
        )
        self.seconds = Histogram(
            "mintmaster_reconcile_seconds",
            "How long one reconciliation took.",
            ("kind",),
            buckets=RECONCILE_BUCKETS,
            registry=self.registry,
        )
        self.requests = Counter(
            "mintmaster_api_requests",
            "Requests to the API server; status 0 means that no answer came.",
            ("verb", "resource", "status"),
            registry=self.registry,
        )
        self.leader = Gauge(
            "mintmaster_leader", "1 while this process leads.", registry=self.registry
        )
        self.registry.register(_Live(self, now, per_resource=per_resource))

    def gauge(self, name: str, documentation: str, read: Callable[[], float]) -> None:
        """Show a number that is read at each scrape."""
        Gauge(name, documentation, registry=self.registry).set_function(read)

    def observe_request(self, verb: str, resource: str, status: int, seconds: float) -> None:  # noqa: ARG002
        """Count a request; the shape of `mintmaster.kube.client.Observer`."""
        self.requests.labels(verb, resource, str(status)).inc()


class _Live:
    """Series computed at each scrape from what is tracked, so a resource that is gone leaves none behind."""

    def __init__(self, metrics: Metrics, now: Callable[[], float], *, per_resource: bool) -> None:
        self._metrics = metrics
        self._now = now
        self._per_resource = per_resource

    def describe(self) -> list[GaugeMetricFamily]:
        """Nothing is promised beforehand: which series there are depends on the resources."""
        return []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the series as of now."""
        tracked = self._metrics.tracked.copy()  # the event loop goes on changing it
        yield _by_state(tracked)
        if self._per_resource:
            yield from self._times(tracked)
        yield self._key_ages()

    def _times(self, tracked: dict[Key, Tracked]) -> Iterator[GaugeMetricFamily]:
        labels = ("kind", "namespace", "name")
        renewal = GaugeMetricFamily(
            "mintmaster_renewal_seconds", "Seconds until the token is to be renewed.", labels=labels
        )
        expiry = GaugeMetricFamily(
            "mintmaster_expiry_seconds", "Seconds until the token expires.", labels=labels
        )
        now = self._now()
        for key, entry in tracked.items():
            if entry.renew_at is not None:
                renewal.add_metric(key, entry.renew_at - now)
            if entry.expires_at is not None:
                expiry.add_metric(key, entry.expires_at - now)
        yield renewal
        yield expiry

    def _key_ages(self) -> GaugeMetricFamily:
        ages = GaugeMetricFamily(
            "mintmaster_issuer_key_age_seconds",
            "Seconds since a key of an issuer began to sign; negative for one that is yet to.",
            labels=("issuer", "key", "state"),
        )
        now = self._now()
        for issuer, ring in self._metrics.keyrings.copy().items():
            for key in ring.keys:
                ages.add_metric((issuer, key.id, key.state), now - key.not_before.timestamp())
        return ages


def _by_state(tracked: dict[Key, Tracked]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(
        "mintmaster_resources", "Token resources, by kind and state.", labels=("kind", "state")
    )
    for (kind, state), count in Tally(
        (key.kind, entry.state) for key, entry in tracked.items()
    ).items():
        family.add_metric((kind, state), count)
    return family


def timestamp(instant: datetime | None) -> float | None:
    """An instant as a POSIX timestamp."""
    return instant.timestamp() if instant is not None else None
