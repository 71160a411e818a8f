"""Reconciling one resource: gather, decide, carry out, say how it went."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mintmaster.api.reasons import Reason
from mintmaster.kube.errors import Conflict, Forbidden, Invalid, NotFound
from mintmaster.lifecycle import secret_content
from mintmaster.lifecycle.decision import next_look
from mintmaster.lifecycle.outcome import next_status
from mintmaster.lifecycle.readiness import Outcome
from mintmaster.operator.queue import Priority
from mintmaster.operator.setbacks import Overtaken, Refused, Retry, refusal

if TYPE_CHECKING:
    from mintmaster.api.kinds import TokenResource
    from mintmaster.kube.secrets import Secrets
    from mintmaster.lifecycle.decision import Issue, Plan
    from mintmaster.lifecycle.facts import Facts
    from mintmaster.lifecycle.issuer_view import Obstacle
    from mintmaster.lifecycle.secret_view import SecretView
    from mintmaster.operator.audit import Audit
    from mintmaster.operator.deadlines import Deadlines
    from mintmaster.operator.deference import Deference
    from mintmaster.operator.gathering import Gatherer
    from mintmaster.operator.issuing import Delivery, Issuing
    from mintmaster.operator.queue import FairQueue, Key
    from mintmaster.operator.reporting import Reporter
    from mintmaster.operator.restarts import Restarts
    from mintmaster.operator.statuses import Statuses
    from mintmaster.operator.world import World

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Reconciler:
    """Brings one token resource at a time to where it should be."""

    world: World
    queue: FairQueue
    audit: Audit
    deadlines: Deadlines[Key]
    gatherer: Gatherer
    issuing: Issuing
    delivery: Delivery
    deference: Deference
    secrets: Secrets
    statuses: Statuses
    restarts: Restarts
    reporter: Reporter

    async def reconcile(self, key: Key, *, content_suspect: bool = False) -> None:
        """Do what is to be done about a resource now. Level-triggered: all that matters is what is.

        Raises Retry where the API server refused, Overtaken where things changed meanwhile, and its errors where it
        is away.
        """
        resource = self.world.resource(key)
        if resource is None:
            self.forget(key)
            return
        facts = self.gatherer.gather(key, resource, content_suspect=content_suspect)
        with self.reporter.reconciling(key, resource) as span:
            with self.reporter.tracing.span("decide"):
                facts, plan = await self.gatherer.decide(facts)
            if facts.reading is not None:
                self.audit.clear(key)
            if plan is None:
                self.deadlines.forget(key)
            elif plan.issue is None:
                await self._keep(key, facts, plan)
            elif wait := self.deference.wait(key, facts):
                self.queue.put_later(key, Priority.EDIT, wait)
            else:
                span.note(_about(plan.issue))
                await self._issue(key, facts, plan)

    def forget(self, key: Key) -> None:
        """Drop everything that is remembered about a resource that is gone."""
        self.deadlines.forget(key)
        self.deference.forget(key)
        self.reporter.forget(key)

    async def _issue(self, key: Key, facts: Facts, plan: Plan) -> None:
        try:
            resource = await self.issuing.issue(key, facts, plan)
        except Overtaken:
            await self._look_again(key, facts)
            raise
        except Refused as refused:
            await self._say(key, facts, plan, Outcome(failure=refused.obstacle))
            _retry_if_refused(refused.obstacle)
            return
        self.reporter.issued(key, facts, plan)
        self._settle(key, replace(facts, resource=resource), plan, facts.resource)
        if resource.spec.restart:
            self.queue.put(key, Priority.EDIT)

    async def _keep(self, key: Key, facts: Facts, plan: Plan) -> None:
        """No issue: revoke, repair, restart consumers, and say how things are."""
        outcome = Outcome()
        try:
            if plan.rewrite_secret:
                await self._rewrite(key, facts)
            if plan.restart:
                outcome = Outcome(restarts=await self.restarts.restart(facts))
        except Refused as refused:
            outcome = Outcome(failure=refused.obstacle)
        await self._say(key, facts, plan, outcome)
        # A revocation is recorded before the Secret goes: inactive first, tidy second.
        if plan.remove_secret and facts.secret is not None:
            await self._remove(facts.secret)
        _retry_if_refused(outcome.failure or outcome.restarts)

    async def _rewrite(self, key: Key, facts: Facts) -> None:
        """Put the Secret right around the token that it holds, without a new one (I11)."""
        if facts.reading is None:
            facts = await self.gatherer.with_reading(facts)
        content = secret_content.content_around(facts)
        if content is None:
            raise Overtaken("the Secret holds another token by now")
        if content.owner is not None and _is_orphaned(facts.secret):
            await self._demand_alive(key, facts)
        await self.delivery.write(facts, content)

    async def _demand_alive(self, key: Key, facts: Facts) -> None:
        """Read the resource before its Secret gets an owner back.

        Kubernetes takes the owner off when it is deleted with --cascade=orphan, and the watch on Secrets may show that
        before the other one shows the deletion. With an owner that is gone, the Secret would be collected.
        """
        resource = await self.gatherer.fresh(key)
        if (
            resource is None
            or resource.metadata.uid != facts.uid
            or resource.metadata.deletion_timestamp is not None
        ):
            raise Overtaken("the resource is being deleted")

    async def _remove(self, view: SecretView) -> None:
        try:
            await self.secrets.remove(view)
        except Conflict as error:
            raise Overtaken("the Secret has changed") from error

    async def _say(self, key: Key, facts: Facts, plan: Plan, outcome: Outcome) -> None:
        status = next_status(facts, plan, outcome)
        try:
            resource = await self.statuses.write(key, facts.resource, status)
        except (Conflict, NotFound) as error:
            await self._look_again(key, facts)
            raise Overtaken("the resource has changed") from error
        except (Forbidden, Invalid) as error:
            raise Retry(refusal("the status", error).message) from error
        self._settle(key, replace(facts, resource=resource), plan, facts.resource)

    async def _look_again(self, key: Key, facts: Facts) -> None:
        """Read what a refused write shows to be out of date."""
        await self.gatherer.fresh(key)
        await self.gatherer.with_reading(facts)

    def _settle(self, key: Key, facts: Facts, plan: Plan, before: TokenResource) -> None:
        """Set the next deadline and tell people what changed."""
        obstacle: Obstacle | None = plan.obstacle
        self.deadlines.set(key, next_look(facts, obstacle))
        self.reporter.report(key, facts, plan, before)


def _about(issue: Issue) -> dict[str, str | int]:
    """What a trace tells of an issue."""
    reason = issue.cause.reason.value
    return {"mintmaster.reason": reason, "mintmaster.revision": issue.revision}


def _is_orphaned(view: SecretView | None) -> bool:
    return view is not None and view.controller is None


def _retry_if_refused(obstacle: Obstacle | None) -> None:
    """Raise Retry for a write that may succeed later; anything else waits for somebody to change something."""
    if obstacle is not None and obstacle.reason == Reason.WRITE_FAILED:
        raise Retry(obstacle.message)
