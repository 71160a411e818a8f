"""Durations: exactly the pattern of the CRDs, compared by value."""

import re
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mintmaster.api import durations

LONGEST = timedelta(hours=99_999, minutes=59, seconds=59)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0s", 0),
        ("90s", 90),
        ("5m", 300),
        ("60m", 3600),
        ("1h", 3600),
        ("1h30m", 5400),
        ("720h", 720 * 3600),
        ("00001h00000m00001s", 3601),
        ("99999h99999m99999s", 99_999 * 3661),
    ],
)
def test_reads_hours_minutes_and_seconds(text: str, seconds: int) -> None:
    assert durations.parse(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text",
    ["", "0", "-1", "-1h", "1e9h", "30d", "P1D", "1 day", "1h 30m", "30m1h", "1h1h", "1.5h", "1H",
     "100000h", "1h\n", "\n", " 1h", "h", "\u0661h", "1ms", "1h30"],
)  # fmt: skip
def test_refuses_anything_else_and_says_what_is_right(text: str) -> None:
    with pytest.raises(ValueError, match="hours, minutes and seconds in this order"):
        durations.parse(text)


@given(st.one_of(st.text(alphabet="0123456789hms\n-. d", max_size=20), st.text()))
def test_reads_what_the_pattern_matches_and_nothing_else(text: str) -> None:
    # \Z, since the API server's regular expressions (RE2) take `$` for the very end.
    matches = bool(text) and re.match(durations.DURATION_PATTERN[:-1] + r"\Z", text, re.ASCII)
    try:
        durations.parse(text)
    except ValueError:
        assert not matches
    else:
        assert matches


@given(st.integers(0, int(LONGEST.total_seconds())))
def test_what_is_written_is_read_as_the_same_value(seconds: int) -> None:
    duration = timedelta(seconds=seconds)

    assert durations.parse(durations.format(duration)) == duration


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (timedelta(), "0s"),
        (timedelta(minutes=5), "5m"),
        (timedelta(hours=1, seconds=1), "1h1s"),
        (timedelta(days=30), "720h"),
        (LONGEST, "99999h59m59s"),
    ],
)
def test_writes_the_largest_units_that_fit(duration: timedelta, text: str) -> None:
    assert durations.format(duration) == text


@pytest.mark.parametrize(
    "duration",
    [timedelta(seconds=-1), timedelta(milliseconds=1), LONGEST + timedelta(seconds=1)],
)
def test_refuses_to_write_what_it_could_not_read(duration: timedelta) -> None:
    with pytest.raises(ValueError, match="cannot be written"):
        durations.format(duration)
