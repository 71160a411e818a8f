"""Telling people: Events, metrics and log lines about what was done. Nothing here ever holds a token."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mintmaster.api import kinds
from mintmaster.api.names import API_VERSION
from mintmaster.api.reasons import ConditionType
from mintmaster.kube.events import ObjectReference
from mintmaster.lifecycle.conditions import find
from mintmaster.lifecycle.news import News, news
from mintmaster.operator.metrics import Tracked, timestamp

if TYPE_CHECKING:
    from mintmaster.api.kinds import TokenResource
    from mintmaster.api.meta import ObjectMeta
    from mintmaster.api.token_issuer import TokenIssuer, TokenIssuerStatus
    from mintmaster.kube.events import EventRecorder
    from mintmaster.lifecycle.decision import Plan
    from mintmaster.lifecycle.facts import Facts
    from mintmaster.lifecycle.keyring import Keyring
    from mintmaster.operator.metrics import Metrics
    from mintmaster.operator.queue import Key

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Reporter:
    """Where all that people can see of the work comes from, beside the statuses."""

    recorder: EventRecorder
    metrics: Metrics

    def issued(self, key: Key, plan: Plan) -> None:
        """Count an issue."""
        if plan.issue is None:
            return
        reason = plan.issue.cause.reason.value
        self.metrics.issues.labels(key.kind, reason).inc()
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

    def issuer_keys(self, issuer: str, ring: Keyring) -> None:
        """Show the age of an issuer's keys."""
        self.metrics.keyrings[issuer] = ring

    def issuer_gone(self, issuer: str) -> None:
        """Take an issuer that is gone out of the metrics."""
        self.metrics.keyrings.pop(issuer, None)

    def _track(self, key: Key, resource: TokenResource) -> None:
        status = resource.status
        self.metrics.tracked[key] = Tracked(
            status.state, timestamp(status.renew_at), timestamp(status.expires_at)
        )

    def _record(self, kind: str, meta: ObjectMeta, item: News) -> None:
        about = ObjectReference(
            api_version=API_VERSION,
            kind=kind,
            name=meta.name,
            uid=meta.uid,
            namespace=meta.namespace,
        )
        self.recorder.record(about, item.type, item.reason, item.message, item.action)
