"""When a soak calls a series flat."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from benchmarks.soak.trend import BLOCKS, TooShort, trend
from hypothesis import given
from hypothesis import strategies as st

if TYPE_CHECKING:
    from benchmarks.soak.trend import Sample

VALUES = st.floats(-1e9, 1e9)


def line(
    per_hour: float, *, start: float = 100.0, noise: float = 0.0, count: int = 240
) -> list[Sample]:
    """Samples of a quarter of an hour."""
    dice = random.Random(7)
    hours = [0.25 * number / count for number in range(count)]
    return [(it, start + per_hour * it + dice.gauss(0, noise)) for it in hours]


@given(VALUES, st.floats(-1e6, 1e6))
def test_a_line_is_found_as_it_is(start: float, per_hour: float) -> None:
    found = trend(line(per_hour, start=start))
    assert found.per_hour == pytest.approx(per_hour, abs=1e-3, rel=1e-3)
    assert found.spread == pytest.approx(0, abs=1e-3)


@given(VALUES)
def test_what_never_changes_is_flat(value: float) -> None:
    samples = [(number / 100, value) for number in range(100)]
    assert trend(samples).is_flat(1e-3)


def test_what_grows_more_than_is_allowed_is_not_flat() -> None:
    assert not trend(line(30, noise=1)).is_flat(5)
    assert trend(line(30, noise=1)).is_flat(50)


def test_what_shrinks_is_flat() -> None:
    assert trend(line(-1000)).is_flat(0)


def test_noise_alone_is_no_growth() -> None:
    found = trend(line(0, noise=3))
    assert found.spread > 0
    assert found.is_flat(1)


def test_a_leak_shows_through_the_noise() -> None:
    """A megabyte a minute, in samples that differ by three."""
    assert not trend(line(60, noise=3)).is_flat(10)


@given(st.permutations(line(5, noise=1, count=48)))
def test_the_order_of_the_samples_does_not_matter(samples: list[Sample]) -> None:
    assert trend(samples) == trend(sorted(samples))


@given(st.integers(0, 2 * BLOCKS - 1))
def test_too_few_samples_are_no_trend(count: int) -> None:
    with pytest.raises(TooShort, match=f"{count} samples"):
        trend(line(0, count=count) if count else [])
