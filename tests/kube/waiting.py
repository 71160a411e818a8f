"""Waiting for what will be, without guessing how long it takes; and time that stands still."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


async def until(condition: Callable[[], object], seconds: float = 20.0) -> None:
    """Return as soon as the condition holds; fail if it does not within these seconds."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - the conditions are of all kinds, with no event
            await asyncio.sleep(0.005)


@dataclass
class FakeTime:
    """A clock, of the day and monotonic, that moves when it is told to."""

    instant: datetime = datetime(2030, 1, 1, tzinfo=UTC)
    seconds: float = 1000.0

    def now(self) -> datetime:
        return self.instant

    def elapsed(self) -> float:
        return self.seconds

    def advance(self, seconds: float) -> None:
        self.seconds += seconds
        self.instant += timedelta(seconds=seconds)
