"""Traces are off unless they are asked for, cost nothing then, and are sent by OTLP when they are on."""

from __future__ import annotations

import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from mintmaster import __version__
from mintmaster.kube.trace_sending import TracingUnavailable, is_wanted, opened
from mintmaster.kube.tracing import UNTRACED

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
SOMEWHERE = "http://127.0.0.1:4318"


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({}, False),
        ({ENDPOINT: SOMEWHERE}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": SOMEWHERE}, True),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, True),
        ({"OTEL_TRACES_EXPORTER": "none", ENDPOINT: SOMEWHERE}, False),
        ({"OTEL_SDK_DISABLED": "true", ENDPOINT: SOMEWHERE}, False),
        ({ENDPOINT: ""}, False),
    ],
)
def test_the_usual_variables_switch_them_on(environment: Mapping[str, str], wanted: bool) -> None:
    assert is_wanted(environment) is wanted


def test_off_nothing_is_done() -> None:
    with opened("mintmaster-gate", asked=False, environment={}) as off:
        assert off is UNTRACED
    with UNTRACED.span("one", {"a": 1}, parent="x") as span:
        span.note({"b": 2})
    first, second = UNTRACED.span("one"), UNTRACED.span("another")
    assert first is second
    assert UNTRACED.traceparent() == ""
    assert UNTRACED.observing(observe) is observe


def observe(verb: str, resource: str, status: int, seconds: float) -> None:
    """Nothing."""


def test_off_nothing_is_imported() -> None:
    code = (
        "import sys, mintmaster.cli.operator, mintmaster.cli.gate\n"
        "assert not any(name.partition('.')[0] == 'opentelemetry' for name in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_opentelemetry_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "mintmaster.kube.opentelemetry", raising=False)
    monkeypatch.delattr(sys.modules["mintmaster.kube"], "opentelemetry", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with pytest.raises(TracingUnavailable, match=r"mintmaster\[tracing\]"):
        _open({}, asked=True)


def test_another_protocol_is_refused() -> None:
    with pytest.raises(TracingUnavailable, match="OTEL_EXPORTER_OTLP_PROTOCOL"):
        _open({ENDPOINT: SOMEWHERE, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, asked=False)


def _open(environment: Mapping[str, str], *, asked: bool) -> None:
    with opened("mintmaster-gate", asked=asked, environment=environment):
        raise AssertionError("it opened")


def test_spans_are_sent_by_otlp_over_http(monkeypatch: pytest.MonkeyPatch) -> None:
    with _receiver() as (url, received):
        monkeypatch.setenv(ENDPOINT, url)
        with opened("mintmaster-gate", asked=False) as traced, traced.span("outer", {"n": 1}):
            within = traced.traceparent()
            with traced.span("inner"):
                pass
    (request,) = received
    (resource,) = request.resource_spans
    named = {it.key: it.value.string_value for it in resource.resource.attributes}
    assert named["service.name"] == "mintmaster-gate"
    assert named["service.version"] == __version__
    spans = {span.name: span for scope in resource.scope_spans for span in scope.spans}
    assert set(spans) == {"outer", "inner"}
    assert spans["inner"].parent_span_id == spans["outer"].span_id
    assert within.split("-")[2] == spans["outer"].span_id.hex()


@contextmanager
def _receiver() -> Iterator[tuple[str, list[ExportTraceServiceRequest]]]:
    """Somebody who takes OTLP over HTTP on loopback."""
    received: list[ExportTraceServiceRequest] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/v1/traces"
            body = self.rfile.read(int(self.headers["Content-Length"]))
            assert "Content-Encoding" not in self.headers
            received.append(ExportTraceServiceRequest.FromString(body))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", received
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
