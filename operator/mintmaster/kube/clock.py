"""What time it is here, what time it is at the API server, and how far that is apart."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["MAX_SKEW", "Clock", "Skew", "SystemClock", "elapsed_seconds"]

MAX_SKEW = timedelta(seconds=30)
"""Beyond this distance from the API server's clock nothing may be minted."""

_RESOLUTION = timedelta(seconds=1)
"""Of the `Date` header (RFC 9110, section 5.6.7)."""


class Clock(Protocol):
    """Where the time of day comes from."""

    def now(self) -> datetime:
        """Return the present instant, in UTC."""
        ...


class SystemClock:
    """The clock of this machine."""

    def now(self) -> datetime:
        """Return the present instant, in UTC."""
        return datetime.now(UTC)


def elapsed_seconds() -> float:
    """Return seconds on a clock that never steps and that runs on while the machine sleeps.

    CLOCK_MONOTONIC stands still during a suspend, and a leader that slept past its Lease would
    wake up believing in it. Where there is no CLOCK_BOOTTIME the monotonic clock has to do.
    """
    if sys.platform == "linux":
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


class Skew:
    """How far the local clock is from the API server's, as its answers tell, and as it has been set since.

    An answer with `Date: d` was made between the sending of the request and the coming of the
    answer, at a server's time within [d, d + 1 s). Only the part of the distance that this
    interval does not explain counts. Between two answers `elapsed`, which never steps, shows a clock that was set:
    a jump must be known before the next decision, not after the next request.
    """

    def __init__(
        self,
        clock: Clock,
        limit: timedelta = MAX_SKEW,
        *,
        elapsed: Callable[[], float] = elapsed_seconds,
    ) -> None:
        self._clock = clock
        self._limit = limit
        self._elapsed = elapsed
        self._header = ""
        self._distance = timedelta()
        self._offset = self._clock_offset()

    @property
    def seconds(self) -> float:
        """The least distance that explains the last answer; positive: the local clock is ahead."""
        return self._present_distance().total_seconds()

    @property
    def exceeded(self) -> bool:
        """Whether the clocks are too far apart to mint."""
        return abs(self._present_distance()) > self._limit

    def observe(self, date_header: str, elapsed: float = 0.0) -> None:
        """Take the `Date` of an answer that came `elapsed` seconds after its request was sent.

        A header equal to the last one says nothing new; one that is no date is ignored, as
        proxies on the way may write what they like.
        """
        if date_header == self._header:
            return
        self._header = date_header
        try:
            earliest = parsedate_to_datetime(date_header)
        except ValueError:
            return
        if earliest.tzinfo is None:
            earliest = earliest.replace(tzinfo=UTC)
        latest = earliest + _RESOLUTION + timedelta(seconds=elapsed)
        self._distance = _distance(self._clock.now(), earliest, latest)
        self._offset = self._clock_offset()

    def _present_distance(self) -> timedelta:
        # Whole seconds: what is less comes from reading two clocks one after the other.
        set_since = round(self._clock_offset() - self._offset)
        return self._distance + timedelta(seconds=set_since)

    def _clock_offset(self) -> float:
        """Seconds from the clock that never steps to the one that may be set; constant while nobody sets it."""
        return self._clock.now().timestamp() - self._elapsed()


def _distance(now: datetime, earliest: datetime, latest: datetime) -> timedelta:
    if now < earliest:
        return now - earliest
    return max(now - latest, timedelta())
