"""Going round all Secrets of ours, one by one, where no watch may show that somebody touched one.

Each has a turn of its own in every interval, spread by its resource's key: so the bound holds for each, and the API
server is asked as often in one second as in the next.
"""

from __future__ import annotations

import zlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mintmaster.operator.deadlines import Deadlines

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

    from mintmaster.kube.clock import Clock
    from mintmaster.operator.queue import Key


class Rounds:
    """Has the Secret of each resource looked at once in an interval; an interval after the last look at the latest."""

    def __init__(self, clock: Clock, interval: timedelta, look: Callable[[Key], bool]) -> None:
        """`look` is called with each key in its turn, and says whether there is such a resource still."""
        self._clock = clock
        self._interval = interval.total_seconds()
        self._look = look
        self._included: set[Key] = set()
        self._awaited: set[Key] = set()
        self._turns: Deadlines[Key] = Deadlines(clock, self._due)

    def include(self, key: Key) -> None:
        """Give a resource its turn, unless it has one."""
        if key not in self._included:
            self._included.add(key)
            self._turns.set(key, self._next_turn(key))

    def is_turn_of(self, key: Key) -> bool:
        """Whether the Secret of a resource is to be looked at now."""
        return key in self._awaited

    def done(self, key: Key) -> None:
        """It was looked at; until then each attempt is one to do so."""
        self._awaited.discard(key)

    def recheck(self) -> None:
        """Look at the clock again now: it was set."""
        self._turns.recheck()

    def all_at_once(self) -> None:
        """Have everything looked at now."""
        for key in list(self._included):
            self._due(key)

    async def run(self) -> None:
        """Go round, for ever."""
        await self._turns.run()

    def _due(self, key: Key) -> None:
        if self._look(key):
            self._awaited.add(key)
            self._turns.set(key, self._next_turn(key))
        else:
            self._included.discard(key)
            self._awaited.discard(key)
            self._turns.forget(key)

    def _next_turn(self, key: Key) -> datetime:
        now = self._clock.now().timestamp()
        phase = zlib.crc32(str(key).encode()) / 2**32 * self._interval
        passed = (now - phase) // self._interval
        return datetime.fromtimestamp((passed + 1) * self._interval + phase, UTC)
