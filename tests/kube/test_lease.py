"""Two candidates, one Lease on a real API server, and time that moves as the test wants."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from kube.waiting import FakeTime, until
from mintmaster.kube.client import Client
from mintmaster.kube.config import load
from mintmaster.kube.errors import NotFound
from mintmaster.kube.lease import Candidacy, Elector, unique_identity
from mintmaster.kube.paths import object_path

if TYPE_CHECKING:
    from mintmaster.localcluster.cluster import LocalCluster

DURATION, DEADLINE = 15, 10


class Candidate:
    """An elector with a clock and a client of its own, and a count of what it asked and lost."""

    def __init__(self, cluster: "LocalCluster", namespace: str, identity: str) -> None:
        self.time = FakeTime()
        self.requests: list[str] = []
        self.lost = 0
        self.path = object_path("coordination.k8s.io/v1", "leases", namespace, "leader")
        self.client = Client(load(str(cluster.kubeconfig)), observe=self._observe)
        self.elector = Elector(
            self.client,
            Candidacy(
                namespace=namespace,
                name="leader",
                identity=identity,
                lease_duration=DURATION,
                renew_deadline=DEADLINE,
                retry_period=0.02,
            ),
            on_lost=self._count_loss,
            clock=self.time,
            elapsed=self.time.elapsed,
        )

    def _observe(self, verb: str, resource: str, status: int, seconds: float) -> None:
        assert resource == "leases"
        assert seconds >= 0
        self.requests.append(f"{verb} {status}")

    def _count_loss(self) -> None:
        self.lost += 1

    async def lease(self) -> dict[str, Any]:
        found: dict[str, Any] = msgspec.json.decode(await self.client.get(self.path))
        return found

    async def spec(self) -> dict[str, Any]:
        spec: dict[str, Any] = (await self.lease())["spec"]
        return spec

    async def another_request(self, count: int = 3) -> None:
        """Wait until it has asked the API server a few times more."""
        target = len(self.requests) + count
        await until(lambda: len(self.requests) >= target)


@asynccontextmanager
async def doing(work: Any) -> AsyncIterator["asyncio.Task[None]"]:
    task = asyncio.create_task(work)
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@pytest.fixture
async def one(cluster: "LocalCluster", namespace: str) -> AsyncIterator[Candidate]:
    candidate = Candidate(cluster, namespace, "one")
    async with candidate.client:
        yield candidate


@pytest.fixture
async def two(cluster: "LocalCluster", namespace: str) -> AsyncIterator[Candidate]:
    candidate = Candidate(cluster, namespace, "two")
    async with candidate.client:
        yield candidate


async def test_the_first_candidate_leads(one: Candidate) -> None:
    assert not one.elector.still_leading()
    await one.elector.acquire()
    assert one.elector.is_leader
    assert one.elector.still_leading()
    assert one.elector.term == 0
    spec = await one.spec()
    assert spec == {
        "holderIdentity": "one",
        "leaseDurationSeconds": DURATION,
        "acquireTime": "2030-01-01T00:00:00.000000Z",
        "renewTime": "2030-01-01T00:00:00.000000Z",
        "leaseTransitions": 0,
    }


async def test_a_leader_that_renews_stays_the_leader(one: Candidate, two: Candidate) -> None:
    await one.elector.acquire()
    async with doing(one.elector.hold()), doing(two.elector.acquire()):
        for _ in range(5):
            one.time.advance(DEADLINE - 1)
            await one.another_request()
            await two.another_request()
            two.time.advance(DEADLINE - 1)
            await two.another_request()
    assert one.elector.still_leading()
    assert not two.elector.is_leader
    assert one.lost == 0
    spec = await one.spec()
    assert spec["renewTime"] > spec["acquireTime"]


async def test_a_dead_leader_is_followed_after_the_lease_and_not_before(
    one: Candidate, two: Candidate
) -> None:
    await one.elector.acquire()
    async with doing(two.elector.acquire()) as acquiring:
        await two.another_request()
        two.time.advance(DURATION - 0.1)
        await two.another_request()
        assert not acquiring.done()
        two.time.advance(0.1)
        await acquiring
    assert two.elector.still_leading()
    assert two.elector.term == 1
    assert (await two.spec())["holderIdentity"] == "two"


async def test_the_time_written_into_the_lease_is_not_believed(
    one: Candidate, two: Candidate
) -> None:
    one.time.advance(-3600)
    await one.elector.acquire()
    async with doing(two.elector.acquire()) as acquiring:
        await two.another_request()
        assert not acquiring.done()


async def test_a_release_lets_the_next_one_in_at_once(one: Candidate, two: Candidate) -> None:
    async with doing(two.elector.acquire()) as acquiring:
        await acquiring
        await two.elector.release()
    assert not two.elector.still_leading()
    released = await two.spec()
    assert not released.get("holderIdentity")
    assert released["leaseDurationSeconds"] == 1
    await one.elector.acquire()
    assert one.elector.term == 1
    assert two.lost == 0


async def test_leading_holds_for_the_block_and_releases_after_it(
    one: Candidate, two: Candidate
) -> None:
    async with one.elector.leading():
        await one.another_request()
        assert one.elector.still_leading()
    assert not one.elector.is_leader
    async with two.elector.leading():
        assert two.elector.term == 1
    assert one.lost == two.lost == 0


async def test_a_paused_leader_learns_it_before_its_first_write(
    one: Candidate, two: Candidate
) -> None:
    await one.elector.acquire()  # and then it is stopped, before it could renew
    async with doing(two.elector.acquire()) as acquiring:
        await two.another_request()
        two.time.advance(DURATION)
        await acquiring
    version = (await two.lease())["metadata"]["resourceVersion"]
    one.time.advance(DURATION)
    one.requests.clear()
    assert one.elector.is_leader
    assert not one.elector.still_leading()
    await one.elector.hold()
    assert one.lost == 1
    assert not one.elector.is_leader
    assert one.requests == []
    assert (await two.lease())["metadata"]["resourceVersion"] == version


async def test_a_leader_gives_up_before_anybody_else_may_lead(one: Candidate) -> None:
    await one.elector.acquire()
    one.time.advance(DEADLINE - 0.1)
    assert one.elector.still_leading()
    one.time.advance(0.1)
    assert not one.elector.still_leading()


async def test_a_leader_that_finds_another_one_is_lost_at_once(
    one: Candidate, two: Candidate
) -> None:
    await one.elector.acquire()
    async with doing(two.elector.acquire()) as acquiring:
        await two.another_request()
        two.time.advance(DURATION)
        await acquiring
    await one.elector.hold()  # its own clock stood still, as after a jump of its machine's
    assert one.lost == 1
    assert (await two.spec())["holderIdentity"] == "two"


async def test_of_two_processes_with_one_identity_only_one_leads(
    cluster: "LocalCluster", namespace: str, one: Candidate
) -> None:
    await one.elector.acquire()
    twin = Candidate(cluster, namespace, "one")
    async with twin.client, doing(twin.elector.acquire()) as acquiring:
        await twin.another_request()
        assert not acquiring.done()


async def test_what_others_wrote_into_the_lease_stays(one: Candidate) -> None:
    await one.elector.acquire()
    await one.client.merge_patch(one.path, {"metadata": {"labels": {"team": "a"}}})
    async with doing(one.elector.hold()):
        one.time.advance(5)
        await until(lambda: one.requests[-4:].count("update 200") == 4)
    lease = await one.lease()
    assert lease["metadata"]["labels"] == {"team": "a"}
    assert lease["spec"]["renewTime"] == "2030-01-01T00:00:05.000000Z"
    assert one.lost == 0


async def test_a_deleted_lease_is_made_again_by_its_holder(one: Candidate) -> None:
    await one.elector.acquire()
    async with doing(one.elector.hold()):
        await one.client.delete(one.path)
        await until(lambda: "create 201" in one.requests[-3:])
        await one.another_request()
    assert one.elector.still_leading()
    assert (await one.spec())["holderIdentity"] == "one"


async def test_waits_for_a_namespace_that_does_not_exist_yet(cluster: "LocalCluster") -> None:
    candidate = Candidate(cluster, "not-yet-there", "one")
    async with candidate.client, doing(candidate.elector.acquire()) as acquiring:
        await candidate.another_request(4)
        assert not acquiring.done()
        with pytest.raises(NotFound):
            await candidate.lease()


def test_identities_are_unique() -> None:
    assert len({unique_identity() for _ in range(100)}) == 100


@pytest.mark.parametrize(
    "times",
    [
        {"lease_duration": 10, "renew_deadline": 10},
        {"renew_deadline": 2, "retry_period": 2},
        {"retry_period": 0},
    ],
)
def test_times_that_allow_two_leaders_are_refused(times: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="lease_duration > renew_deadline"):
        Candidacy(namespace="a", name="b", **times)
