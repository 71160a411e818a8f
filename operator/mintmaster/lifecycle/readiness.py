"""What people and kstatus read: the conditions and the state that follow from a plan and from how it went."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mintmaster.api.reasons import STALLED_REASONS, ConditionType, Reason, State
from mintmaster.api.token_spec import Delivery
from mintmaster.lifecycle import caller
from mintmaster.lifecycle.approval import Approval, approval
from mintmaster.lifecycle.causes import DEFERRABLE, CauseKind
from mintmaster.lifecycle.conditions import ConditionSet, find
from mintmaster.lifecycle.facts import inside_its_time
from mintmaster.lifecycle.issuer_view import Obstacle

if TYPE_CHECKING:
    from mintmaster.api.meta import Condition
    from mintmaster.api.status import TokenRecord
    from mintmaster.lifecycle.decision import Plan
    from mintmaster.lifecycle.facts import Facts

SPOILS_READY = frozenset({
    Reason.CLIENT_ID_CONFLICT,
    Reason.DENIED,
    Reason.DIGEST_CONFLICT,
    Reason.ISSUER_NOT_FOUND,
    Reason.LIFETIME_TOO_LONG,
    Reason.SCHEDULE_INVALID,
    Reason.SECRET_CONFLICT,
    Reason.SIGNER_MISMATCH,
    Reason.TEMPLATE_INVALID,
})  # fmt: skip
"""What makes a resource not ready although its token still works: somebody asked for what can't be had, and a
`kubectl wait --for=condition=Ready` must not tell them that all is well."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How carrying out a plan went."""

    issued: TokenRecord | None = None
    """The record of the token that was delivered."""
    failure: Obstacle | None = None
    """Why something could not be written."""
    restarts: Obstacle | None = None
    """Why some consumer could not be restarted; None with a plan to restart: all were."""


def why_not_ready(facts: Facts, plan: Plan, outcome: Outcome) -> Obstacle | None:
    """Why the resource's token is not there, current, as asked for and inside its time; None: it is."""
    if outcome.issued is not None:
        return None
    if facts.client_id_refused:
        # Whatever else is wrong: the condition is all that remembers the refusal.
        return plan.obstacle
    blocked, cause = outcome.failure or plan.obstacle, plan.cause
    if cause is not None and cause.kind not in DEFERRABLE:
        return blocked or Obstacle(cause.reason, cause.message)
    if facts.current is None:
        # Without an issuer no cause is looked for: the issuer is what is missing.
        return blocked
    if facts.current.id in plan.void or _has_ended(facts, facts.current):
        return _expired(facts, blocked)
    if outcome.failure is not None and cause is None:
        return outcome.failure
    return blocked if blocked is not None and blocked.reason in SPOILS_READY else None


def conditions(
    facts: Facts, plan: Plan, outcome: Outcome, problem: Obstacle | None
) -> tuple[Condition, ...]:
    """The conditions of a resource that is not revoked."""
    built = _started(facts)
    _set_ready(built, facts, plan, outcome, problem)
    blocked = outcome.failure or plan.obstacle
    built.set_or_remove(
        ConditionType.RENEWAL_FAILING,
        _pair(blocked) if _renewal_fails(plan, outcome, problem) else None,
    )
    built.set_or_remove(
        ConditionType.STALLED, _pair(problem) if _is_stalled(facts, problem, blocked) else None
    )
    if facts.issuer is not None:
        _void_stale_approval(built, facts)
    _set_restarts(built, facts, plan, outcome)
    return built.build()


def revoked_conditions(facts: Facts) -> tuple[Condition, ...]:
    """The conditions of a revoked resource: no `Ready`, so a revocation declared in Git is a healthy state."""
    built = _started(facts)
    for stale in (ConditionType.READY, ConditionType.RENEWAL_FAILING, ConditionType.STALLED):
        built.remove(stale)
    message = (
        "spec.revoked is true: every token of this resource is inactive, and its Secret is removed."
    )
    built.set(ConditionType.REVOKED, True, Reason.REVOKED, message)
    return built.build()


def state(facts: Facts, problem: Obstacle | None) -> State:
    """The summary for people; a revoked resource is told apart before."""
    if problem is None:
        return State.SUSPENDED if facts.out_of_use else State.ACTIVE
    summary = _STATES.get(problem.reason)
    if summary is not None:
        return summary
    return State.FAILED if problem.reason in STALLED_REASONS else State.PENDING


_STATES = {
    Reason.AWAITING_APPROVAL: State.REQUESTED,
    Reason.SUSPENDED: State.SUSPENDED,
    Reason.EXPIRED: State.EXPIRED,
}


def _has_ended(facts: Facts, current: TokenRecord) -> bool:
    """Whether the token's time is over; a clock that is wrong does not tell."""
    return facts.clock_trusted and not inside_its_time(current, facts.now)


def _expired(facts: Facts, blocked: Obstacle | None) -> Obstacle:
    """The token's time is over: say why no other has followed."""
    if blocked is not None:
        why = blocked.message
    elif facts.resource.spec.delivery == Delivery.CALLER:
        why = "Tokens that a caller holds are not renewed: create another, or rotate this one."
    else:
        why = "It is about to be renewed."
    return Obstacle(
        Reason.EXPIRED, f"The token has expired. {why}", blocked.retry_at if blocked else None
    )


def _started(facts: Facts) -> ConditionSet:
    return ConditionSet(
        facts.status.conditions, generation=facts.resource.metadata.generation, now=facts.now
    )


def _set_ready(
    built: ConditionSet, facts: Facts, plan: Plan, outcome: Outcome, problem: Obstacle | None
) -> None:
    if problem is not None:
        built.set(ConditionType.READY, False, problem.reason, problem.message)
        return
    reason = _reason_of_success(facts, plan, outcome)
    built.set(ConditionType.READY, True, reason, _success(facts))


def _success(facts: Facts) -> str:
    """What is there, in a sentence."""
    what = "token" if facts.application is None else "client secret"
    if facts.resource.spec.delivery == Delivery.CALLER:
        told = f"The {what} that the caller holds is active."
    else:
        told = f"The Secret holds the current {what}."
    if facts.application is not None and not facts.application.spec.enabled:
        told += " Gates refuse it as long as spec.enabled is false."
    return told


def _reason_of_success(facts: Facts, plan: Plan, outcome: Outcome) -> str:
    """How the current token came about; kept from the last issue while nothing is issued."""
    if outcome.issued is not None and plan.issue is not None:
        return plan.issue.cause.outcome
    last = find(facts.status.conditions, ConditionType.READY)
    return last.reason if last is not None and last.status == "True" else Reason.ISSUED


def _renewal_fails(plan: Plan, outcome: Outcome, problem: Obstacle | None) -> bool:
    """Whether a renewal or rotation can't be had while the current token still works."""
    return problem is None and plan.cause is not None and outcome.issued is None


def _is_stalled(facts: Facts, problem: Obstacle | None, blocked: Obstacle | None) -> bool:
    """Whether somebody must change something; an expired token is, where no renewal can follow by itself."""
    if problem is None:
        return False
    if problem.reason == Reason.EXPIRED:
        held = facts.resource.spec.delivery == Delivery.CALLER and caller.expired(facts)
        return held or (blocked is not None and blocked.reason in STALLED_REASONS)
    return problem.reason in STALLED_REASONS


def _pair(problem: Obstacle | None) -> tuple[str, str] | None:
    return (problem.reason, problem.message) if problem is not None else None


def _void_stale_approval(built: ConditionSet, facts: Facts) -> None:
    """An approval of other rights is void: say so in the condition, so that a new one can be told from it."""
    condition = find(facts.status.conditions, ConditionType.APPROVED)
    if (
        condition is None
        or condition.status == "Unknown"
        or approval(facts) is not Approval.AWAITED
    ):
        return
    built.set(
        ConditionType.APPROVED,
        None,
        Reason.AWAITING_APPROVAL,
        "The rights asked for changed: decide anew.",
    )


def _set_restarts(built: ConditionSet, facts: Facts, plan: Plan, outcome: Outcome) -> None:
    """Tell how the restarts went; a first issue restarts nobody, since nobody could have mounted the Secret."""
    if not facts.resource.spec.restart:
        built.remove(ConditionType.RESTARTS_SUCCEEDED)
        return
    kind = ConditionType.RESTARTS_SUCCEEDED
    if outcome.issued is not None and plan.issue is not None:
        if plan.issue.cause.kind is not CauseKind.FIRST:
            built.set(
                kind,
                None,
                plan.issue.cause.outcome,
                "The consumers of the Secret are being restarted.",
            )
    elif plan.restart and outcome.restarts is not None:
        built.set(kind, False, outcome.restarts.reason, outcome.restarts.message)
    elif plan.restart:
        built.set(
            kind, True, Reason.ROTATED, "All consumers were restarted with the current token."
        )
