"""One heap of moments at which resources are to be looked at again; not a timer per object (I13)."""

from __future__ import annotations

import asyncio
import heapq
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable
    from datetime import datetime

    from mintmaster.kube.clock import Clock

K = TypeVar("K", bound="Hashable")

MAX_SLEEP = 30.0
"""Seconds after which the clock is looked at again in any case: it may have been set."""

STEP_BACK = 5.0
"""Seconds that a clock may go back before it counts as set: time services slew it by less."""


class Deadlines(Generic[K]):
    """At most one moment per key. `due` is called with each key when its moment has come."""

    def __init__(
        self, clock: Clock, due: Callable[[K], None], *, max_sleep: float = MAX_SLEEP
    ) -> None:
        self._clock = clock
        self._due = due
        self._max_sleep = max_sleep
        self._heap: list[tuple[float, int, K]] = []
        self._valid: dict[K, int] = {}
        self._sequence = 0
        self._changed = asyncio.Event()
        self._looked_at = 0.0

    def __len__(self) -> int:
        return len(self._valid)

    def set(self, key: K, when: datetime | None) -> None:
        """Replace the moment of a key; None forgets it."""
        if when is None:
            self.forget(key)
            return
        self._sequence += 1
        self._valid[key] = self._sequence
        entry = (when.timestamp(), self._sequence, key)
        heapq.heappush(self._heap, entry)
        if self._heap[0] is entry:
            self._changed.set()
        self._compact()

    def forget(self, key: K) -> None:
        """Drop the moment of a key; its entry in the heap goes stale."""
        self._valid.pop(key, None)

    def recheck(self) -> None:
        """Look at the clock again now: it was set."""
        self._changed.set()

    async def run(self) -> None:
        """Hand out keys as their moments come, for ever."""
        while True:
            self._hand_out()
            self._changed.clear()
            try:
                async with asyncio.timeout(self._pause()):
                    await self._changed.wait()
            except TimeoutError:
                continue

    def _hand_out(self) -> None:
        now = self._clock.now().timestamp()
        if now < self._looked_at - STEP_BACK:
            self._hand_out_all()
        self._looked_at = now
        while self._heap and self._heap[0][0] <= now:
            _, sequence, key = heapq.heappop(self._heap)
            if self._valid.get(key) == sequence:
                del self._valid[key]
                self._due(key)

    def _hand_out_all(self) -> None:
        """The clock was set back: what was to be looked at in a minute of the wrong time might wait for days."""
        keys = list(self._valid)
        self._valid.clear()
        self._heap.clear()
        for key in keys:
            self._due(key)

    def _pause(self) -> float:
        if not self._heap:
            return self._max_sleep
        return min(max(self._heap[0][0] - self._clock.now().timestamp(), 0.0), self._max_sleep)

    def _compact(self) -> None:
        """Rebuild the heap when most of it is stale, so that edits can't make it grow without bound."""
        if len(self._heap) > 64 and len(self._heap) > 4 * len(self._valid):
            self._heap = [entry for entry in self._heap if self._valid.get(entry[2]) == entry[1]]
            heapq.heapify(self._heap)
