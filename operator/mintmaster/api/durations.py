"""Durations as they stand in specs: `1h30m`, hours, minutes and seconds, compared by value."""

import re
from datetime import timedelta
from functools import lru_cache
from typing import Final

DURATION_PATTERN: Final = "^([0-9]{1,5}h)?([0-9]{1,5}m)?([0-9]{1,5}s)?$"
"""What the CRDs accept, too; it matches the empty string, which `parse` and the CRDs refuse."""

MAX_DURATION_LENGTH: Final = len("99999h99999m99999s")
"""Longest text that the pattern matches, in characters."""

_DURATION = re.compile(DURATION_PATTERN.removesuffix("$"), re.ASCII)


@lru_cache(maxsize=1024)
def parse(text: str) -> timedelta:
    """Read a duration such as `720h` or `1h30m`; ValueError names the rule that is broken."""
    # fullmatch, since `$` alone would let a trailing newline pass.
    match = _DURATION.fullmatch(text)
    if match is None or not text:
        raise ValueError(
            f"{text[:32]!r} is not a duration: write hours, minutes and seconds in this order, "
            "each at most once and with at most 5 digits, as in 720h, 1h30m or 90s"
        )
    hours, minutes, seconds = (int(part[:-1]) if part else 0 for part in match.groups())
    return timedelta(hours=hours, minutes=minutes, seconds=seconds)


def format(duration: timedelta) -> str:  # noqa: A001 - read as durations.format, beside durations.parse
    """Write a duration in the form that `parse` reads, in the largest units; `0s` for none.

    Raises ValueError for what the form cannot say: negative durations, fractions of a second, and
    100,000 hours or more.
    """
    total = duration // timedelta(seconds=1)
    if duration % timedelta(seconds=1) or not 0 <= total < 100_000 * 3600:
        raise ValueError(f"{duration!r} cannot be written as hours, minutes and seconds")
    minutes, seconds = divmod(total, 60)
    hours, minutes = divmod(minutes, 60)
    parts = (f"{hours}h" if hours else "", f"{minutes}m" if minutes else "")
    return "".join((*parts, f"{seconds}s" if seconds else "")) or "0s"
