"""Why an issue for which there is cause must wait: suspension, a wrong clock, too many tokens, the budget (I12)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from mintmaster.api.reasons import Reason
from mintmaster.lifecycle.causes import EXEMPT, is_void
from mintmaster.lifecycle.issuer_view import Obstacle

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from mintmaster.lifecycle.causes import Cause
    from mintmaster.lifecycle.facts import Facts

BUDGET_WINDOW = timedelta(hours=1)
"""The budget counts issues within the last hour."""

MAX_TOKENS = 8
"""How many live tokens a status records at most."""

MAX_TOKENS_FOR_REQUESTS = 6
"""Drift and requests stop at this many, so that a scheduled renewal always finds room."""

CLOCK_RETRY = timedelta(seconds=10)
"""How soon a mistrusted clock is looked at again."""


def restraint(facts: Facts, cause: Cause) -> Obstacle | None:
    """Why this issue must wait, or None. `retry_at` says when the wait ends by itself."""
    return next((found for check in _CHECKS if (found := check(facts, cause))), None)


def within_window(times: Sequence[datetime], now: datetime) -> tuple[datetime, ...]:
    """The times that the budget still counts, in order."""
    return tuple(time for time in times if now - time < BUDGET_WINDOW)


def _suspended(facts: Facts, cause: Cause) -> Obstacle | None:
    if not facts.suspended:
        return None
    return Obstacle(
        Reason.SUSPENDED, f"spec.suspend is true, so nothing is issued. {cause.message}"
    )


def _clock_off(facts: Facts, cause: Cause) -> Obstacle | None:  # noqa: ARG001 - a check's signature
    if facts.clock_trusted:
        return None
    return Obstacle(
        Reason.CLOCK_SKEW,
        "The clocks of the operator and of the API server are more than 30 s apart: set them right (NTP).",
        retry_at=facts.now + CLOCK_RETRY,
    )


def _too_many_tokens(facts: Facts, cause: Cause) -> Obstacle | None:
    limit = MAX_TOKENS if cause.kind in EXEMPT else MAX_TOKENS_FOR_REQUESTS
    # What the issue itself makes inactive takes no room.
    staying = [token for token in facts.live if not is_void(facts, token)]
    if len(staying) < limit:
        return None
    ends = [token.valid_until for token in staying if token.valid_until is not None]
    return Obstacle(
        Reason.TOO_MANY_TOKENS,
        f"{limit} tokens are still active: the next issue waits for the end of an overlap. A shorter"
        f" {facts.resource.spec.TOKEN_FIELD}.overlap keeps this from happening again.",
        retry_at=min(ends, default=None),
    )


def _over_budget(facts: Facts, cause: Cause) -> Obstacle | None:
    if cause.kind in EXEMPT:
        return None
    limits = facts.known_issuer.spec.limits
    own = within_window(facts.status.recent_issues, facts.now)
    if len(own) >= limits.issues_per_hour:
        return _budget_spent(
            f"{limits.issues_per_hour} for one resource", own, limits.issues_per_hour, cause
        )
    shared = within_window(facts.namespace_issues, facts.now)
    if len(shared) >= limits.issues_per_hour_per_namespace:
        allowed = limits.issues_per_hour_per_namespace
        return _budget_spent(f"{allowed} for the namespace", shared, allowed, cause)
    return None


def _budget_spent(which: str, times: tuple[datetime, ...], allowed: int, cause: Cause) -> Obstacle:
    return Obstacle(
        Reason.TOO_MANY_ISSUES,
        f"The issuer's budget of issues per hour ({which}) is spent. {cause.message} Find out what edits or deletes"
        " the Secret, or asks for rotations.",
        # The budget has room again when the oldest of the last `allowed` issues leaves the window.
        retry_at=sorted(times)[-allowed] + BUDGET_WINDOW,
    )


_CHECKS: tuple[Callable[[Facts, Cause], Obstacle | None], ...] = (
    _suspended,
    _clock_off,
    _too_many_tokens,
    _over_budget,
)
