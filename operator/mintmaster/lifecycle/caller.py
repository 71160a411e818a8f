"""Tokens that their caller holds: the resource carries only a digest, and there is no Secret and no renewal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mintmaster.api import durations
from mintmaster.api.reasons import Reason
from mintmaster.lifecycle.causes import Cause, CauseKind, outlived, taken_back, unfit, voided_by_age

if TYPE_CHECKING:
    from mintmaster.api.status import TokenRecord
    from mintmaster.lifecycle.facts import Facts


def cause_of_issue(facts: Facts) -> Cause | None:
    """Why the digest that the caller handed in has to be recorded (again), or None."""
    current, digest = facts.current, facts.resource.spec.token.value_digest
    if current is None:
        return Cause(
            CauseKind.FIRST, Reason.ISSUED, "The caller's token has not been activated yet."
        )
    if taken_back(facts):
        return Cause(CauseKind.EDIT, Reason.AWAITING_APPROVAL, "The caller's token was taken back.")
    if digest != current.digest:
        return Cause(CauseKind.REQUEST, Reason.ROTATED, "The caller handed in another token.")
    if expired(facts):
        # The same value must not live again: only a new digest helps.
        return None
    return unfit(facts, current) or _lifetime_changed(facts, current)


def expired(facts: Facts) -> bool:
    """Whether the current token has come to its end, by its own time or since it is too old by now."""
    current = facts.current
    if current is None:
        return False
    if outlived(facts, current) or (facts.issuer is not None and voided_by_age(facts, current)):
        return True
    return current.expires_at is not None and facts.now >= current.expires_at


def _lifetime_changed(facts: Facts, current: TokenRecord) -> Cause | None:
    """A lifetime is counted from when the value was first recorded, so no edit prolongs it beyond what it names."""
    asked = facts.resource.spec.token.lifetime
    wanted = current.issued_at + durations.parse(asked) if asked else None
    if current.expires_at == wanted:
        return None
    return Cause(CauseKind.EDIT, Reason.ISSUED, "The spec asks for another lifetime.")
