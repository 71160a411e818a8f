"""How far the local clock is from the API server's."""

from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime

import pytest

from kube.waiting import FakeTime
from mintmaster.kube.clock import Skew, SystemClock, elapsed_seconds


def date(time: FakeTime, behind: float) -> str:
    """Write the header of a server whose clock is that many seconds behind ours."""
    return format_datetime((time.now() - timedelta(seconds=behind)).astimezone(UTC), usegmt=True)


@pytest.mark.parametrize(
    ("behind", "expected"),
    [
        pytest.param(0, 0, id="the same second"),
        pytest.param(1, 0, id="the end of the second that the header names"),
        pytest.param(11, 10, id="we are ahead"),
        pytest.param(-10, -10, id="we are behind"),
    ],
)
def test_only_what_the_resolution_of_the_header_does_not_explain_counts(
    time: FakeTime, behind: float, expected: float
) -> None:
    skew = Skew(time)
    skew.observe(date(time, behind))
    assert skew.seconds == expected
    assert not skew.exceeded


@pytest.mark.parametrize("behind", [32, -31])
def test_more_than_thirty_seconds_apart_is_too_much(time: FakeTime, behind: float) -> None:
    skew = Skew(time)
    skew.observe(date(time, behind))
    assert skew.exceeded


def test_an_answer_that_was_long_on_its_way_is_no_skew(time: FakeTime) -> None:
    skew = Skew(time)
    skew.observe(date(time, 45), elapsed=45)
    assert skew.seconds == 0


def test_a_clock_set_right_is_seen_with_the_next_answer(time: FakeTime) -> None:
    skew = Skew(time)
    skew.observe(date(time, 3600))
    assert skew.exceeded
    time.advance(-3599)  # and a second has passed for the server
    skew.observe(date(time, 0))
    assert skew.seconds == 0


@pytest.mark.parametrize("seconds", [86400, -86400])
def test_a_clock_that_is_set_is_seen_without_an_answer(time: FakeTime, seconds: float) -> None:
    skew = Skew(time, elapsed=time.elapsed)
    skew.observe(date(time, 0))
    time.instant += timedelta(seconds=seconds)
    assert skew.seconds == seconds
    assert skew.exceeded
    time.instant -= timedelta(seconds=seconds)
    assert not skew.exceeded


def test_the_time_between_two_answers_is_no_jump(time: FakeTime) -> None:
    skew = Skew(time, elapsed=time.elapsed)
    skew.observe(date(time, 0))
    time.advance(3600)
    assert skew.seconds == 0


def test_an_unchanged_header_says_nothing_new(time: FakeTime) -> None:
    skew = Skew(time, elapsed=time.elapsed)
    header = date(time, 0)
    skew.observe(header)
    time.advance(100)
    skew.observe(header)
    assert skew.seconds == 0


@pytest.mark.parametrize("header", ["yesterday", "", "Tue, 99 Foo 2030 00:00:00 GMT"])
def test_what_is_no_date_is_ignored(time: FakeTime, header: str) -> None:
    skew = Skew(time)
    skew.observe(date(time, 20))
    skew.observe(header)
    assert skew.seconds == 19


def test_a_date_without_a_zone_is_utc(time: FakeTime) -> None:
    skew = Skew(time)
    skew.observe("Tue, 01 Jan 2030 00:00:10 -0000")
    assert skew.seconds == -10


def test_the_system_clock_is_in_utc() -> None:
    now = SystemClock().now()
    assert now.tzinfo is UTC
    assert now.astimezone(timezone(timedelta(hours=3))) == now
    assert now > datetime(2024, 1, 1, tzinfo=UTC)


def test_elapsed_seconds_never_run_backwards() -> None:
    readings = [elapsed_seconds() for _ in range(100)]
    assert readings == sorted(readings)
