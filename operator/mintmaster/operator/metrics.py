"""What Prometheus can see of the operator; one registry per operator, so that several can live in one process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    ProcessCollector,
)
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from mintmaster import __version__
from mintmaster.operator.live_series import LiveSeries

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from mintmaster.lifecycle.shard import Shard
    from mintmaster.operator.live_series import Conditions, Tracked, TrackedIssuer
    from mintmaster.operator.queue import Key

RECONCILE_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
"""Seconds; an issue takes two requests of some milliseconds each."""


FIRST_ISSUE_BUCKETS = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0)
"""Seconds; Kubernetes tells when a resource was created in whole ones."""


class Metrics:
    """All series of one operator process."""

    def __init__(self, now: Callable[[], float], *, per_resource: bool = True) -> None:
        self.registry = CollectorRegistry()
        self.tracked: dict[Key, Tracked] = {}
        self.issuers: dict[str, TrackedIssuer] = {}
        self._shared: dict[Conditions, Conditions] = {}
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
        self.shard = Gauge(
            "mintmaster_shard",
            "Number of the shard that this process leads.",
            registry=self.registry,
        )
        self.shards = Gauge(
            "mintmaster_shards", "How many shards the operator runs as.", registry=self.registry
        )
        self.first_issue = Histogram(
            "mintmaster_first_issue_seconds",
            "From the creation of a resource to its first token, unless people kept it waiting.",
            ("kind",),
            buckets=FIRST_ISSUE_BUCKETS,
            registry=self.registry,
        )
        self.renewals = Counter(
            "mintmaster_renewals",
            "Scheduled renewals, by when they came: in_time, late (past half of their window) or expired.",
            ("kind", "when"),
            registry=self.registry,
        )
        Info("mintmaster_build", "What runs here.", registry=self.registry).info(
            {"version": __version__, "process": "operator"}
        )
        ProcessCollector(registry=self.registry)
        self.registry.register(
            LiveSeries(self.tracked, self.issuers, now, per_resource=per_resource)
        )

    def shared(self, conditions: Conditions) -> Conditions:
        """The same conditions, as one object for all resources that have them: there are few kinds of trouble."""
        return self._shared.setdefault(conditions, conditions)

    def counter(self, name: str, documentation: str, read: Callable[[], float]) -> None:
        """Show a number that only grows, and is read at each scrape."""
        self.registry.register(_Read(name, documentation, read))

    def leads(self, shard: Shard) -> None:
        """Show that this process leads a shard."""
        self.leader.set(1)
        self.shard.set(shard.number)
        self.shards.set(shard.count)

    def gauge(self, name: str, documentation: str, read: Callable[[], float]) -> None:
        """Show a number that is read at each scrape."""
        Gauge(name, documentation, registry=self.registry).set_function(read)

    def observe_request(self, verb: str, resource: str, status: int, seconds: float) -> None:  # noqa: ARG002
        """Count a request; the shape of `mintmaster.kube.client.Observer`."""
        self.requests.labels(verb, resource, str(status)).inc()


class _Read(Collector):
    """A counter that somebody else counts."""

    def __init__(self, name: str, documentation: str, read: Callable[[], float]) -> None:
        self._name = name
        self._documentation = documentation
        self._read = read

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Show it as of now."""
        yield CounterMetricFamily(self._name, self._documentation, value=self._read())


def timestamp(instant: datetime | None) -> float | None:
    """An instant as a POSIX timestamp."""
    return instant.timestamp() if instant is not None else None
