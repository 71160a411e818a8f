"""What Prometheus can see of a gate; one registry per gate, so that several can live in one process."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Info, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.registry import Collector

from mintmaster import __version__
from mintmaster.gate.verification import Active

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from mintmaster.gate.verification import Verdict

BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
"""Seconds; an introspection takes a tenth of a millisecond, a write to the API server some milliseconds."""

_BOUNDS = (*(str(bound) for bound in BUCKETS), "+Inf")


class Tally(Collector):
    """A counter with two labels that is cheap to add to: every request does, and a scrape comes twice a minute."""

    def __init__(self, name: str, documentation: str, labels: tuple[str, str]) -> None:
        self._name = name
        self._documentation = documentation
        self._labels = labels
        self._counts: dict[tuple[str, str | int], int] = {}

    def add(self, one: str, other: str | int) -> None:
        """Count one more."""
        key = (one, other)
        self._counts[key] = self._counts.get(key, 0) + 1

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Show the counts to the registry, which asks from a thread of its own."""
        family = CounterMetricFamily(self._name, self._documentation, labels=self._labels)
        for (one, other), count in self._counts.copy().items():
            family.add_metric((one, str(other)), count)
        yield family


class Durations(Collector):
    """A histogram that is as cheap to add to as a `Tally`."""

    def __init__(self, name: str, documentation: str, label: str) -> None:
        self._name = name
        self._documentation = documentation
        self._label = label
        self._counts: dict[str, list[int]] = {}
        self._sums: dict[str, float] = {}

    def add(self, value: str, seconds: float) -> None:
        """Count one that took so long."""
        counts = self._counts.get(value)
        if counts is None:
            counts = self._counts[value] = [0] * len(_BOUNDS)
            self._sums[value] = 0.0
        counts[bisect_left(BUCKETS, seconds)] += 1
        self._sums[value] += seconds

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """Show the counts, which buckets of Prometheus add up."""
        family = HistogramMetricFamily(self._name, self._documentation, labels=[self._label])
        for value, counts in self._counts.copy().items():
            total, buckets = 0, []
            for bound, count in zip(_BOUNDS, tuple(counts), strict=True):
                total += count
                buckets.append((bound, float(total)))
            family.add_metric([value], buckets, self._sums[value])
        yield family


class Reading(Collector):
    """Gauges with one label that are read at each scrape, so that what is gone leaves none behind."""

    def __init__(
        self, name: str, documentation: str, label: str, read: Callable[[], Mapping[str, float]]
    ) -> None:
        self._name = name
        self._documentation = documentation
        self._label = label
        self._read = read

    def describe(self) -> list[GaugeMetricFamily]:
        """Nothing is promised beforehand."""
        return []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Read them."""
        family = GaugeMetricFamily(self._name, self._documentation, labels=[self._label])
        for value, number in self._read().items():
            family.add_metric([value], number)
        yield family


class Metrics:
    """All series of one gate process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._answers = Tally(
            "mintmaster_gate_answers",
            "Answers, by endpoint and HTTP status.",
            ("endpoint", "status"),
        )
        self._verdicts = Tally(
            "mintmaster_gate_verdicts",
            "Tokens judged, by endpoint and finding: active, or why not.",
            ("endpoint", "finding"),
        )
        self._grants = Tally(
            "mintmaster_gate_grants",
            "Requests for tokens, by grant type and outcome: issued, or the error of RFC 6749.",
            ("grant", "outcome"),
        )
        self._durations = Durations(
            "mintmaster_gate_answer_seconds",
            "From a whole head to the answer, by endpoint; the body of the request is read meanwhile.",
            "endpoint",
        )
        for tally in (self._answers, self._verdicts, self._grants, self._durations):
            self.registry.register(tally)
        Info("mintmaster_build", "What runs here.", registry=self.registry).info(
            {"version": __version__, "process": "gate"}
        )
        ProcessCollector(registry=self.registry)
        self._requests = Counter(
            "mintmaster_gate_api_requests",
            "Requests to the API server; status 0 means that no answer came.",
            ("verb", "resource", "status"),
            registry=self.registry,
        )

    def gauge(self, name: str, documentation: str, read: Callable[[], float]) -> None:
        """Show a number that is read at each scrape."""
        Gauge(name, documentation, registry=self.registry).set_function(read)

    def gauges(
        self, name: str, documentation: str, label: str, read: Callable[[], Mapping[str, float]]
    ) -> None:
        """Show numbers that are read at each scrape, by the value of a label."""
        self.registry.register(Reading(name, documentation, label, read))

    def count_answer(self, endpoint: str, status: int, seconds: float) -> None:
        """Count an answer that took so long."""
        self._answers.add(endpoint, status)
        self._durations.add(endpoint, seconds)

    def count_verdict(self, endpoint: str, verdict: Verdict) -> None:
        """Count what was found about a token."""
        finding = "active" if isinstance(verdict, Active) else verdict.value
        self._verdicts.add(endpoint, finding)

    def count_grant(self, grant: str, outcome: str) -> None:
        """Count what became of a request for a token; the grant is one that exists."""
        self._grants.add(grant, outcome)

    def observe_request(self, verb: str, resource: str, status: int, seconds: float) -> None:  # noqa: ARG002
        """Count a request; the shape of `mintmaster.kube.client.Observer`."""
        self._requests.labels(verb, resource, str(status)).inc()
