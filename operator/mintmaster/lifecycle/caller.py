"""Tokens that their caller holds: the resource carries only a digest, and there is no Secret and no renewal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mintmaster.api.reasons import Reason
from mintmaster.lifecycle.causes import Cause, CauseKind, unfit, voided_by_age
from mintmaster.lifecycle.facts import inside_its_time

if TYPE_CHECKING:
    from mintmaster.lifecycle.facts import Facts


def cause_of_issue(facts: Facts) -> Cause | None:
    """Why the digest that the caller handed in has to be recorded (again), or None."""
    current, digest = facts.current, facts.resource.spec.token.value_digest
    if current is None:
        return Cause(
            CauseKind.FIRST, Reason.ISSUED, "The caller's token has not been activated yet."
        )
    if digest is not None and digest != current.digest:
        return Cause(CauseKind.REQUEST, Reason.ROTATED, "The caller handed in another token.")
    if expired(facts):
        # The same value must not live again: only a new digest helps.
        return None
    return unfit(facts, current)


def expired(facts: Facts) -> bool:
    """Whether the current token has come to its end, by its own time or since the issuer voids what is as old."""
    current = facts.current
    if current is None:
        return False
    if facts.issuer is not None and voided_by_age(facts, current):
        return True
    return current.expires_at is not None and facts.now >= current.expires_at


def is_active(facts: Facts) -> bool:
    """Whether the current token may be honoured."""
    return facts.current is not None and inside_its_time(facts.current, facts.now)
