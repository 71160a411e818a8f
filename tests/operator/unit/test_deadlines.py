"""One heap of moments: each key once, on time, replaced and forgotten as asked."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from kube.waiting import FakeTime, until
from lifecycle.build import NOW
from mintmaster.operator.deadlines import Deadlines

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import datetime


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


@asynccontextmanager
async def running(deadlines: Deadlines[str]) -> AsyncIterator[None]:
    task = asyncio.create_task(deadlines.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def made(clock: FakeTime) -> tuple[Deadlines[str], list[str]]:
    due: list[str] = []
    # The clock is looked at often, since nothing tells when a test has moved it.
    return Deadlines(clock, due.append, max_sleep=0.001), due


async def test_keys_come_out_in_the_order_of_their_moments(clock: FakeTime) -> None:
    deadlines, due = made(clock)
    for key, seconds in (("c", 30), ("a", 10), ("b", 20), ("d", 40)):
        deadlines.set(key, at(seconds))
    async with running(deadlines):
        clock.advance(30)
        await until(lambda: len(due) == 3)

    assert due == ["a", "b", "c"]
    assert len(deadlines) == 1


async def test_nothing_comes_before_its_moment(clock: FakeTime) -> None:
    deadlines, due = made(clock)
    deadlines.set("a", at(10))
    deadlines.set("marker", at(5))
    clock.advance(9.999)
    async with running(deadlines):
        await until(lambda: len(due) == 1)

    assert due == ["marker"]


async def test_what_is_past_already_comes_at_once(clock: FakeTime) -> None:
    deadlines, due = made(clock)
    deadlines.set("a", at(-1000))
    async with running(deadlines):
        await until(lambda: len(due) == 1)

    assert (due, len(deadlines)) == (["a"], 0)


async def test_a_later_moment_replaces_an_earlier_one_and_the_other_way_round(
    clock: FakeTime,
) -> None:
    deadlines, due = made(clock)
    deadlines.set("moved back", at(10))
    deadlines.set("moved back", at(100))
    deadlines.set("moved up", at(100))
    deadlines.set("moved up", at(20))
    clock.advance(50)
    async with running(deadlines):
        await until(lambda: len(due) == 1)
        assert due == ["moved up"]
        clock.advance(50)
        await until(lambda: len(due) == 2)

    assert due == ["moved up", "moved back"]


async def test_forgotten_keys_do_not_come(clock: FakeTime) -> None:
    deadlines, due = made(clock)
    for key in ("forgotten", "unset", "kept"):
        deadlines.set(key, at(10))
    deadlines.forget("forgotten")
    deadlines.forget("never there")
    deadlines.set("unset", None)
    clock.advance(10)
    async with running(deadlines):
        await until(lambda: len(due) == 1)

    assert (due, len(deadlines)) == (["kept"], 0)


async def test_an_earlier_moment_that_is_set_meanwhile_ends_a_long_sleep(clock: FakeTime) -> None:
    due: list[str] = []
    deadlines = Deadlines(clock, due.append, max_sleep=3600)
    deadlines.set("far", at(3000))
    async with running(deadlines):
        await asyncio.sleep(0)
        deadlines.set("near", at(-1))
        await until(lambda: len(due) == 1)

    assert due == ["near"]


async def test_a_key_may_be_set_anew_as_it_comes(clock: FakeTime) -> None:
    due: list[str] = []

    def again(key: str) -> None:
        due.append(key)
        if len(due) < 3:
            deadlines.set(key, at(-1))

    deadlines = Deadlines(clock, again, max_sleep=0.001)
    deadlines.set("a", at(-1))
    async with running(deadlines):
        await until(lambda: len(due) == 3)

    assert due == ["a"] * 3


def test_moments_that_are_set_over_and_over_do_not_pile_up() -> None:
    deadlines = Deadlines[str](FakeTime(instant=NOW), lambda _: None)
    for number in range(10_000):
        deadlines.set(f"key-{number % 10}", at(number))

    assert len(deadlines) == 10
    assert len(deadlines._heap) <= 64 + 1


MOMENTS = st.lists(
    st.tuples(st.sampled_from("abcdef"), st.none() | st.integers(-100, 100)), max_size=150
)


@given(MOMENTS)
def test_just_those_come_whose_last_moment_has_come(moments: list[tuple[str, int | None]]) -> None:
    due: list[str] = []
    deadlines = Deadlines[str](FakeTime(instant=NOW), due.append)
    last: dict[str, int | None] = {}
    for key, seconds in moments:
        deadlines.set(key, at(seconds) if seconds is not None else None)
        last[key] = seconds

    deadlines._hand_out()

    expected = {key for key, seconds in last.items() if seconds is not None and seconds <= 0}
    assert sorted(due) == sorted(expected)
    assert len(deadlines) == sum(seconds is not None and seconds > 0 for seconds in last.values())
