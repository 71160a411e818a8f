"""The work queue: no key twice, no key in two hands at once, and no namespace that starves another."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


class Key(NamedTuple):
    """Which resource is to be reconciled; what is to be done is found out then (I1)."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return (
            f"{self.kind} {self.namespace}/{self.name}"
            if self.namespace
            else f"{self.kind} {self.name}"
        )


class Priority(IntEnum):
    """What goes first (I12)."""

    LATE_RENEWAL = 0
    """Renewals past half of their window: a token may be about to end."""
    EDIT = 1
    """What people are waiting for."""
    RENEWAL = 2
    """Deadlines with time to spare."""
    RESYNC = 3
    """What was merely listed again."""
    AUDIT = 4
    """Comparing the content of Secrets in the background."""


class FairQueue:
    """Keys by priority, and within a priority one from each namespace in turn.

    A key that is put again before it was taken stays once, at the more urgent of its priorities. A key that is put
    while somebody works on it is handed out again afterwards, never at the same time. `limits` says how many keys of
    a priority may be in hands at once, where that is limited.
    """

    def __init__(self, limits: Mapping[Priority, int] | None = None) -> None:
        self._limits = limits or {}
        self._lanes = tuple(_Lane() for _ in Priority)
        self._waiting: dict[Key, Priority] = {}
        self._busy: dict[Key, Priority] = {}
        self._in_hands = dict.fromkeys(Priority, 0)
        self._again: dict[Key, Priority] = {}
        self._takers: deque[asyncio.Future[None]] = deque()
        self._delayed: dict[Key, asyncio.TimerHandle] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits and nobody works."""
        return not self._waiting and not self._busy

    def put(self, key: Key, priority: Priority) -> None:
        """Ask for a key to be worked on."""
        if key in self._busy:
            self._again[key] = min(priority, self._again.get(key, priority))
            return
        present = self._waiting.get(key)
        if present is not None and present <= priority:
            return
        # Its place in a less urgent lane, if it has one, goes stale and is skipped when its turn comes.
        self._waiting[key] = priority
        self._lanes[priority].put(key)
        self._wake_one()

    def put_later(self, key: Key, priority: Priority, seconds: float) -> None:
        """Ask for a key to be worked on after a while; replaces an earlier such wish for the key."""
        self._forget_delay(key)
        loop = asyncio.get_running_loop()
        self._delayed[key] = loop.call_later(seconds, self._put_delayed, key, priority)

    async def take(self) -> tuple[Key, Priority]:
        """Wait for a key and take it; `done` must be called for it."""
        while True:
            for priority, lane in zip(Priority, self._lanes, strict=True):
                if self._is_at_limit(priority):
                    continue
                key = lane.take(self._waiting, priority)
                if key is not None:
                    del self._waiting[key]
                    self._busy[key] = priority
                    self._in_hands[priority] += 1
                    return key, priority
            taker = asyncio.get_running_loop().create_future()
            self._takers.append(taker)
            try:
                await taker
            except asyncio.CancelledError:
                self._pass_on(taker)
                raise

    def done(self, key: Key) -> None:
        """Say that the work on a key that was taken has ended."""
        priority = self._busy.pop(key)
        was_at_limit = self._is_at_limit(priority)
        self._in_hands[priority] -= 1
        again = self._again.pop(key, None)
        if again is not None:
            self.put(key, again)
        if was_at_limit:
            # Somebody may wait because of it.
            self._wake_one()

    def close(self) -> None:
        """Drop the timers of delayed keys."""
        for key in list(self._delayed):
            self._forget_delay(key)

    def _is_at_limit(self, priority: Priority) -> bool:
        limit = self._limits.get(priority)
        return limit is not None and self._in_hands[priority] >= limit

    def _put_delayed(self, key: Key, priority: Priority) -> None:
        self._delayed.pop(key, None)
        self.put(key, priority)

    def _forget_delay(self, key: Key) -> None:
        handle = self._delayed.pop(key, None)
        if handle is not None:
            handle.cancel()

    def _wake_one(self) -> None:
        while self._takers:
            taker = self._takers.popleft()
            if not taker.done():
                taker.set_result(None)
                return

    def _pass_on(self, taker: asyncio.Future[None]) -> None:
        """A taker that was cancelled right after it was woken must not keep the wake-up to itself."""
        if taker.done() and not taker.cancelled():
            self._wake_one()
        elif taker in self._takers:
            self._takers.remove(taker)


class _Lane:
    """Keys of one priority: a ring of namespaces, each with its own line."""

    def __init__(self) -> None:
        self._ring: OrderedDict[str, deque[Key]] = OrderedDict()

    def put(self, key: Key) -> None:
        self._ring.setdefault(key.namespace, deque()).append(key)

    def take(self, waiting: Mapping[Key, Priority], priority: Priority) -> Key | None:
        """The next key that still waits here and not at a more urgent place."""
        while self._ring:
            namespace, line = next(iter(self._ring.items()))
            key = line.popleft()
            if line:
                self._ring.move_to_end(namespace)
            else:
                del self._ring[namespace]
            if waiting.get(key) is priority:
                return key
        return None
