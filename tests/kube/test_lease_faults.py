"""The elector and an API server that fails."""

import asyncio

import msgspec
import pytest
from aiohttp import web

from kube.fake_api import Answer, FakeApi, fails, hang_up, says, stall
from kube.waiting import FakeTime, until
from mintmaster.kube.client import Client
from mintmaster.kube.lease import Candidacy, Elector


def lease(version: int, holder: str = "me", transitions: int = 0) -> Answer:
    return says(
        {
            "metadata": {"name": "leader", "namespace": "a", "resourceVersion": str(version)},
            "spec": {
                "holderIdentity": holder,
                "leaseDurationSeconds": 15,
                "leaseTransitions": transitions,
            },
        }
    )


ACQUIRED = [fails(404, "NotFound"), lease(1)]


class Losses(list[float]):
    """When leadership was lost."""


@pytest.fixture
def losses() -> Losses:
    return Losses()


@pytest.fixture
def elector(client: Client, time: FakeTime, losses: Losses) -> Elector:
    return Elector(
        client,
        Candidacy(namespace="a", name="leader", identity="me", retry_period=0.01),
        on_lost=lambda: losses.append(time.elapsed()),
        clock=time,
        elapsed=time.elapsed,
    )


@pytest.mark.parametrize(
    "fault", [fails(500), fails(403), fails(429), fails(409, "Conflict"), hang_up]
)
async def test_errors_only_prolong_the_wait(api: FakeApi, elector: Elector, fault: Answer) -> None:
    api.answers = [fault, fault, fails(404), fault, *ACQUIRED]
    await elector.acquire()
    assert elector.still_leading()


async def test_two_that_create_the_lease_at_once_do_not_both_lead(
    api: FakeApi, elector: Elector
) -> None:
    api.answers = [fails(404), fails(409, "AlreadyExists"), lease(1, holder="other")]
    acquiring = asyncio.create_task(elector.acquire())
    await until(lambda: len(api.requests) == 4)
    assert not elector.is_leader
    acquiring.cancel()


async def test_a_takeover_is_guarded_by_the_version_that_was_seen(
    api: FakeApi, elector: Elector, time: FakeTime
) -> None:
    others = lease(3, holder="other", transitions=6)
    taken = lease(4, transitions=7)

    async def answer(request: web.Request) -> web.StreamResponse:
        return await (taken if request.method == "PUT" else others)(request)

    # However many reads there are before the time has come.
    api.answers = [answer] * 1000
    acquiring = asyncio.create_task(elector.acquire())
    await until(lambda: len(api.requests) >= 2)
    time.advance(15)
    await acquiring
    written = api.requests[-1].json()
    assert api.requests[-1].method == "PUT"
    assert written["metadata"]["resourceVersion"] == "3"
    assert written["spec"]["leaseTransitions"] == 7
    assert elector.term == 7


@pytest.mark.parametrize("fault", [fails(500), fails(403), hang_up])
async def test_failed_renewals_are_borne_until_the_deadline(
    api: FakeApi, elector: Elector, time: FakeTime, losses: Losses, fault: Answer
) -> None:
    api.answers = [*ACQUIRED, *[fault] * 1000]
    await elector.acquire()
    holding = asyncio.create_task(elector.hold())
    await until(lambda: len(api.requests) >= 5)
    time.advance(9.9)
    await until(lambda: len(api.requests) >= 10)
    assert elector.still_leading()
    assert losses == []
    time.advance(0.1)
    assert not elector.still_leading()
    await holding
    assert losses == [1010.0]


async def test_a_renewal_after_failures_counts_from_when_it_was_sent(
    api: FakeApi, elector: Elector, time: FakeTime
) -> None:
    api.answers = [*ACQUIRED, fails(500), lease(2), fails(500)]
    await elector.acquire()
    time.advance(9)
    holding = asyncio.create_task(elector.hold())
    await until(lambda: len(api.requests) >= 5)
    time.advance(9)
    assert elector.still_leading()
    time.advance(1)
    assert not elector.still_leading()
    holding.cancel()


async def test_a_lost_answer_to_a_renewal_is_no_loss(
    api: FakeApi, elector: Elector, losses: Losses
) -> None:
    api.answers = [*ACQUIRED, hang_up, fails(409, "Conflict"), lease(2), lease(3), lease(4)]
    await elector.acquire()
    holding = asyncio.create_task(elector.hold())
    await until(lambda: len(api.requests) >= 7)
    holding.cancel()
    assert losses == []
    methods = [request.method for request in api.requests]
    assert methods == ["GET", "POST", "PUT", "PUT", "GET", "PUT", "PUT"]
    versions = [request.json()["metadata"]["resourceVersion"] for request in api.requests[5:]]
    assert versions == ["2", "3"]


async def test_a_server_that_does_not_answer_is_waited_for_no_longer_than_the_deadline(
    api: FakeApi, client: Client, losses: Losses
) -> None:
    api.answers = [*ACQUIRED, stall, stall, stall]
    times = Candidacy(namespace="a", name="leader", renew_deadline=2.0, retry_period=0.02)
    elector = Elector(client, times, on_lost=lambda: losses.append(0))
    await elector.acquire()
    await elector.hold()
    assert losses == [0]
    assert [request.method for request in api.requests[2:4]] == ["PUT", "PUT"]


async def test_a_fault_while_holding_is_a_loss_and_is_not_hidden(
    api: FakeApi, elector: Elector, losses: Losses
) -> None:
    api.answers = [*ACQUIRED, says(b"not JSON")]
    await elector.acquire()
    with pytest.raises(msgspec.DecodeError):
        await elector.hold()
    assert len(losses) == 1
    assert not elector.is_leader


async def test_a_fault_while_holding_comes_out_of_the_block(
    api: FakeApi, elector: Elector, losses: Losses
) -> None:
    api.answers = [*ACQUIRED, says(b"not JSON")]
    with pytest.raises(msgspec.DecodeError):
        async with elector.leading():
            await until(lambda: losses)


async def test_a_release_survives_a_lost_answer(api: FakeApi, elector: Elector) -> None:
    api.answers = [*ACQUIRED, fails(409, "Conflict"), lease(2), lease(3, holder="")]
    await elector.acquire()
    await elector.release()
    written = api.requests[-1].json()
    assert written["metadata"]["resourceVersion"] == "2"
    assert written["spec"]["holderIdentity"] == ""
    assert written["spec"]["leaseDurationSeconds"] == 1


async def test_a_lease_of_somebody_else_is_not_released(api: FakeApi, elector: Elector) -> None:
    api.answers = [*ACQUIRED, fails(409, "Conflict"), lease(2, holder="other")]
    await elector.acquire()
    await elector.release()
    assert [request.method for request in api.requests] == ["GET", "POST", "PUT", "GET"]


async def test_a_release_that_fails_is_left_to_expire(
    api: FakeApi, elector: Elector, losses: Losses
) -> None:
    api.answers = [*ACQUIRED, hang_up]
    await elector.acquire()
    await elector.release()
    assert not elector.still_leading()
    await elector.release()
    assert len(api.requests) == 3
    assert losses == []


async def test_the_time_that_a_renewal_was_on_its_way_counts(
    api: FakeApi, elector: Elector, time: FakeTime
) -> None:
    async def slowly(request: web.Request) -> web.StreamResponse:
        time.advance(4)
        return await lease(1)(request)

    api.answers = [fails(404, "NotFound"), slowly]
    await elector.acquire()
    time.advance(5.9)
    assert elector.still_leading()
    time.advance(0.1)
    assert not elector.still_leading()


async def test_a_leader_paused_between_renewals_wakes_up_without_a_write(
    api: FakeApi, elector: Elector, time: FakeTime, losses: Losses
) -> None:
    api.answers = [*ACQUIRED, lease(2)]
    await elector.acquire()
    holding = asyncio.create_task(elector.hold())
    await asyncio.sleep(0)  # it waits for its next renewal
    time.advance(20)
    await holding
    assert losses == [1020.0]
    assert len(api.requests) == 2
