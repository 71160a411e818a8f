"""Telling people: Events, metrics and log lines about what was done. Nothing here ever holds a token."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mintmaster.api import kinds
from mintmaster.api.names import ANNOTATION_TRACEPARENT, API_VERSION
from mintmaster.api.reasons import STALLED_REASONS, ConditionType, Reason, State
from mintmaster.kube.events import ObjectReference
from mintmaster.kube.tracing import UNTRACED
from mintmaster.lifecycle import keyring, schedule
from mintmaster.lifecycle.causes import CauseKind
from mintmaster.lifecycle.conditions import find
from mintmaster.lifecycle.news import News, news
from mintmaster.operator.live_series import Tracked, TrackedIssuer
from mintmaster.operator.metrics import timestamp

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from mintmaster.api.kinds import TokenResource
    from mintmaster.api.meta import ObjectMeta
    from mintmaster.api.status import TokenStatus
    from mintmaster.api.token_issuer import TokenIssuer, TokenIssuerStatus
    from mintmaster.kube.events import EventRecorder
    from mintmaster.kube.tracing import Span, Tracing
    from mintmaster.lifecycle.decision import Plan
    from mintmaster.lifecycle.facts import Facts
    from mintmaster.lifecycle.issuer_view import IssuerView
    from mintmaster.lifecycle.keyring import Keyring
    from mintmaster.operator.metrics import Metrics
    from mintmaster.operator.queue import Key

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Reporter:
    """Where all that people can see of the work comes from, beside the statuses."""

    recorder: EventRecorder
    metrics: Metrics
    tracing: Tracing = UNTRACED

    def reconciling(self, key: Key, resource: TokenResource) -> AbstractContextManager[Span]:
        """A span for the work on a resource; part of the trace that led to an edit which nobody has looked at yet."""
        meta = resource.metadata
        news = meta.generation != resource.status.observed_generation
        parent = meta.annotations.get(ANNOTATION_TRACEPARENT, "") if news else ""
        named = {
            "mintmaster.kind": key.kind,
            "k8s.namespace.name": key.namespace,
            "mintmaster.name": key.name,
        }
        return self.tracing.span("reconcile", named, parent=parent)

    def issued(self, key: Key, facts: Facts, plan: Plan) -> None:
        """Count an issue that was decided on these facts, and how long it was waited for."""
        if plan.issue is None:
            return
        reason = plan.issue.cause.reason.value
        self.metrics.issues.labels(key.kind, reason).inc()
        if plan.issue.cause.kind is CauseKind.SCHEDULED:
            self.metrics.renewals.labels(key.kind, _timeliness(facts)).inc()
        elif plan.issue.cause.kind is CauseKind.FIRST:
            self._time_first_issue(key, facts)
        details = {"resource": str(key), "reason": reason, "revision": plan.issue.revision}
        log.debug("issued a token", extra=details)

    def report(self, key: Key, facts: Facts, plan: Plan, before: TokenResource) -> None:
        """Show a resource as it is now, and tell what changed."""
        after = facts.resource
        self._track(key, after)
        for item in news(plan, before.status.conditions, after.status.conditions):
            self._record(key.kind, after.metadata, item)

    def forget(self, key: Key) -> None:
        """Take a resource that is gone out of the metrics."""
        self.metrics.tracked.pop(key, None)

    def issuer_changed(self, before: TokenIssuer, status: TokenIssuerStatus) -> None:
        """Tell when an issuer turned ready or stopped being so."""
        old, new = (
            find(before.status.conditions, ConditionType.READY),
            find(status.conditions, ConditionType.READY),
        )
        if new is None or (
            old is not None and (old.status, old.reason) == (new.status, new.reason)
        ):
            return
        calm = new.status == "True"
        item = News("Normal" if calm else "Warning", new.reason, new.message, "Reconcile")
        self._record(kinds.TOKEN_ISSUER.kind, before.metadata, item)

    def issuer_known(self, issuer: IssuerView, ring: Keyring) -> None:
        """Show whether an issuer can mint, and the times of its keys."""
        self.metrics.issuers[issuer.name] = TrackedIssuer(
            ring,
            reason=issuer.obstacle.reason.value if issuer.obstacle is not None else "",
            change_at=timestamp(keyring.change_of(ring, issuer.spec)),
        )

    def issuer_gone(self, issuer: str) -> None:
        """Take an issuer that is gone out of the metrics."""
        self.metrics.issuers.pop(issuer, None)

    def _track(self, key: Key, resource: TokenResource) -> None:
        status = resource.status
        conditions = tuple((it.type, it.status, it.reason) for it in status.conditions)
        self.metrics.tracked[key] = Tracked(
            status.state,
            timestamp(status.renew_at),
            timestamp(status.expires_at),
            self.metrics.shared(conditions),
        )

    def _time_first_issue(self, key: Key, facts: Facts) -> None:
        created = facts.resource.metadata.creation_timestamp
        if created is None or _kept_waiting(facts.status):
            return
        waited = (facts.now - created).total_seconds()
        self.metrics.first_issue.labels(key.kind).observe(max(waited, 0.0))

    def _record(self, kind: str, meta: ObjectMeta, item: News) -> None:
        about = ObjectReference(
            api_version=API_VERSION,
            kind=kind,
            name=meta.name,
            uid=meta.uid,
            namespace=meta.namespace,
        )
        self.recorder.record(about, item.type, item.reason, item.message, item.action)


def _timeliness(facts: Facts) -> str:
    """When a scheduled renewal comes, measured by the time that it has."""
    late_at, expires_at = schedule.late_at(facts.status), facts.status.expires_at
    if expires_at is not None and facts.now >= expires_at:
        return "expired"
    return "late" if late_at is not None and facts.now >= late_at else "in_time"


def _kept_waiting(status: TokenStatus) -> bool:
    """Whether people had to do something before a token could be issued at all."""
    ready = find(status.conditions, ConditionType.READY)
    reason = ready.reason if ready is not None else ""
    people = STALLED_REASONS | {Reason.SUSPENDED, Reason.ISSUER_NOT_FOUND}
    return status.state == State.REQUESTED or reason in people
