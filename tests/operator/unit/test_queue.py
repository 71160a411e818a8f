"""The work queue: no key twice, no key in two hands, no namespace that starves, no wake-up lost."""

from __future__ import annotations

import asyncio
from collections import Counter
from random import Random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kube.waiting import until
from mintmaster.operator.queue import FairQueue, Key, Priority

if TYPE_CHECKING:
    from collections.abc import Iterable

EDIT, RENEWAL, RESYNC = Priority.EDIT, Priority.RENEWAL, Priority.RESYNC


def key(name: str, namespace: str = "team") -> Key:
    return Key("UserAccessToken", namespace, name)


async def drained(queue: FairQueue) -> list[tuple[Key, Priority]]:
    taken = []
    while len(queue):
        found = await queue.take()
        queue.done(found[0])
        taken.append(found)
    return taken


async def names(queue: FairQueue) -> list[str]:
    return [found.name for found, _ in await drained(queue)]


def put_all(queue: FairQueue, keys: Iterable[Key], priority: Priority = EDIT) -> None:
    for each in keys:
        queue.put(each, priority)


async def yield_to_others() -> None:
    """Let everything run that is ready to."""
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        (key("laptop"), "UserAccessToken team/laptop"),
        (Key("TokenIssuer", "", "default"), "TokenIssuer default"),
    ],
)
def test_keys_read_as_people_write_them(shown: Key, text: str) -> None:
    assert str(shown) == text


async def test_a_key_that_is_put_again_stays_once() -> None:
    queue = FairQueue()
    put_all(queue, [key("a"), key("b"), key("a")])

    assert len(queue) == 2
    assert await names(queue) == ["a", "b"]


async def test_the_more_urgent_go_first() -> None:
    queue = FairQueue()
    for priority in reversed(Priority):
        queue.put(key(priority.name), priority)

    assert await names(queue) == [priority.name for priority in Priority]


async def test_a_key_is_taken_at_the_most_urgent_of_its_priorities() -> None:
    queue = FairQueue()
    put_all(queue, [key("a"), key("b")], RESYNC)
    queue.put(key("b"), EDIT)
    queue.put(key("b"), RESYNC)

    assert await drained(queue) == [(key("b"), EDIT), (key("a"), RESYNC)]


async def test_namespaces_take_turns_however_much_one_of_them_wants() -> None:
    queue = FairQueue()
    put_all(queue, (key(str(number), "flood") for number in range(1000)))
    put_all(queue, [key("only", "small"), key("first", "other"), key("second", "other")])

    taken = [found.namespace for found, _ in await drained(queue)]

    assert taken[:5] == ["flood", "small", "other", "flood", "other"]
    assert Counter(taken) == {"flood": 1000, "small": 1, "other": 2}


async def test_ten_floods_do_not_keep_one_waiting() -> None:
    queue = FairQueue()
    for flood in range(10):
        put_all(queue, (key(str(number), f"flood-{flood}") for number in range(1000)))
    queue.put(key("only", "small"), EDIT)

    taken = [(await queue.take())[0].namespace for _ in range(11)]

    assert "small" in taken


async def test_a_key_at_work_is_handed_out_again_afterwards_and_once() -> None:
    queue = FairQueue()
    queue.put(key("a"), EDIT)
    await queue.take()
    queue.put(key("a"), RESYNC)
    queue.put(key("a"), RENEWAL)
    queue.put(key("a"), RESYNC)
    assert len(queue) == 0

    queue.done(key("a"))

    assert await drained(queue) == [(key("a"), RENEWAL)]
    assert queue.is_idle


async def test_idle_means_that_nothing_waits_and_nobody_works() -> None:
    queue = FairQueue()
    assert queue.is_idle
    queue.put(key("a"), EDIT)
    assert not queue.is_idle
    await queue.take()
    assert not queue.is_idle
    queue.done(key("a"))
    assert queue.is_idle


async def test_a_taker_waits_until_something_is_put() -> None:
    queue = FairQueue()
    taker = asyncio.create_task(queue.take())
    await yield_to_others()
    assert not taker.done()

    queue.put(key("a"), EDIT)

    assert await taker == (key("a"), EDIT)


async def test_a_taker_that_is_cancelled_while_it_waits_takes_nothing_along() -> None:
    queue = FairQueue()
    leaving, staying = (asyncio.create_task(queue.take()) for _ in range(2))
    await yield_to_others()
    leaving.cancel()
    await yield_to_others()

    queue.put(key("a"), EDIT)

    assert await staying == (key("a"), EDIT)
    assert leaving.cancelled()


async def test_a_taker_that_is_cancelled_once_woken_passes_the_wake_up_on() -> None:
    queue = FairQueue()
    leaving, staying = (asyncio.create_task(queue.take()) for _ in range(2))
    await yield_to_others()

    queue.put(key("a"), EDIT)
    leaving.cancel()

    assert await staying == (key("a"), EDIT)
    assert leaving.cancelled()


async def test_what_is_put_later_comes_later_and_the_last_wish_counts() -> None:
    queue = FairQueue()
    queue.put_later(key("a"), EDIT, 3600)
    queue.put_later(key("a"), RENEWAL, 0)
    assert len(queue) == 0

    assert await queue.take() == (key("a"), RENEWAL)
    queue.done(key("a"))
    assert queue.is_idle


async def test_what_is_put_later_waits_for_those_who_work_on_it() -> None:
    queue = FairQueue()
    queue.put(key("a"), EDIT)
    await queue.take()
    queue.put_later(key("a"), RENEWAL, 0)
    again = asyncio.create_task(queue.take())
    await until(lambda: queue._again)
    assert not again.done()

    queue.done(key("a"))

    assert await again == (key("a"), RENEWAL)


async def test_a_closed_queue_brings_nothing_later() -> None:
    queue = FairQueue()
    queue.put_later(key("a"), EDIT, 0)
    queue.close()

    await yield_to_others()

    assert queue.is_idle


async def test_no_more_keys_of_a_priority_are_in_hands_than_its_limit() -> None:
    queue = FairQueue({RENEWAL: 2})
    put_all(queue, (key(str(number)) for number in range(3)), RENEWAL)
    first, second = [await queue.take() for _ in range(2)]
    third = asyncio.create_task(queue.take())
    await yield_to_others()
    assert not third.done()

    queue.done(second[0])

    assert await third == (key("2"), RENEWAL)
    assert first == (key("0"), RENEWAL)


async def test_what_is_more_or_less_urgent_passes_those_that_are_at_their_limit() -> None:
    queue = FairQueue({RENEWAL: 1})
    put_all(queue, (key(str(number)) for number in range(3)), RENEWAL)
    queue.put(key("listed"), RESYNC)
    assert [await queue.take() for _ in range(2)] == [(key("0"), RENEWAL), (key("listed"), RESYNC)]
    waiting = asyncio.create_task(queue.take())
    await yield_to_others()

    queue.put(key("2"), EDIT)

    assert await waiting == (key("2"), EDIT)
    assert len(queue) == 1


async def test_a_key_at_its_limit_that_is_put_again_comes_in_its_turn() -> None:
    queue = FairQueue({RENEWAL: 1})
    queue.put(key("a"), RENEWAL)
    await queue.take()
    put_all(queue, [key("b"), key("a")], RENEWAL)
    queue.done(key("a"))

    assert await queue.take() == (key("b"), RENEWAL)
    queue.done(key("b"))
    assert await drained(queue) == [(key("a"), RENEWAL)]


KEYS = st.builds(key, st.sampled_from("abc"), st.sampled_from(["x", "y", "z"]))
STEPS = st.lists(
    st.tuples(st.just("put"), KEYS, st.sampled_from(list(Priority)))
    | st.tuples(st.just("take"), st.none(), st.none())
    | st.tuples(st.just("done"), KEYS, st.none()),
    max_size=60,
)


class Model:
    """What the queue promises about keys, without an order."""

    def __init__(self) -> None:
        self.waiting: dict[Key, Priority] = {}
        self.busy: dict[Key, Priority | None] = {}

    def put(self, put: Key, priority: Priority) -> None:
        if put in self.busy:
            again = self.busy[put]
            self.busy[put] = priority if again is None else min(priority, again)
        else:
            self.waiting[put] = min(priority, self.waiting.get(put, priority))

    def done(self, done: Key) -> None:
        again = self.busy.pop(done, None)
        if again is not None:
            self.put(done, again)


@given(STEPS)
def test_any_order_of_puts_and_takes_keeps_the_promises(
    steps: list[tuple[str, Key | None, Priority | None]],
) -> None:
    async def play() -> None:
        queue, model = FairQueue(), Model()
        for what, chosen, priority in steps:
            if what == "put" and chosen is not None and priority is not None:
                queue.put(chosen, priority)
                model.put(chosen, priority)
            elif what == "done" and chosen in model.busy:
                queue.done(chosen)
                model.done(chosen)
            elif what == "take" and model.waiting:
                taken, at = await queue.take()
                assert at == min(model.waiting.values())
                assert model.waiting.pop(taken) == at
                assert taken not in model.busy
                model.busy[taken] = None
            assert len(queue) == len(model.waiting)
            assert queue.is_idle is not bool(model.waiting or model.busy)

    asyncio.run(play())


@pytest.mark.parametrize("limits", [{}, {EDIT: 1, RENEWAL: 2}])
@pytest.mark.parametrize("seed", range(20))
async def test_no_wake_up_is_lost_while_takers_come_and_go(
    seed: int, limits: dict[Priority, int]
) -> None:
    random, queue = Random(seed), FairQueue(limits)
    worked_on: Counter[Key] = Counter()
    at_work: dict[Key, Priority] = {}

    async def work() -> None:
        while True:
            taken, priority = await queue.take()
            assert taken not in at_work
            at_work[taken] = priority
            in_hands = Counter(at_work.values())
            assert all(in_hands[limited] <= limit for limited, limit in limits.items())
            worked_on[taken] += 1
            try:
                for _ in range(random.randrange(3)):
                    await asyncio.sleep(0)
            finally:
                del at_work[taken]
                queue.done(taken)

    workers = [asyncio.create_task(work()) for _ in range(3)]
    wanted = set()
    for number in range(200):
        put = key(str(number % 40), f"ns-{number % 4}")
        wanted.add(put)
        queue.put(put, random.choice(list(Priority)))
        if random.random() < 0.3:
            workers.pop(random.randrange(len(workers))).cancel()
            workers.append(asyncio.create_task(work()))
        for _ in range(random.randrange(2)):
            await asyncio.sleep(0)
    await until(lambda: queue.is_idle)
    for worker in workers:
        worker.cancel()
    await asyncio.gather(*workers, return_exceptions=True)

    assert set(worked_on) == wanted
