"""Remembering answers for a short time, and asking each question once at a time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable

T = TypeVar("T")

_BURST_SECONDS = 4.0
"""How many seconds' worth an allowance holds: restarts of many callers at a time are no attack."""


class Overloaded(Exception):
    """Too many questions are being asked already."""


class Remembered(Generic[T]):
    """Answers by question. `lasts` says for how many seconds an answer is good; `max_asking` may be asked at a time."""

    def __init__(
        self,
        *,
        lasts: Callable[[T], float],
        size: int,
        max_asking: int,
        monotonic: Callable[[], float],
    ) -> None:
        self._lasts = lasts
        self._size = size
        self._max_asking = max_asking
        self._monotonic = monotonic
        self._answers: dict[Hashable, tuple[float, T]] = {}
        self._asking: dict[Hashable, asyncio.Task[T]] = {}

    def get(self, question: Hashable) -> T | None:
        """The answer, if it is still good."""
        known = self._answers.get(question)
        return known[1] if known is not None and self._monotonic() < known[0] else None

    async def ask(self, question: Hashable, ask: Callable[[], Awaitable[T]]) -> T:
        """The answer, asked for if need be. Raises Overloaded, and whatever `ask` raises."""
        known = self.get(question)
        if known is not None:
            return known
        task = self._asking.get(question)
        if task is None:
            if len(self._asking) >= self._max_asking:
                raise Overloaded
            task = asyncio.ensure_future(self._asked(question, ask))
            self._asking[question] = task
            task.add_done_callback(lambda _: self._asking.pop(question, None))
        # The question is others', too: one caller that goes away must not take the answer along.
        return await asyncio.shield(task)

    async def _asked(self, question: Hashable, ask: Callable[[], Awaitable[T]]) -> T:
        answer = await ask()
        self._answers.pop(question, None)
        self._answers[question] = (self._monotonic() + self._lasts(answer), answer)
        if len(self._answers) > self._size:
            del self._answers[next(iter(self._answers))]
        return answer


class Allowance:
    """How many failures strangers may cause: a bucket that fills with time (token bucket)."""

    def __init__(self, per_second: float, monotonic: Callable[[], float]) -> None:
        self._per_second = per_second
        self._monotonic = monotonic
        self._left = per_second * _BURST_SECONDS
        self._counted = monotonic()

    @property
    def spent(self) -> bool:
        """Whether nothing is left now."""
        return self._filled() < 1

    def take(self) -> None:
        """Count a failure."""
        self._left = self._filled() - 1

    def _filled(self) -> float:
        now = self._monotonic()
        since, self._counted = now - self._counted, now
        self._left = min(self._per_second * _BURST_SECONDS, self._left + since * self._per_second)
        return self._left
