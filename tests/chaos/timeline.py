"""Holding what gates said during the run against what was true at that time, as far as they could know it.

A gate answers from what it knows, which is at most `maxStaleness` old (I17), and hardly old at all while nothing is
between it and the API server. So an answer is wrong if the opposite was true all the time from so long before the
question until a little after the answer: that little is what the observer may be behind itself.
"""

from __future__ import annotations

import bisect
from collections import defaultdict
from typing import TYPE_CHECKING

from chaos.record import EVERYBODY, OBSERVER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chaos.record import Answer, Final, Record, State

UNDISTURBED = 12.0
"""Seconds that news may take to a gate that nothing is in the way of, on a machine that is busy."""

SLACK = 10.0
"""Seconds on top of `maxStaleness`, for requests and machines that take their time."""

OBSERVATION = 12.0
"""Seconds that news may take to the observer."""

AFTERMATH = 25.0
"""Seconds that a disturbance may be felt after its end: connections are made again with growing pauses."""

Span = tuple[float, float]


def gates_in_time(record: Record, final: Final) -> Iterator[str]:
    """No gate called active what had long been inactive, nor inactive what had long been active."""
    spans = activity(record)
    troubles = {gate: _troubles(record, gate) for gate in {it.gate for it in record.answers}}
    for answer in record.answers:
        if answer.active is None or _in_restore(record, answer):
            continue
        calm = _is_calm(troubles[answer.gate], answer)
        bound = UNDISTURBED if calm else record.bound + SLACK
        since, until = answer.sent - bound, _observed(record, answer.answered)
        active = spans.get(answer.digest, [])
        if answer.active and not any(it[0] < until and it[1] > since for it in active):
            yield _sentence(record, answer, bound, "had been inactive")
        if not answer.active and any(it[0] <= since and it[1] >= until for it in active):
            yield _sentence(record, answer, bound, "had been active")


def gates_never_refuse(record: Record, final: Final) -> Iterator[str]:
    """A gate that does not know enough says 503; it never refuses the asker, whose token is good all the time."""
    for answer in record.answers:
        if answer.status in {401, 403} and not _in_restore(record, answer):
            yield f"{answer.gate} refused the asker with {answer.status} at {answer.sent:.1f}"


def activity(record: Record) -> dict[str, list[Span]]:
    """When each token was active by what the API server had: spans of monotonic time, by digest."""
    lives: dict[str, list[State]] = defaultdict(list)
    for state in record.states:
        lives[state.uid].append(state)
    spans: dict[str, list[Span]] = defaultdict(list)
    for states in lives.values():
        for index, state in enumerate(states):
            until = states[index + 1].at if index + 1 < len(states) else float("inf")
            if state.gone or state.revoked:
                continue
            for digest, end in state.ends.items():
                ended = record.clock.reached(end) if end != float("inf") else end
                if ended > state.at:
                    _extend(spans[digest], (state.at, min(until, ended)))
    return spans


def _extend(spans: list[Span], span: Span) -> None:
    if spans and spans[-1][1] >= span[0]:
        spans[-1] = (spans[-1][0], max(spans[-1][1], span[1]))
    else:
        spans.append(span)


def _troubles(record: Record, gate: str) -> list[Span]:
    """When news may have been late for a gate, in order and without overlaps."""
    found = sorted(
        (it.since - 1.0, it.until + AFTERMATH)
        for it in record.disturbances
        if it.whom in {gate, EVERYBODY}
    )
    merged: list[Span] = []
    for span in found:
        _extend(merged, span)
    return merged


def _is_calm(troubles: list[Span], answer: Answer) -> bool:
    """Whether nothing was in the way from a little before the question to the answer."""
    index = bisect.bisect_right(troubles, (answer.answered, float("inf"))) - 1
    return index < 0 or troubles[index][1] < answer.sent - UNDISTURBED


def _observed(record: Record, at: float) -> float:
    """Until when the observer may have been ignorant of what was true at an instant."""
    until = at + OBSERVATION
    for it in record.disturbances:
        if it.whom in {OBSERVER, EVERYBODY} and it.since < until and it.until > at:
            until = max(until, it.until + OBSERVATION)
    return until


def _in_restore(record: Record, answer: Answer) -> bool:
    """Whether the database went back around that time: then there are two truths for a while."""
    reach = record.bound + SLACK
    return any(
        it.since - 1.0 < answer.answered and answer.sent < it.until + reach
        for it in record.restores
    )


def _sentence(record: Record, answer: Answer, bound: float, truth: str) -> str:
    said = "active" if answer.active else "inactive"
    names = {state.name for state in record.states if answer.digest in state.ends}
    return (
        f"{answer.gate} called {answer.digest[:8]} {said} at {answer.sent:.1f}, which {truth} for"
        f" {bound:.0f} s ({', '.join(sorted(names)) or 'never on record'})"
    )
