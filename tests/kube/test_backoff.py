"""Delays between attempts."""

from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from mintmaster.kube.backoff import Backoff


@given(first=st.floats(0.001, 10), cap=st.floats(10, 1000), length=st.integers(1, 200))
def test_never_ends_and_never_exceeds_the_cap(first: float, cap: float, length: int) -> None:
    delays = list(islice(Backoff(first=first, cap=cap), length))
    assert len(delays) == length
    assert all(first / 2 <= delay <= cap for delay in delays)


def test_doubles_up_to_the_cap() -> None:
    longest = Backoff(first=1, cap=6, uniform=lambda _, high: high)
    assert list(islice(longest, 5)) == [1, 2, 4, 6, 6]


def test_jitter_stays_in_the_upper_half_of_a_step() -> None:
    shortest = Backoff(first=1, cap=6, uniform=lambda low, _: low)
    assert list(islice(shortest, 4)) == [0.5, 1, 2, 3]


def test_each_iteration_starts_anew() -> None:
    backoff = Backoff(first=1, uniform=lambda _, high: high)
    assert list(islice(backoff, 3)) == list(islice(backoff, 3))


def test_has_no_length_which_kopf_would_take_for_an_end() -> None:
    assert not hasattr(Backoff(), "__len__")
