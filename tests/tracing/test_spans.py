"""One trace from a request to the writes that it causes, on real processes; and no token in any of it (I14)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from gate.compat.gitlab_site import answering
from gate.harness import bearer, gating
from mintmaster.api.names import ANNOTATION_TRACEPARENT
from mintmaster.kube.opentelemetry import Traced
from reconcile.conftest import cluster_user, kubeconfig  # noqa: F401 - fixtures
from reconcile.faults.tampering import Disturbance, Target, process_with
from reconcile.harness import SettableClock, running
from reconcile.reading import is_ready_at

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.sdk.trace import ReadableSpan

    from reconcile.harness import Cluster

LENGTH = 12
"""Characters of a token that must not be found."""

CALLERS = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
"""A trace that a caller is in (W3C Trace Context, section 3.2.3)."""


class Memory:
    """Where spans of one service go."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.tracing = Traced(provider)

    @property
    def spans(self) -> list[ReadableSpan]:
        return list(self.exporter.get_finished_spans())

    def one(self, name: str, holds: Callable[[ReadableSpan], object] = bool) -> ReadableSpan:
        found = [it for it in self.spans if it.name == name and holds(it)]
        assert found, f"no span {name!r} among {sorted({it.name for it in self.spans})}"
        return found[-1]

    def below(self, parent: ReadableSpan) -> list[str]:
        """The names of the spans within a span, in the order of their start."""
        within = [it for it in self.spans if it.parent and it.parent.span_id == _id(parent)]
        return [it.name for it in sorted(within, key=lambda it: it.start_time or 0)]


def _id(span: ReadableSpan) -> int:
    assert span.context is not None
    number: int = span.context.span_id
    return number


def _trace(span: ReadableSpan) -> int:
    assert span.context is not None
    number: int = span.context.trace_id
    return number


def _noted(span: ReadableSpan) -> dict[str, object]:
    return dict(span.attributes or {})


@pytest.fixture
def memory() -> Memory:
    return Memory()


async def test_an_issue_is_a_trace_of_its_own(cluster_user: Cluster, memory: Memory) -> None:  # noqa: F811
    async with running(cluster_user.kubeconfig, tracing=memory.tracing) as operator:
        await cluster_user.ready_issuer()
        await cluster_user.ready_runner()
        await operator.at_rest()
    span = memory.one("reconcile", lambda it: "mintmaster.revision" in _noted(it))
    assert span.parent is None
    assert _noted(span) == {
        "mintmaster.kind": "RunnerRegistration",
        "k8s.namespace.name": cluster_user.namespace,
        "mintmaster.name": "runner",
        "mintmaster.reason": "Issued",
        "mintmaster.revision": 1,
    }
    assert memory.below(span) == [
        "decide",
        "mint",
        "create secrets",
        "patch runnerregistrations/status",
    ]
    assert _noted(memory.one("create secrets"))["http.response.status_code"] == 201


async def test_an_error_is_named_without_its_text(cluster_user: Cluster, memory: Memory) -> None:  # noqa: F811
    async def fail() -> None:
        raise RuntimeError("a text that may say anything")

    path = f"/{cluster_user.namespace}/"
    fault = Disturbance(Target("PATCH", "runnerregistrations/status", within=path), fail)
    async with running(
        cluster_user.kubeconfig, process_type=process_with(fault), tracing=memory.tracing
    ):
        await cluster_user.ready_issuer()
        await cluster_user.create_runner()

        async def failed() -> list[str | None]:
            return [it.status.description for it in memory.spans if not it.status.is_ok]

        await cluster_user.until(failed, lambda found: "RuntimeError" in found)
    assert not any("may say anything" in it.to_json() for it in memory.spans)


async def test_one_trace_goes_from_the_request_over_the_resource_to_its_token(
    cluster_user: Cluster,  # noqa: F811
    memory: Memory,
) -> None:
    clock = SettableClock()
    kubeconfig_ = cluster_user.kubeconfig
    async with (
        running(kubeconfig_, clock=clock, tracing=memory.tracing) as operator,
        gating(kubeconfig_, clock, tracing=memory.tracing) as gate,
        answering(cluster_user, gate) as gitlab,
    ):
        person = await gitlab.person()
        made = await gate.ask(
            "POST",
            "/api/v4/user/runners",
            data=b'{"runner_type": "project_type", "project_id": 3}',
            headers={
                "PRIVATE-TOKEN": person,
                "Content-Type": "application/json",
                "traceparent": CALLERS,
            },
        )
        assert made.status == 201, made
        (runner,) = await gitlab.runners()
        await operator.at_rest()
    request = memory.one("POST GitLab")
    assert _trace(request) == int(CALLERS.split("-")[1], 16)
    assert request.parent is not None
    assert request.parent.span_id == int(CALLERS.split("-")[2], 16)
    assert _noted(request) == {
        "http.request.method": "POST",
        "http.route": "GitLab",
        "mintmaster.issuer": "default",
        "http.response.status_code": 201,
    }
    assert "create runnerregistrations" in memory.below(request)
    carried = runner.metadata.annotations[ANNOTATION_TRACEPARENT]
    assert carried.split("-")[1:3] == [f"{_trace(request):032x}", f"{_id(request):016x}"]
    issue = memory.one(
        "reconcile",
        lambda it: (
            _noted(it).get("mintmaster.name") == runner.metadata.name
            and "mintmaster.revision" in _noted(it)
        ),
    )
    assert _trace(issue) == _trace(request)
    assert "patch runnerregistrations/status" in memory.below(issue)
    _see_that_it_is_nowhere(memory, person, made.json["token"])


async def test_what_is_judged_is_noted_and_no_token_is(
    cluster_user: Cluster,  # noqa: F811
    memory: Memory,
) -> None:
    clock = SettableClock()
    kubeconfig_ = cluster_user.kubeconfig
    async with (
        running(kubeconfig_, clock=clock, tracing=memory.tracing),
        gating(kubeconfig_, clock, tracing=memory.tracing) as gate,
    ):
        gate.issuer = cluster_user.issuer
        await cluster_user.ready_issuer(scopes=[{"name": "introspect"}], roles=[])
        await cluster_user.ready_user("service", scopes=["introspect"])
        await cluster_user.ready_runner(token={"format": "Opaque", "prefix": "glrt-"})
        tokens = [
            (await cluster_user.secret_data(f"{name}-token"))["token"]
            for name in ("service", "runner")
        ]
        gate.credential = tokens[0]
        for token in (*tokens, "unknown-to-everybody"):
            await gate.introspect(token)
        revoked = await gate.revoke(tokens[1], credential=tokens[1])
        assert revoked.status == 200
        await gate.ask("GET", f"{gate.path('/jwks')}?token={tokens[0]}", headers=bearer(tokens[0]))
    findings = {_noted(it)["mintmaster.finding"] for it in memory.spans if it.name == "verify"}
    assert findings >= {"active", "resource_unknown"}
    request = memory.one("POST /oauth2/revoke")
    assert "patch runnerregistrations" in memory.below(request)
    _see_that_it_is_nowhere(memory, *tokens, "unknown-to-everybody")


async def test_a_renewal_belongs_to_no_trace_of_long_ago(
    cluster_user: Cluster,  # noqa: F811
    memory: Memory,
) -> None:
    async with running(cluster_user.kubeconfig, tracing=memory.tracing) as operator:
        await cluster_user.ready_issuer()
        await cluster_user.create_annotated_runner(traceparent=CALLERS)
        runner = await cluster_user.runner_where(is_ready_at(1))
        operator.advance_to(runner.status.renew_at)
        await cluster_user.runner_where(is_ready_at(2))
        await operator.at_rest()
    first = memory.one("reconcile", lambda it: _noted(it).get("mintmaster.revision") == 1)
    renewal = memory.one("reconcile", lambda it: _noted(it).get("mintmaster.revision") == 2)
    assert _trace(first) == int(CALLERS.split("-")[1], 16)
    assert renewal.parent is None


def _see_that_it_is_nowhere(memory: Memory, *tokens: str) -> None:
    haystack = "\n".join(it.to_json() for it in memory.spans)
    for token in tokens:
        # Header and claims of a JWT are no secrets: without its signature it is worth nothing.
        proof = token.rpartition(".")[2].removeprefix("glrt-")
        windows = (proof[at : at + LENGTH] for at in range(len(proof) - LENGTH + 1))
        assert not any(window in haystack for window in windows)
