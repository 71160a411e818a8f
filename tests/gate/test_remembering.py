"""What gates remember of the API server's answers about callers: for seconds, and so many."""

from __future__ import annotations

import asyncio

import pytest

from kube.waiting import FakeTime
from mintmaster.gate.remembering import Allowance, Overloaded, Remembered


class Oracle:
    """Answers when it is let."""

    def __init__(self) -> None:
        self.asked = 0
        self.open = asyncio.Event()

    async def __call__(self) -> int:
        self.asked += 1
        await self.open.wait()
        return self.asked


def remembered(time: FakeTime, *, size: int = 10, max_asking: int = 10) -> Remembered[int]:
    return Remembered(
        lasts=float,
        size=size,
        max_asking=max_asking,
        monotonic=time.elapsed,
    )


async def test_an_answer_is_good_for_as_long_as_it_lasts() -> None:
    time, oracle = FakeTime(), Oracle()
    oracle.open.set()
    answers = remembered(time)
    assert await answers.ask("a", oracle) == 1
    time.advance(0.9)
    assert await answers.ask("a", oracle) == 1
    time.advance(0.1)
    assert answers.get("a") is None
    assert await answers.ask("a", oracle) == 2


async def test_a_question_is_asked_once_for_all_who_ask_and_outlives_one_who_goes() -> None:
    oracle = Oracle()
    answers = remembered(FakeTime())
    askers = [asyncio.create_task(answers.ask("a", oracle)) for _ in range(5)]
    await asyncio.sleep(0)
    askers[0].cancel()
    oracle.open.set()
    assert await asyncio.gather(*askers[1:]) == [1, 1, 1, 1]


async def test_no_more_than_so_many_questions_are_asked_at_a_time() -> None:
    oracle = Oracle()
    answers = remembered(FakeTime(), max_asking=1)
    first = asyncio.create_task(answers.ask("a", oracle))
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        await answers.ask("b", oracle)
    oracle.open.set()
    assert await first == 1
    assert await answers.ask("b", oracle) == 2


async def test_the_oldest_answer_makes_room() -> None:
    oracle = Oracle()
    oracle.open.set()
    answers = remembered(FakeTime(), size=2)
    for question in "abc":
        await answers.ask(question, oracle)
    assert [answers.get(question) is None for question in "abc"] == [True, False, False]


def test_an_allowance_is_spent_and_fills_again() -> None:
    time = FakeTime()
    allowance = Allowance(2.0, time.elapsed)
    for _ in range(8):
        assert not allowance.spent
        allowance.take()
    assert allowance.spent
    time.advance(0.5)
    assert not allowance.spent
    time.advance(1000)
    for _ in range(8):
        allowance.take()
    assert allowance.spent
