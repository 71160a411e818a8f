"""Building `metav1.Condition` lists: transition times kept, order stable, wording never a change by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from mintmaster.api.meta import Condition

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

MAX_MESSAGE_LENGTH = 1024
"""Characters of a condition's message; the API allows 32768, but a status is stored on every write."""


def find(conditions: Iterable[Condition], type_: str) -> Condition | None:
    """The condition of that type, if there is one."""
    return next((condition for condition in conditions if condition.type == type_), None)


class ConditionSet:
    """The conditions of the next status, started from those of the present one."""

    def __init__(self, present: Iterable[Condition], *, generation: int, now: datetime) -> None:
        self._by_type = {condition.type: condition for condition in present}
        self._generation = generation
        self._now = now

    def set(self, type_: str, status: bool | None, reason: str, message: str) -> None:
        """Set a condition; None is `Unknown`. The transition time moves only when the status changes."""
        text = {True: "True", False: "False", None: "Unknown"}[status]
        old = self._by_type.get(type_)
        same = old is not None and old.status == text
        self._by_type[type_] = Condition(
            type=type_,
            status=text,
            reason=reason,
            message=message[:MAX_MESSAGE_LENGTH],
            last_transition_time=old.last_transition_time if old and same else self._now,
            observed_generation=self._generation,
        )

    def remove(self, type_: str) -> None:
        """Take a condition away: it does not apply any more."""
        self._by_type.pop(type_, None)

    def set_or_remove(self, type_: str, problem: tuple[str, str] | None) -> None:
        """Set a condition that stands only while there is a problem (reason, message)."""
        if problem is None:
            self.remove(type_)
        else:
            self.set(type_, True, *problem)

    def build(self) -> tuple[Condition, ...]:
        """The conditions, sorted by type, so that equal sets are equal lists."""
        return tuple(self._by_type[type_] for type_ in sorted(self._by_type))


def without_wording(conditions: tuple[Condition, ...]) -> tuple[Condition, ...]:
    """The conditions with their messages blanked, for telling a change from a new wording (I6)."""
    return tuple(msgspec.structs.replace(condition, message="") for condition in conditions)
