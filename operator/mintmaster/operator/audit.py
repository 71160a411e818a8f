"""Comparing the content of Secrets in the background, a few each second (I6).

After a start, digests alone say that all is well; whether somebody edited a Secret and its digest annotation alike,
or tampered with a signature, shows only in the content. That is read one by one, so that a restart costs no storm.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from mintmaster.operator.queue import Priority

if TYPE_CHECKING:
    from mintmaster.operator.queue import FairQueue, Key


class Audit:
    """Which resources' Secrets have not been compared since somebody else may have written them."""

    def __init__(self, queue: FairQueue, *, per_second: float) -> None:
        self._queue = queue
        self._pause = 1 / per_second
        self._suspects: dict[Key, None] = {}
        self._arrived = asyncio.Event()

    def __contains__(self, key: Key) -> bool:
        return key in self._suspects

    def suspect(self, key: Key) -> None:
        """A Secret was listed, or written by somebody else."""
        self._suspects[key] = None
        self._arrived.set()

    def clear(self, key: Key) -> None:
        """The Secret was compared, or written by ourselves."""
        self._suspects.pop(key, None)

    def again(self, key: Key) -> None:
        """A resource was worked on without a look at its Secret: a suspect among them has its turn yet to come."""
        if key in self._suspects:
            self._arrived.set()

    async def run(self) -> None:
        """Have one suspect after the other looked at, for ever."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            for key in list(self._suspects):
                await asyncio.sleep(self._pause)
                if len(self._queue):
                    # Reading a Secret takes the hands that issue tokens: it waits until they have nothing to do.
                    self._arrived.set()
                    break
                if key in self._suspects:
                    self._queue.put(key, Priority.AUDIT)
