"""The reflector against servers that fail in all the ways that servers do."""

import asyncio
from collections.abc import AsyncIterator, Callable, Set
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from aiohttp import web

from kube.fake_api import (
    Answer,
    FakeApi,
    Received,
    bookmark,
    event,
    fails,
    hang_up,
    page,
    says,
    status,
    streams,
    thing,
)
from kube.waiting import FakeTime, until
from mintmaster.kube.backoff import Backoff
from mintmaster.kube.client import Client
from mintmaster.kube.reflector import ObjectKey, Pace, Reflector, Selection

PATH = "/apis/m.dev/v1/things"
QUICK = Pace(page_size=2, backoff=Backoff(first=0.001, cap=0.002))


@dataclass
class Copy:
    """A sink that keeps the versions of objects, and a record of what it was told."""

    versions: dict[ObjectKey, int] = field(default_factory=dict)
    told: list[tuple[str, str]] = field(default_factory=list)

    def upsert(self, raw: msgspec.Raw, *, listed: bool) -> None:
        key, version = _identify(raw)
        self.versions[key] = version
        self.told.append(("list" if listed else "watch", key.name))

    def delete(self, raw: msgspec.Raw) -> None:
        key, _ = _identify(raw)
        self.versions.pop(key, None)
        self.told.append(("delete", key.name))

    def listed(self, keys: Set[ObjectKey], resource_version: str) -> None:
        for key in self.versions.keys() - keys:
            del self.versions[key]
        self.told.append(("listed", resource_version))

    @property
    def names(self) -> dict[str, int]:
        return {key.name: version for key, version in self.versions.items()}


def _identify(raw: msgspec.Raw) -> tuple[ObjectKey, int]:
    meta: dict[str, Any] = msgspec.json.decode(raw)["metadata"]
    key = ObjectKey(meta.get("namespace", ""), meta["name"], meta["uid"])
    return key, int(meta["resourceVersion"])


@asynccontextmanager
async def running(reflector: Reflector) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(reflector.run())
    yield task
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def watches(api: FakeApi) -> list[Received]:
    return [request for request in api.requests if "watch" in request.query]


def lists(api: FakeApi) -> list[Received]:
    return [it for it in api.requests if "watch" not in it.query and it not in looks(api)]


def looks(api: FakeApi) -> list[Received]:
    """Reads of what changed last, to see whether it stands as it did."""
    return [it for it in api.requests if "metadata.name=" in it.query.get("fieldSelector", "")]


async def reflect(
    api: FakeApi, client: Client, answers: list[Answer], enough: Callable[[Copy], object]
) -> Copy:
    """Run a reflector on these answers until its sink has enough and it watches in peace."""
    copy = Copy()
    api.answers = [*answers]
    async with running(Reflector(client, Selection(PATH), copy, pace=QUICK)):
        await until(lambda: enough(copy) and len(api.requests) > len(answers))
    return copy


async def test_lists_in_pages_then_watches_from_there(api: FakeApi, client: Client) -> None:
    answers = [
        says(page(7, thing("a", 1), thing("b", 2), more="next")),
        says(page(7, thing("c", 3))),
    ]
    copy = await reflect(api, client, answers, lambda copy: copy.told[-1:] == [("listed", "7")])
    assert copy.names == {"a": 1, "b": 2, "c": 3}
    assert [request.query for request in api.requests] == [
        {"limit": "2"},
        {"limit": "2", "continue": "next"},
        {"watch": "1", "allowWatchBookmarks": "true", "resourceVersion": "7"},
    ]


async def test_selectors_go_with_lists_and_watches(api: FakeApi, client: Client) -> None:
    api.answers = [says(page(1))]
    selection = Selection(PATH, labels="a=b", fields="metadata.name=x")
    async with running(Reflector(client, selection, Copy())):
        await until(lambda: watches(api))
    for request in api.requests:
        assert request.query["labelSelector"] == "a=b"
        assert request.query["fieldSelector"] == "metadata.name=x"


async def test_an_empty_collection_may_have_null_items(api: FakeApi, client: Client) -> None:
    answers = [says({"metadata": {"resourceVersion": "1"}, "items": None})]
    copy = await reflect(api, client, answers, lambda copy: copy.told)
    assert copy.told == [("listed", "1")]


async def test_events_reach_the_sink(api: FakeApi, client: Client) -> None:
    events = [
        event("ADDED", thing("b", 2)),
        event("MODIFIED", thing("a", 3)),
        event("DELETED", thing("b", 4)),
        bookmark(9),
    ]
    answers = [says(page(1, thing("a", 1))), streams(*events, then="end")]
    copy = await reflect(api, client, answers, lambda copy: ("delete", "b") in copy.told)
    assert copy.names == {"a": 3}
    assert copy.told[2:] == [("watch", "b"), ("watch", "a"), ("delete", "b")]


async def test_a_watch_that_ends_is_resumed_after_the_last_event(
    api: FakeApi, client: Client
) -> None:
    answers = [
        says(page(1)),
        streams(event("ADDED", thing("a", 5)), then="end"),
        streams(bookmark(8), then="end"),
        streams(event("ADDED", thing("b", 9)), then="end"),
    ]
    copy = await reflect(api, client, answers, lambda copy: copy.names == {"a": 5, "b": 9})
    assert [request.query["resourceVersion"] for request in watches(api)] == ["1", "5", "8", "9"]
    assert len(lists(api)) == 1
    assert copy.told.count(("watch", "a")) == 1


STOOD = [
    pytest.param(event("MODIFIED", thing("a", 5)), page(30, thing("a", 5)), id="as it was"),
    pytest.param(event("DELETED", thing("a", 5)), page(30), id="deleted, and it still is"),
    pytest.param(
        event("DELETED", thing("a", 5)),
        page(30, thing("a", 6) | {"metadata": thing("a", 6)["metadata"] | {"uid": "next"}}),  # type: ignore[operator]
        id="deleted, and another has the name",
    ),
]


@pytest.mark.parametrize(("last", "found"), STOOD)
async def test_a_watch_that_broke_is_resumed_where_what_changed_last_stands_as_it_did(
    api: FakeApi, client: Client, last: bytes, found: dict[str, object]
) -> None:
    answers = [
        says(page(2, thing("a", 2), thing("b", 1))),
        streams(last + bookmark(20), then="cut"),
        says(found),
    ]
    copy = await reflect(api, client, answers, lambda _: len(watches(api)) == 2)
    assert [it.query["resourceVersion"] for it in watches(api)] == ["2", "5"]
    assert [it.query for it in looks(api)] == [{"fieldSelector": "metadata.name=a"}]
    assert len(lists(api)) == 1
    assert "b" in copy.names


FELL = [
    pytest.param(event("MODIFIED", thing("a", 5)), page(30, thing("a", 2)), id="as before"),
    pytest.param(event("MODIFIED", thing("a", 5)), page(30, thing("a", 29)), id="otherwise"),
    pytest.param(event("MODIFIED", thing("a", 5)), page(30), id="gone"),
    pytest.param(event("DELETED", thing("a", 5)), page(30, thing("a", 2)), id="back again"),
]


@pytest.mark.parametrize(("last", "found"), FELL)
async def test_after_a_restore_everything_is_listed_though_versions_have_caught_up(
    api: FakeApi, client: Client, last: bytes, found: dict[str, object]
) -> None:
    answers = [
        says(page(2, thing("a", 2), thing("lost", 1))),
        streams(last, then="cut"),
        says(found),
        says(page(31, thing("d", 30))),
    ]
    copy = await reflect(api, client, answers, lambda copy: copy.names == {"d": 30})
    assert copy.told[-1] == ("listed", "31")
    assert watches(api)[-1].query["resourceVersion"] == "31"


async def test_what_was_listed_last_counts_where_nothing_was_watched(
    api: FakeApi, client: Client
) -> None:
    answers = [
        says(page(9, thing("a", 2), thing("b", 7), more="next")),
        says(page(9, thing("c", 3))),
        hang_up,
        says(page(30, thing("b", 7))),
    ]
    await reflect(api, client, answers, lambda _: len(watches(api)) == 2)
    assert [it.query for it in looks(api)] == [{"fieldSelector": "metadata.name=b"}]
    assert [it.query["resourceVersion"] for it in watches(api)] == ["9", "7"]


async def test_an_empty_collection_is_listed_again_after_a_break(
    api: FakeApi, client: Client
) -> None:
    answers = [says(page(9)), hang_up, says(page(10, thing("a", 8)))]
    copy = await reflect(api, client, answers, lambda copy: copy.names)
    assert copy.told[0] == ("listed", "9")
    assert not looks(api)


async def test_half_a_line_of_a_cut_connection_is_forgotten(api: FakeApi, client: Client) -> None:
    whole = event("ADDED", thing("b", 6))
    answers = [
        says(page(1)),
        streams(event("ADDED", thing("a", 5)) + whole[:20], then="cut"),
        says(page(6, thing("a", 5))),
        streams(whole, then="end"),
    ]
    copy = await reflect(api, client, answers, lambda copy: copy.names == {"a": 5, "b": 6})
    assert watches(api)[1].query["resourceVersion"] == "5"
    assert len(lists(api)) == 1
    assert copy.told.count(("watch", "b")) == 1


async def test_events_of_megabytes_pass(api: FakeApi, client: Client) -> None:
    large = event("ADDED", thing("a", 5, padding="x" * 3_000_000))
    chunks = [large[start : start + 50_000] for start in range(0, len(large), 50_000)]
    await reflect(
        api, client, [says(page(1)), streams(*chunks, then="end")], lambda copy: copy.names
    )
    assert watches(api)[1].query["resourceVersion"] == "5"


async def test_a_page_that_has_expired_starts_the_list_anew(api: FakeApi, client: Client) -> None:
    answers = [
        says(page(1, thing("gone", 1), thing("a", 1), more="next")),
        fails(410, "Expired", "too old"),
        says(page(9, thing("a", 8))),
    ]
    copy = await reflect(api, client, answers, lambda copy: ("listed", "9") in copy.told)
    assert copy.names == {"a": 8}
    assert lists(api)[2].query == {"limit": "4"}  # fewer pages, so that they do not expire again
    assert [told for told in copy.told if told[0] == "listed"] == [("listed", "9")]


LOST = [
    pytest.param(fails(410, "Expired"), id="410 for the watch"),
    pytest.param(fails(400, "BadRequest"), id="the version is not understood"),
    pytest.param(
        fails(504, "Timeout", causes=[{"reason": "ResourceVersionTooLarge"}]), id="etcd restored"
    ),
    pytest.param(streams(event("ERROR", status(410, "Expired"))), id="ERROR 410"),
    pytest.param(streams(event("ERROR", status(500, "InternalError"))), id="ERROR 500"),
    pytest.param(
        streams(event("ADDED", thing("a", 5)) + event("ERROR", status(410))), id="ERROR at the end"
    ),
]


@pytest.mark.parametrize("lost", LOST)
async def test_when_the_position_is_lost_everything_is_listed_and_swept(
    api: FakeApi, client: Client, lost: Answer
) -> None:
    answers = [says(page(1, thing("gone", 1))), lost, says(page(9, thing("b", 8)))]
    copy = await reflect(api, client, answers, lambda copy: ("listed", "9") in copy.told)
    assert copy.names == {"b": 8}
    assert "resourceVersion" not in lists(api)[1].query
    assert watches(api)[-1].query["resourceVersion"] == "9"


PASSING = [
    pytest.param(fails(429, "TooManyRequests"), id="429"),
    pytest.param(fails(500, "InternalError"), id="500"),
    pytest.param(fails(403, "Forbidden"), id="403"),
    pytest.param(says(b"<html>", 502), id="a proxy's page"),
    pytest.param(streams(b"not json\n", then="end"), id="garbage"),
    pytest.param(hang_up, id="hung up"),
]


@pytest.mark.parametrize("fault", PASSING)
async def test_a_passing_fault_does_not_cost_a_list(
    api: FakeApi, client: Client, fault: Answer
) -> None:
    answers = [
        says(page(1, thing("b", 1))),
        fault,
        fault,
        says(page(1, thing("b", 1))),
        streams(event("ADDED", thing("a", 2)), then="end"),
    ]
    await reflect(api, client, answers, lambda copy: copy.names == {"a": 2, "b": 1})
    assert len(lists(api)) == 1


@pytest.mark.parametrize("fault", [*PASSING, pytest.param(fails(410), id="410")])
async def test_the_first_list_is_tried_until_it_succeeds(
    api: FakeApi, client: Client, fault: Answer
) -> None:
    answers = [fault, fault, says(page(1, thing("a", 1)))]
    copy = await reflect(api, client, answers, lambda copy: ("listed", "1") in copy.told)
    assert copy.names == {"a": 1}


async def test_stays_away_as_long_as_the_server_asks(api: FakeApi, client: Client) -> None:
    loop = asyncio.get_running_loop()
    arrivals: list[float] = []

    def timed(answer: Answer) -> Answer:
        async def note(request: web.Request) -> web.StreamResponse:
            arrivals.append(loop.time())
            return await answer(request)

        return note

    busy = fails(429, "TooManyRequests", retryAfterSeconds=0.2)
    answers = [timed(busy), timed(says(page(1)))]
    await reflect(api, client, answers, lambda copy: copy.told)
    assert all(later - earlier >= 0.19 for earlier, later in pairwise(arrivals))


async def test_a_silent_watch_is_given_up(api: FakeApi, client: Client) -> None:
    copy = Copy()
    api.answers = [
        says(page(2, thing("b", 1))),
        streams(bookmark(4)),
        says(page(5, thing("b", 1))),
        streams(event("ADDED", thing("a", 6))),
    ]
    pace = Pace(silence=0.05, backoff=QUICK.backoff)
    async with running(Reflector(client, Selection(PATH), copy, pace=pace)):
        await until(lambda: "a" in copy.names)
    assert [request.query["resourceVersion"] for request in watches(api)[:2]] == ["2", "1"]


async def test_synced_and_fresh_only_after_the_whole_list(
    api: FakeApi, client: Client, time: FakeTime
) -> None:
    proceed = asyncio.Event()

    async def second_page(request: web.Request) -> web.StreamResponse:
        time.advance(30)
        await proceed.wait()
        return await says(page(1))(request)

    api.answers = [says(page(1, thing("a", 1), more="next")), second_page]
    reflector = Reflector(client, Selection(PATH), Copy(), pace=QUICK, monotonic=time.elapsed)
    async with running(reflector):
        await until(lambda: len(api.requests) == 2)
        assert not reflector.synced.is_set()
        assert reflector.staleness == float("inf")
        proceed.set()
        await reflector.synced.wait()
        assert reflector.staleness == 30  # the copy is as of the start of the list


async def test_events_and_bookmarks_are_contact_but_an_open_watch_is_none(
    api: FakeApi, client: Client, time: FakeTime
) -> None:
    steps: list[asyncio.Event] = [asyncio.Event(), asyncio.Event()]

    async def watch(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for step, line in zip(steps, (event("ADDED", thing("a", 5)), bookmark(6)), strict=True):
            await step.wait()
            step.clear()
            await response.write(line)
        await asyncio.Event().wait()
        return response

    api.answers = [says(page(1)), watch]
    reflector = Reflector(client, Selection(PATH), Copy(), monotonic=time.elapsed)
    async with running(reflector):
        await until(lambda: watches(api))
        for step in steps:
            time.advance(10)
            assert reflector.staleness == 10
            step.set()
            await until(lambda: reflector.staleness == 0)


async def test_other_tasks_have_their_turn_while_a_page_is_handed_over(
    api: FakeApi, client: Client
) -> None:
    at_once: list[int] = []

    class Counting(Copy):
        def upsert(self, raw: msgspec.Raw, *, listed: bool) -> None:
            super().upsert(raw, listed=listed)
            at_once[-1] += 1

    async def other_task() -> None:
        while True:
            at_once.append(0)
            await asyncio.sleep(0)

    other = asyncio.create_task(other_task())
    copy = Counting()
    api.answers = [says(page(1, *(thing(f"t{number}", 1) for number in range(500))))]
    async with running(Reflector(client, Selection(PATH), copy)):
        await until(lambda: len(copy.versions) == 500)
    other.cancel()
    assert max(at_once) == 50


async def test_a_fault_in_the_sink_is_not_hidden(api: FakeApi, client: Client) -> None:
    class Faulty(Copy):
        def listed(self, keys: Set[ObjectKey], resource_version: str) -> None:
            raise msgspec.ValidationError(f"{resource_version}: {keys}")

    api.answers = [says(page(1, thing("a", 1)))]
    with pytest.raises(msgspec.ValidationError):
        await Reflector(client, Selection(PATH), Faulty()).run()


async def test_cancelling_closes_the_connection(api: FakeApi, client: Client) -> None:
    api.answers = [says(page(1))]
    async with running(Reflector(client, Selection(PATH), Copy())):
        await until(lambda: watches(api))
    assert client.session.connector is not None
    assert not client.session.connector._acquired
