"""What was merely listed waits until the list has been handed over, and not for ever."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from mintmaster.operator.holdback import LONGEST_SECONDS, QUIET_SECONDS, Holdback
from mintmaster.operator.queue import FairQueue, Key, Priority

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class SettableLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock the test moves."""

    def __init__(self) -> None:
        super().__init__()
        self.offset = 0.0

    def time(self) -> float:
        return self.offset

    def advance(self, seconds: float) -> None:
        """Move the clock, and run what is due then."""
        self.offset += seconds
        for _ in range(3):
            self.call_soon(self.stop)
            self.run_forever()


@pytest.fixture
def loop() -> Iterator[SettableLoop]:
    loop = SettableLoop()
    yield loop
    loop.close()


@pytest.fixture
def queue() -> FairQueue:
    return FairQueue()


@pytest.fixture
def put(loop: SettableLoop, queue: FairQueue) -> Callable[[str], None]:
    holdback = Holdback(queue)

    def put(name: str) -> None:
        loop.call_soon(holdback.put, Key("UserAccessToken", "team", name))
        loop.advance(0)

    return put


def test_listed_resources_are_looked_at_when_no_more_of_them_come(
    loop: SettableLoop, queue: FairQueue, put: Callable[[str], None]
) -> None:
    for name in ("one", "two", "one"):
        put(name)
        loop.advance(QUIET_SECONDS * 0.9)
    assert len(queue) == 0
    loop.advance(QUIET_SECONDS * 0.2)
    assert len(queue) == 2
    assert loop.run_until_complete(queue.take()) == (
        Key("UserAccessToken", "team", "one"),
        Priority.RESYNC,
    )


def test_a_list_that_never_ends_holds_nothing_back_for_longer_than_it_may(
    loop: SettableLoop, queue: FairQueue, put: Callable[[str], None]
) -> None:
    step = QUIET_SECONDS / 2
    put("first")
    for number in range(int(LONGEST_SECONDS / step) - 1):
        loop.advance(step)
        put(str(number))
    assert len(queue) == 0
    loop.advance(step)
    assert len(queue) > 0


def test_the_next_list_is_held_back_anew(
    loop: SettableLoop, queue: FairQueue, put: Callable[[str], None]
) -> None:
    put("one")
    loop.advance(QUIET_SECONDS)
    assert len(queue) == 1
    put("two")
    assert len(queue) == 1
    loop.advance(QUIET_SECONDS)
    assert len(queue) == 2


def test_nothing_comes_after_the_end(loop: SettableLoop, queue: FairQueue) -> None:
    holdback = Holdback(queue)
    loop.call_soon(holdback.put, Key("UserAccessToken", "team", "one"))
    loop.advance(0)
    holdback.close()
    loop.advance(LONGEST_SECONDS)
    assert len(queue) == 0
