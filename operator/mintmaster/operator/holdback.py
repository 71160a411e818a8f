"""Holding back what was merely listed, so that the new work that a list shows is done first.

After a start kopf hands over every resource there is. All but a few are as they should be, and looking at them takes
longer than listing them; whoever waits for a new token would wait for all of them.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from mintmaster.operator.queue import Priority

if TYPE_CHECKING:
    from mintmaster.operator.queue import FairQueue, Key

QUIET_SECONDS = 0.25
"""A list is taken to be handed over when nothing more of it came for so long."""

LONGEST_SECONDS = 10.0
"""What was listed is looked at after so long in any case: its next deadline is not known before."""


class Holdback:
    """Keeps listed resources from the queue while more of the list comes in."""

    def __init__(self, queue: FairQueue) -> None:
        self._queue = queue
        self._held: dict[Key, None] = {}
        self._first = 0.0
        self._last = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._held)

    def put(self, key: Key) -> None:
        """Have a resource looked at when the list has been handed over."""
        loop = asyncio.get_running_loop()
        self._held[key] = None
        self._last = loop.time()
        if self._timer is None:
            self._first = self._last
            self._timer = loop.call_later(QUIET_SECONDS, self._check)

    def close(self) -> None:
        """Drop the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _check(self) -> None:
        loop = asyncio.get_running_loop()
        release_at = min(self._last + QUIET_SECONDS, self._first + LONGEST_SECONDS)
        if loop.time() < release_at:
            self._timer = loop.call_at(release_at, self._check)
            return
        self._timer = None
        held, self._held = self._held, {}
        for key in held:
            self._queue.put(key, Priority.RESYNC)
