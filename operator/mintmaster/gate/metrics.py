"""What Prometheus can see of a gate; one registry per gate, so that several can live in one process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge

from mintmaster.gate.verification import Active

if TYPE_CHECKING:
    from collections.abc import Callable

    from mintmaster.gate.verification import Verdict


class Metrics:
    """All series of one gate process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._answers = Counter(
            "mintmaster_gate_answers",
            "Answers, by endpoint and HTTP status.",
            ("endpoint", "status"),
            registry=self.registry,
        )
        self._verdicts = Counter(
            "mintmaster_gate_verdicts",
            "Tokens judged, by endpoint and finding: active, or why not.",
            ("endpoint", "finding"),
            registry=self.registry,
        )
        self._requests = Counter(
            "mintmaster_gate_api_requests",
            "Requests to the API server; status 0 means that no answer came.",
            ("verb", "resource", "status"),
            registry=self.registry,
        )
        self._series: dict[tuple[Counter, str, str], Counter] = {}

    def gauge(self, name: str, documentation: str, read: Callable[[], float]) -> None:
        """Show a number that is read at each scrape."""
        Gauge(name, documentation, registry=self.registry).set_function(read)

    def count_answer(self, endpoint: str, status: int) -> None:
        """Count an answer."""
        self._count(self._answers, endpoint, str(status))

    def count_verdict(self, endpoint: str, verdict: Verdict) -> None:
        """Count what was found about a token."""
        finding = "active" if isinstance(verdict, Active) else verdict.value
        self._count(self._verdicts, endpoint, finding)

    def observe_request(self, verb: str, resource: str, status: int, seconds: float) -> None:  # noqa: ARG002
        """Count a request; the shape of `mintmaster.kube.client.Observer`."""
        self._requests.labels(verb, resource, str(status)).inc()

    def _count(self, counter: Counter, one: str, other: str) -> None:
        """Add one. Looking a series up takes longer than adding to it, so it is kept; the labels are few."""
        key = (counter, one, other)
        series = self._series.get(key)
        if series is None:
            series = self._series[key] = counter.labels(one, other)
        series.inc()
