"""Keeping up with one object by its name: what a sink is told, and what is made of refusals."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from kube.fake_api import fails, says, thing
from kube.waiting import until
from mintmaster.kube.poll import Poll

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Set

    from kube.fake_api import FakeApi
    from kube.waiting import FakeTime
    from mintmaster.kube.client import Client
    from mintmaster.kube.reflector import ObjectKey

PATH = "/api/v1/namespaces/team"


@dataclass
class Told:
    """A sink that keeps what it is told."""

    versions: list[str] = field(default_factory=list)
    lists: list[set[str]] = field(default_factory=list)

    def upsert(self, raw: msgspec.Raw, *, listed: bool) -> None:
        assert listed
        self.versions.append(msgspec.json.decode(raw)["metadata"]["resourceVersion"])

    def delete(self, raw: msgspec.Raw) -> None:
        raise AssertionError(raw)

    def listed(self, keys: Set[ObjectKey], resource_version: str) -> None:  # noqa: ARG002 - the protocol
        self.lists.append({key.name for key in keys})


@asynccontextmanager
async def polling(
    client: Client, time: FakeTime, interval: float
) -> AsyncIterator[tuple[Poll, Told]]:
    told = Told()
    poll = Poll(client, PATH, told, interval=interval, monotonic=time.elapsed)
    task = asyncio.create_task(poll.run())
    try:
        yield poll, told
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_it_is_read_again_and_again(api: FakeApi, client: Client, time: FakeTime) -> None:
    api.answers += [says(thing("team", 1)), says(thing("team", 2))]
    async with polling(client, time, 0.01) as (poll, told):
        await until(lambda: len(told.versions) == 2)
        assert poll.synced.is_set()
        assert poll.last_contact == time.seconds
    assert told.versions == ["1", "2"]
    assert {request.path for request in api.requests} == {PATH}
    # A list that says the same each time would have others look for what they missed.
    assert told.lists == [{"team"}]


async def test_it_is_read_at_once_when_asked(api: FakeApi, client: Client, time: FakeTime) -> None:
    api.answers += [says(thing("team", 1)), says(thing("team", 2))]
    async with polling(client, time, 3600) as (poll, told):
        await poll.synced.wait()
        poll.relist()
        await until(lambda: len(told.versions) == 2)


async def test_one_that_is_gone_is_known_to_be(
    api: FakeApi, client: Client, time: FakeTime
) -> None:
    api.answers += [fails(404, "NotFound")]
    async with polling(client, time, 3600) as (poll, told):
        await poll.synced.wait()
        assert told.lists == [set()]


async def test_a_refusal_is_an_answer_that_says_nothing_of_the_object(
    api: FakeApi, client: Client, time: FakeTime
) -> None:
    api.answers += [fails(403, "Forbidden"), says(thing("team", 1))]
    async with polling(client, time, 3600) as (poll, told):
        await poll.answered.wait()
        assert (poll.refused, poll.synced.is_set(), told.lists) == (True, False, [])
        await poll.synced.wait()
        assert not poll.refused


async def test_after_an_outage_others_are_told_to_look_for_what_they_missed(
    api: FakeApi, client: Client, time: FakeTime
) -> None:
    api.answers += [says(thing("team", 1)), fails(503), says(b"no object"), says(thing("team", 1))]
    async with polling(client, time, 0.01) as (_, told):
        await until(lambda: len(told.lists) == 2)
    assert told.lists == [{"team"}, {"team"}]
