"""Traces by OpenTelemetry. Imported only where they are asked for: it comes with the extra `tracing`."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from mintmaster import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from opentelemetry.trace import Span as OtelSpan

    from mintmaster.kube.tracing import Attributes, Observer

_HEADER = "traceparent"
_NANOSECONDS = 1_000_000_000


class Noting:
    """A span that is sent."""

    __slots__ = ("_span",)

    def __init__(self, span: OtelSpan) -> None:
        self._span = span

    def note(self, attributes: Attributes) -> None:
        """Add what became known meanwhile."""
        self._span.set_attributes(dict(attributes))


class Traced:
    """Makes spans of one service."""

    def __init__(self, provider: TracerProvider) -> None:
        self._tracer = provider.get_tracer("mintmaster", __version__)
        self._propagator = TraceContextTextMapPropagator()

    @contextmanager
    def span(
        self, name: str, attributes: Attributes | None = None, *, parent: str = ""
    ) -> Iterator[Noting]:
        """Have a span for the length of the block; an error that ends it is named, its text left out."""
        context = self._propagator.extract({_HEADER: parent}) if parent else None
        with self._tracer.start_as_current_span(
            name,
            context=context,
            attributes=dict(attributes or {}),
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                yield Noting(span)
            except Exception as error:
                span.set_status(Status(StatusCode.ERROR, type(error).__name__))
                raise

    def traceparent(self) -> str:
        """The present span, as a header field has it."""
        carrier: dict[str, str] = {}
        self._propagator.inject(carrier)
        return carrier.get(_HEADER, "")

    def observing(self, observer: Observer) -> Observer:
        """Make a span of each request to the API server that belongs to a trace."""

        def observe(verb: str, resource: str, status: int, seconds: float) -> None:
            observer(verb, resource, status, seconds)
            if trace.get_current_span().get_span_context().is_valid:
                self._request(verb, resource, status, seconds)

        return observe

    def _request(self, verb: str, resource: str, status: int, seconds: float) -> None:
        ended = time.time_ns()
        span = self._tracer.start_span(
            f"{verb} {resource}",
            kind=SpanKind.CLIENT,
            start_time=ended - int(seconds * _NANOSECONDS),
            attributes={"http.response.status_code": status},
        )
        if not 0 < status < 400:
            span.set_status(Status(StatusCode.ERROR))
        span.end(ended)


@contextmanager
def sending(service: str, environment: Mapping[str, str]) -> Iterator[Traced]:
    """Send spans by OTLP over HTTP, as the variables OTEL_* of the process's environment say."""
    named = {} if environment.get("OTEL_SERVICE_NAME") else {"service.name": service}
    resource = Resource.create({"service.version": __version__, **named})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    try:
        yield Traced(provider)
    finally:
        provider.shutdown()
