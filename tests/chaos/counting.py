"""How many issues a life of a resource may have had: as many as it was given reason for.

Counted are the different tokens that its status ever named. Reasons are its creation, each wish that asks for another
token, each deed by hand that takes the current one away, each renewal that its schedule had time for, and each time
that the database went back while it lived, since what was superseded must not live again. An issue that a crash or an
outage cut off between the Secret and the status was never recorded, and is not counted: it costs nothing here.
"""

from __future__ import annotations

import math
from collections import defaultdict
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chaos.record import Clock, Final, Record, State

SKEW = 31.0
"""Seconds by which a clock may be wrong without being mistrusted: a renewal comes so much early."""


def issues_asked_for(record: Record, final: Final) -> Iterator[str]:
    """No life of a resource had more issues than it had reasons for."""
    lives: dict[str, list[State]] = defaultdict(list)
    for state in record.states:
        lives[state.uid].append(state)
    for uid, states in lives.items():
        had = len(frozenset().union(*(state.ids for state in states)))
        reasons = _reasons(record, uid, states)
        if had > sum(reasons.values()):
            because = ", ".join(f"{count} by {reason}" for reason, count in reasons.items())
            yield f"{states[0].name} ({uid[:8]}) had {had} issues, and reason for {because}"


def _reasons(record: Record, uid: str, states: list[State]) -> dict[str, int]:
    first = states[0].at
    wishes = [wish for wish in record.wishes if wish.uid == uid and not wish.refused]
    return {
        "creation": 1,
        "wishes": sum(wish.issues for wish in wishes),
        "schedule": renewals(states, record.clock),
        "restores": sum(restore.until > first for restore in record.restores),
    }


def renewals(states: list[State], clock: Clock) -> int:
    """How many renewals there was time for: world time moves on by minutes at once, in which one falls due at most."""
    due = 0.0
    for before, after in pairwise(states):
        passed = clock.world(after.at) - clock.world(before.at)
        interval = min(before.interval, after.interval)
        if math.isfinite(interval):
            due += passed / (interval - SKEW)
    return math.floor(due)
