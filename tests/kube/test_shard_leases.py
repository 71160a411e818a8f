"""Leases of several shards on a real API server: one leader each, and never leaders of two different counts."""

import asyncio
import logging
import math
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec
import pytest

from kube.test_lease import DEADLINE, DURATION, doing
from kube.waiting import FakeTime, until
from mintmaster.kube.client import Client
from mintmaster.kube.config import load
from mintmaster.kube.lease import Candidacy, acquired
from mintmaster.kube.paths import object_path
from mintmaster.kube.shard_leases import (
    ANNOTATION_SHARDS,
    FirstShardElector,
    OtherShardElector,
    lease_name,
)
from mintmaster.lifecycle.shard import Shard

if TYPE_CHECKING:
    from mintmaster.localcluster.cluster import LocalCluster


Leader: TypeAlias = FirstShardElector | OtherShardElector


class Shards:
    """Candidates for the shards of one operator, on one clock."""

    def __init__(self, client: Client, namespace: str) -> None:
        self.client = client
        self.namespace = namespace
        self.time = FakeTime()
        self.lost: list[str] = []
        self.candidates = 0

    def candidate(self, text: str) -> Leader:
        """Another process that may lead a shard such as 2/3."""
        number, count = map(int, text.split("/"))
        self.candidates += 1
        candidacy = Candidacy(
            namespace=self.namespace,
            name=lease_name("leader", number),
            identity=f"{text}-{self.candidates}",
            lease_duration=DURATION,
            renew_deadline=DEADLINE,
            retry_period=0.02,
        )
        options: dict[str, Any] = {
            "on_lost": lambda: self.lost.append(text),
            "clock": self.time,
            "elapsed": self.time.elapsed,
        }
        shard = Shard(number, count)
        if number == 1:
            return FirstShardElector(self.client, candidacy, shard, **options)
        return OtherShardElector(self.client, candidacy, shard, first="leader", **options)

    async def led(self, text: str, *holding: Leader) -> Leader:
        """A leader of that shard; the wait for the leaders of another count takes no time."""
        candidate = self.candidate(text)
        async with doing(candidate.acquire()) as acquiring:
            await until(lambda: candidate.is_leader)
            if not acquiring.done():
                await self.passes(DURATION, candidate, *holding)
            async with asyncio.timeout(20):
                await acquiring
        return candidate

    async def passes(self, seconds: float, *holding: Leader) -> None:
        """Let time pass, in steps in which those that hold their Leases renew them."""
        steps = math.ceil(seconds / (DEADLINE - 1))
        for _ in range(steps):
            self.time.advance(seconds / steps)
            await until(lambda: all(each._remaining() == DEADLINE for each in holding))

    async def lease(self, name: str = "leader") -> dict[str, Any]:
        path = object_path("coordination.k8s.io/v1", "leases", self.namespace, name)
        found: dict[str, Any] = msgspec.json.decode(await self.client.get(path))
        return found

    async def said(self) -> str | None:
        """What the first shard's Lease says about the count."""
        annotations = (await self.lease())["metadata"].get("annotations") or {}
        return annotations.get(ANNOTATION_SHARDS)

    async def some_time(self) -> None:
        """Let everybody try several times, while the clock stands."""
        await asyncio.sleep(0.3)


@pytest.fixture
async def shards(cluster: "LocalCluster", namespace: str) -> AsyncIterator[Shards]:
    async with Client(load(str(cluster.kubeconfig))) as client:
        yield Shards(client, namespace)


async def test_one_shard_leads_at_once_and_says_nothing_about_a_count(shards: Shards) -> None:
    only = shards.candidate("1/1")
    await only.acquire()
    assert only.still_leading()
    assert await shards.said() is None


async def test_each_shard_has_a_lease_and_one_leader(shards: Shards) -> None:
    leaders = [await shards.led(text) for text in ("1/3", "2/3", "3/3")]
    assert await shards.said() == "3"
    async with AsyncExitStack() as stack:
        for leader in leaders:
            await stack.enter_async_context(doing(leader.hold()))
        rival = shards.candidate("2/3")
        async with doing(rival.acquire()):
            for _ in range(4):
                shards.time.advance(DEADLINE - 1)
                await shards.some_time()
            assert all(leader.still_leading() for leader in leaders)
            assert not rival.is_leader
            assert (await shards.lease("leader-2"))["spec"]["holderIdentity"] == "2/3-2"
    assert shards.lost == []


async def test_no_shard_leads_before_the_first_one_says_the_count(
    shards: Shards, caplog: pytest.LogCaptureFixture
) -> None:
    second = shards.candidate("2/2")
    async with doing(second.acquire()) as acquiring:
        await shards.some_time()
        assert not second.is_leader
        await shards.led("1/2")
        async with asyncio.timeout(20):
            await acquiring
    assert second.still_leading()
    assert "shard 2/2 does not lead: no first shard has led yet" in caplog.text


async def test_the_count_changes_only_when_nobody_can_lead_by_the_old_one(shards: Shards) -> None:
    first, second = await shards.led("1/2"), await shards.led("2/2")
    await first.release()
    new = shards.candidate("1/3")
    # The second shard's leader is paused: it holds its Lease and does not look.
    async with doing(new.acquire()) as acquiring:
        await until(lambda: new.is_leader)
        assert await shards.said() == "changing-to-3"
        await shards.passes(DEADLINE - 1, new)
        assert second.still_leading()
        assert not acquiring.done()
        await shards.passes(1, new)
        assert not second.still_leading()
        await shards.some_time()
        assert not acquiring.done()
        await shards.passes(DURATION - DEADLINE, new)
        async with asyncio.timeout(20):
            await acquiring
    assert await shards.said() == "3"
    assert new.still_leading()


@pytest.mark.parametrize(("old", "new"), [(2, 3), (3, 2), (2, 1), (1, 2)])
async def test_leaders_of_the_old_count_end_when_it_changes(
    shards: Shards, old: int, new: int
) -> None:
    leaders = [await shards.led(f"{number}/{old}") for number in range(1, old + 1)]
    async with AsyncExitStack() as stack:
        for leader in leaders[1:]:
            await stack.enter_async_context(doing(leader.hold()))
        await leaders[0].release()
        others = [shards.candidate(f"{number}/{new}") for number in range(2, new + 1)]
        for other in others:
            await stack.enter_async_context(doing(other.acquire()))
        first = shards.candidate(f"1/{new}")
        acquiring = await stack.enter_async_context(doing(first.acquire()))
        await until(lambda: first.is_leader and len(shards.lost) == old - 1)
        assert not any(leader.still_leading() for leader in leaders)
        assert not any(other.is_leader for other in others)
        await shards.passes(DURATION, first)
        async with asyncio.timeout(20):
            await acquiring
        assert await shards.said() == str(new)
        # Whoever held the Lease of the same number died without giving it away.
        await stack.enter_async_context(doing(first.hold()))
        await shards.some_time()
        await shards.passes(DURATION, first)
        await until(lambda: all(other.is_leader for other in others))
    assert sorted(shards.lost) == [f"{number}/{old}" for number in range(2, old + 1)]


async def test_a_shard_of_another_count_stands_by_and_says_why(
    shards: Shards, caplog: pytest.LogCaptureFixture
) -> None:
    await shards.led("1/2")
    stranger = shards.candidate("2/3")
    with caplog.at_level(logging.WARNING):
        async with doing(stranger.acquire()):
            await shards.some_time()
    assert not stranger.is_leader
    told = [it.message for it in caplog.records if "shard 2/3" in it.message]
    assert told == [
        "shard 2/3 does not lead: the operator runs as 2 shards; that changes when shard 1/3 leads"
    ]


async def test_a_leader_that_cannot_see_the_count_gives_up_in_time(shards: Shards) -> None:
    await shards.led("1/2")
    second = await shards.led("2/2")
    await shards.client.delete(
        object_path("coordination.k8s.io/v1", "leases", shards.namespace, "leader")
    )
    async with doing(second.hold()):
        shards.time.advance(DEADLINE - 0.1)
        await shards.some_time()
        assert second.still_leading()
        shards.time.advance(0.1)
        assert not second.still_leading()
        await until(lambda: shards.lost == ["2/2"])


async def test_a_change_that_was_broken_off_begins_anew(shards: Shards) -> None:
    await (await shards.led("1/2")).release()
    first = shards.candidate("1/3")
    async with doing(first.acquire()):
        await until(lambda: first.is_leader)
    assert not first.is_leader
    assert not (await shards.lease())["spec"].get("holderIdentity")
    assert await shards.said() == "changing-to-3"
    next_one = shards.candidate("1/2")
    async with doing(next_one.acquire()) as acquiring:
        await until(lambda: next_one.is_leader)
        await shards.some_time()
        assert not acquiring.done()
        assert await shards.said() == "changing-to-2"


async def test_a_count_edited_by_hand_is_put_right_by_the_leader(shards: Shards) -> None:
    first = await shards.led("1/2")
    path = object_path("coordination.k8s.io/v1", "leases", shards.namespace, "leader")
    await shards.client.merge_patch(path, {"metadata": {"annotations": {ANNOTATION_SHARDS: "x"}}})
    async with doing(first.hold()):
        while await shards.said() != "2":  # noqa: ASYNC110 - the API server sets no events
            await asyncio.sleep(0.02)
    assert shards.lost == []


async def test_processes_that_may_lead_any_shard_lead_one_each(shards: Shards) -> None:
    processes = [[shards.candidate(f"{number}/2") for number in (1, 2)] for _ in range(2)]
    tasks = [asyncio.create_task(acquired(electors, 0.02)) for electors in processes]
    firsts = [electors[0] for electors in processes]
    await until(lambda: any(it.is_leader for it in firsts))
    await shards.passes(DURATION, *(it for it in firsts if it.is_leader))
    async with asyncio.timeout(20):
        await asyncio.wait(tasks)
    leaders = [task.result() for task in tasks]
    assert {type(leader) for leader in leaders} == {FirstShardElector, OtherShardElector}
    assert all(leader.still_leading() for leader in leaders)
