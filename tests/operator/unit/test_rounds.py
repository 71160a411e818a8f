"""Going round: each resource has its turn once in an interval, whenever it came, and the turns are spread."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import asynccontextmanager
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from kube.waiting import FakeTime
from lifecycle.build import NOW
from mintmaster.operator.queue import Key
from mintmaster.operator.rounds import Rounds

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

INTERVAL = timedelta(minutes=10)
STEP = 5.0
"""Seconds by which the clock moves at a time."""


class Looks:
    """Who is told whose turn it is, and knows which resources there are."""

    def __init__(self, clock: FakeTime) -> None:
        self.clock = clock
        self.gone: set[Key] = set()
        self.at: dict[Key, list[float]] = {}

    def look(self, key: Key) -> bool:
        if key in self.gone:
            return False
        self.at.setdefault(key, []).append(self.clock.seconds)
        return True


def key(name: str) -> Key:
    return Key("RunnerRegistration", "team", name)


@asynccontextmanager
async def going(rounds: Rounds) -> AsyncIterator[None]:
    task = asyncio.create_task(rounds.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def passing(clock: FakeTime, rounds: Rounds, by: timedelta) -> None:
    """Let time pass, step by step."""
    for _ in range(int(by.total_seconds() / STEP)):
        clock.advance(STEP)
        rounds.recheck()
        for _ in range(3):
            await asyncio.sleep(0)


async def test_each_has_its_turn_once_in_an_interval(clock: FakeTime) -> None:
    looks = Looks(clock)
    rounds = Rounds(clock, INTERVAL, looks.look)
    keys = [key(f"runner-{number}") for number in range(200)]
    async with going(rounds):
        for it in keys:
            rounds.include(it)
            rounds.include(it)
        await passing(clock, rounds, 3 * INTERVAL)
    assert {len(looks.at[it]) for it in keys} == {3}
    gaps = {b - a for times in looks.at.values() for a, b in pairwise(times)}
    assert max(gaps) <= INTERVAL.total_seconds() + STEP
    per_minute = Counter(int(times[0] // 60) for times in looks.at.values())
    assert max(per_minute.values()) < 60, "the turns are not spread"


@given(st.text(min_size=1), st.floats(0, 10_000))
def test_the_first_turn_is_an_interval_away_at_the_most(name: str, after: float) -> None:
    clock = FakeTime(instant=NOW + timedelta(seconds=after))
    rounds = Rounds(clock, INTERVAL, lambda _: True)
    wait = rounds._next_turn(key(name)) - clock.now()
    assert timedelta() < wait <= INTERVAL + timedelta(milliseconds=1)


async def test_what_is_gone_has_no_further_turn(clock: FakeTime) -> None:
    looks = Looks(clock)
    rounds = Rounds(clock, INTERVAL, looks.look)
    async with going(rounds):
        rounds.include(key("runner"))
        await passing(clock, rounds, INTERVAL)
        looks.gone.add(key("runner"))
        await passing(clock, rounds, INTERVAL)
        looks.gone.clear()
        await passing(clock, rounds, 2 * INTERVAL)
        assert len(looks.at[key("runner")]) == 1
        rounds.include(key("runner"))
        await passing(clock, rounds, INTERVAL)
    assert len(looks.at[key("runner")]) == 2


def test_a_turn_lasts_until_it_was_taken(clock: FakeTime) -> None:
    rounds = Rounds(clock, INTERVAL, lambda _: True)
    rounds.include(key("runner"))
    assert not rounds.is_turn_of(key("runner"))
    rounds.all_at_once()
    assert rounds.is_turn_of(key("runner"))
    rounds.done(key("runner"))
    assert not rounds.is_turn_of(key("runner"))
