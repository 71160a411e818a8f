"""What a shown resource has looked at: itself, and who has the same client id on record."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from lifecycle.build import application, gate_issuer, having, kind_of, meta, runner
from lifecycle.simulation import Life
from mintmaster.operator.holdback import Holdback
from mintmaster.operator.inbox import Inbox
from mintmaster.operator.queue import FairQueue
from mintmaster.operator.tap import Meta
from mintmaster.operator.world import World

if TYPE_CHECKING:
    from kube.waiting import FakeTime
    from mintmaster.api.kinds import TokenResource


@pytest.fixture
def queue() -> FairQueue:
    return FairQueue()


@pytest.fixture
def inbox(queue: FairQueue, clock: FakeTime) -> Inbox:
    return Inbox(World(), queue, Holdback(queue), clock, relisted=lambda: None)


def named(name: str, *, version: str = "1") -> TokenResource:
    identity = (meta("name", name), meta("uid", name), meta("resource_version", version))
    return application(having("client_id", "portal"), *identity)


def having_it(name: str) -> TokenResource:
    return Life(named(name), gate_issuer()).settle().resource


async def looked_at(queue: FairQueue) -> list[str]:
    found = []
    while len(queue):
        key, _ = await queue.take()
        queue.done(key)
        found.append(key.name)
    return sorted(found)


def show(inbox: Inbox, resource: TokenResource) -> None:
    inbox.saw(kind_of(resource), msgspec.to_builtins(resource))


async def test_two_with_one_client_id_on_record_are_both_looked_at_whichever_is_shown_last(
    inbox: Inbox, queue: FairQueue
) -> None:
    show(inbox, having_it("first"))
    assert await looked_at(queue) == ["first"]

    show(inbox, having_it("second"))
    assert await looked_at(queue) == ["first", "second"]


async def test_an_own_write_that_the_watch_shows_has_the_other_looked_at(
    inbox: Inbox, queue: FairQueue
) -> None:
    show(inbox, having_it("first"))
    show(inbox, having_it("second"))
    await looked_at(queue)

    show(inbox, having_it("second"))
    assert await looked_at(queue) == ["first"]


async def test_who_waits_for_a_client_id_is_not_looked_at_for_others_sake(
    inbox: Inbox, queue: FairQueue
) -> None:
    show(inbox, named("waiting"))
    show(inbox, having_it("first"))
    assert await looked_at(queue) == ["first", "waiting"]

    show(inbox, having_it("first"))
    show(inbox, named("waiting", version="2"))
    assert await looked_at(queue) == ["waiting"]


def token_event(resource: TokenResource) -> Meta:
    meta_ = resource.metadata
    return Meta(meta_.name, meta_.namespace, meta_.uid, meta_.resource_version)


def test_only_the_very_version_that_is_known_is_an_echo(inbox: Inbox) -> None:
    known = runner(meta("resource_version", "7"))
    assert not inbox.is_echo("RunnerRegistration", token_event(known))

    show(inbox, known)

    assert inbox.is_echo("RunnerRegistration", token_event(known))
    for change in (meta("resource_version", "8"), meta("uid", "another"), meta("name", "other")):
        assert not inbox.is_echo("RunnerRegistration", token_event(change(known)))


def test_of_an_application_nothing_is_an_echo(inbox: Inbox) -> None:
    show(inbox, having_it("first"))

    assert not inbox.is_echo("ClientApplication", token_event(having_it("first")))


async def test_what_a_list_shows_settled_waits_and_what_it_shows_new_does_not(
    inbox: Inbox, queue: FairQueue
) -> None:
    settled = Life(runner(meta("name", "settled"), meta("uid", "1"))).settle().resource
    for resource in (settled, runner(meta("name", "new"), meta("uid", "2"))):
        inbox.listed(kind_of(resource), msgspec.Raw(msgspec.json.encode(resource)))

    assert await looked_at(queue) == ["new"]


def test_what_cannot_be_read_in_a_list_is_told_by_name_and_left_alone(
    inbox: Inbox, queue: FairQueue, caplog: pytest.LogCaptureFixture
) -> None:
    broken = {"metadata": {"name": "broken", "namespace": "team"}, "spec": 3}

    inbox.listed("RunnerRegistration", msgspec.Raw(msgspec.json.encode(broken)))

    assert "RunnerRegistration team/broken is not reconciled" in caplog.text
    assert not len(queue)
