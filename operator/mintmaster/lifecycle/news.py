"""What is worth an Event: once per change, never once per retry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from mintmaster.api.reasons import ConditionType, Reason
from mintmaster.lifecycle.causes import CauseKind
from mintmaster.lifecycle.conditions import find

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mintmaster.api.meta import Condition
    from mintmaster.lifecycle.decision import Plan


@dataclass(frozen=True, slots=True)
class News:
    """One Event to be."""

    type: Literal["Normal", "Warning"]
    reason: str
    message: str
    action: str


_CALM = frozenset({Reason.AWAITING_APPROVAL, Reason.SUSPENDED})
"""Reasons for not being ready that are as somebody wanted it."""


def news(plan: Plan, before: tuple[Condition, ...], after: tuple[Condition, ...]) -> Iterator[News]:
    """What happened to a resource between two statuses, by the plan that was carried out."""
    if plan.issue is not None and _holds(after, ConditionType.READY):
        yield from _of_issue(plan)
    elif plan.rewrite_secret and _holds(after, ConditionType.READY):
        yield News(
            "Normal", Reason.SECRET_EDITED, "The Secret was put right; its token stays.", "Repair"
        )
    for type_ in (ConditionType.READY, ConditionType.RENEWAL_FAILING):
        yield from _of_trouble(type_, find(before, type_), find(after, type_))
    if _holds(after, ConditionType.REVOKED) and not _holds(before, ConditionType.REVOKED):
        yield News(
            "Normal", Reason.REVOKED, "All tokens are inactive; the Secret is removed.", "Revoke"
        )
    yield from _of_restarts(
        find(before, ConditionType.RESTARTS_SUCCEEDED),
        find(after, ConditionType.RESTARTS_SUCCEEDED),
    )


def _of_issue(plan: Plan) -> Iterator[News]:
    assert plan.issue is not None  # noqa: S101 - the caller's condition
    cause = plan.issue.cause
    if cause.kind is CauseKind.DRIFT:
        yield News("Warning", cause.reason, f"{cause.message} Another token was issued.", "Issue")
    elif cause.kind is CauseKind.FIRST:
        # That there was none before, as its message says, is no news once there is one.
        yield News("Normal", cause.outcome, "A token was issued.", "Issue")
    else:
        yield News("Normal", cause.outcome, f"A token was issued. {cause.message}", "Issue")


def _of_trouble(type_: str, old: Condition | None, new: Condition | None) -> Iterator[News]:
    """A condition that turned bad, or bad for another reason than before."""
    bad = "False" if type_ == ConditionType.READY else "True"
    if new is None or new.status != bad:
        return
    if old is not None and (old.status, old.reason) == (new.status, new.reason):
        return
    yield News("Normal" if new.reason in _CALM else "Warning", new.reason, new.message, "Reconcile")


def _of_restarts(old: Condition | None, new: Condition | None) -> Iterator[News]:
    if new is None or new.status == "Unknown" or (old is not None and old.status == new.status):
        return
    yield News("Normal" if new.status == "True" else "Warning", new.reason, new.message, "Restart")


def _holds(conditions: tuple[Condition, ...], type_: str) -> bool:
    condition = find(conditions, type_)
    return condition is not None and condition.status == "True"
