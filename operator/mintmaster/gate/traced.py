"""A gate's work as spans, for those who ask for traces; without them these classes are not used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mintmaster.gate.app import App
from mintmaster.gate.verification import Active, Verification

if TYPE_CHECKING:
    from mintmaster.gate.app import Receive, Scope
    from mintmaster.gate.issuer import KnownIssuer
    from mintmaster.gate.messages import Answer
    from mintmaster.gate.verification import Verdict
    from mintmaster.kube.tracing import Tracing

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

_LONGEST_HEADER = 55
"""Characters of a `traceparent` of version 00 (W3C Trace Context, section 3.2)."""


class TracedApp(App):
    """Each request to an issuer is a span, within the caller's trace if there is one."""

    def __init__(self, *parts: Any, tracing: Tracing) -> None:
        super().__init__(*parts)
        self._tracing = tracing

    async def answer(self, scope: Scope, receive: Receive) -> Answer | None:
        """Answer one request. Paths and queries of strangers may hold tokens: only what was matched is noted."""
        route = self._routes.find(scope["path"])
        if route is None or scope["path"] in self._own:
            return await super().answer(scope, receive)
        method = scope["method"] if scope["method"] in _METHODS else "_OTHER"
        noted = {"http.request.method": method, "http.route": route.suffix}
        if route.issuer is not None:
            noted["mintmaster.issuer"] = route.issuer.name
        parent = _traceparent(scope)
        with self._tracing.span(f"{method} {route.suffix}", noted, parent=parent) as span:
            answer = await super().answer(scope, receive)
            if answer is not None:
                span.note({"http.response.status_code": answer.status})
            return answer


class TracedVerification(Verification):
    """Each judgement about a token is a span."""

    def __init__(self, *parts: Any, tracing: Tracing) -> None:
        super().__init__(*parts)
        self._tracing = tracing

    async def verify(self, issuer: KnownIssuer, token: str) -> Verdict:
        """Judge a token, and note the finding."""
        with self._tracing.span("verify", {"mintmaster.issuer": issuer.name}) as span:
            verdict = await super().verify(issuer, token)
            if isinstance(verdict, Active):
                span.note(
                    {"mintmaster.finding": "active", "mintmaster.kind": verdict.resource.kind}
                )
            else:
                span.note({"mintmaster.finding": verdict.value})
            return verdict


def _traceparent(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"traceparent" and len(value) == _LONGEST_HEADER:
            text: str = value.decode("latin-1")
            return text
    return ""
