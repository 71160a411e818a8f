"""Events: shown by the API, dropped rather than waited for."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kube.fake_api import Answer, FakeApi, fails, hang_up, says, stall
from kube.waiting import FakeTime, until
from mintmaster.kube.client import Client
from mintmaster.kube.clock import SystemClock
from mintmaster.kube.events import (
    MAX_MESSAGE_BYTES,
    QUEUE_LENGTH,
    EventRecorder,
    ObjectReference,
    TokenBucket,
)
from mintmaster.kube.paths import collection_path

ABOUT = ObjectReference(
    api_version="m.dev/v1", kind="RunnerRegistration", name="ci", uid="u", namespace="a"
)


@pytest.fixture
def recorder(client: Client, time: FakeTime) -> EventRecorder:
    return EventRecorder(client, time, instance="pod-1", limit=TokenBucket(burst=1000))


@asynccontextmanager
async def running(recorder: EventRecorder) -> AsyncIterator[None]:
    task = asyncio.create_task(recorder.run())
    yield
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def record(recorder: EventRecorder, count: int = 1, message: str = "a token was issued") -> None:
    for _ in range(count):
        recorder.record(ABOUT, "Normal", "Issued", message, "Issue")


async def test_an_event_says_who_what_and_when(api: FakeApi, recorder: EventRecorder) -> None:
    api.answers = [says({})]
    async with running(recorder):
        record(recorder)
        await recorder.drain()
    (request,) = api.requests
    event = request.json()
    assert (request.method, request.path) == ("POST", "/api/v1/namespaces/a/events")
    name = event["metadata"].pop("name")
    assert re.fullmatch(r"ci\.[0-9a-f]{32}", name)
    assert event == {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"namespace": "a"},
        "involvedObject": {
            "apiVersion": "m.dev/v1",
            "kind": "RunnerRegistration",
            "name": "ci",
            "namespace": "a",
            "uid": "u",
        },
        "type": "Normal",
        "reason": "Issued",
        "message": "a token was issued",
        "action": "Issue",
        "source": {"component": "mintmaster"},
        "reportingComponent": "mintmaster",
        "reportingInstance": "pod-1",
        "firstTimestamp": "2030-01-01T00:00:00Z",
        "lastTimestamp": "2030-01-01T00:00:00Z",
        "count": 1,
    }
    assert recorder.dropped == 0


async def test_one_request_at_a_time(api: FakeApi, recorder: EventRecorder) -> None:
    api.answers = [says({}), stall]
    async with running(recorder):
        record(recorder, 5)
        await until(lambda: len(api.requests) == 2)
        await recorder.drain(0.05)
        assert len(api.requests) == 2
    assert recorder.dropped == 3


async def test_a_full_queue_drops(api: FakeApi, recorder: EventRecorder) -> None:
    record(recorder, QUEUE_LENGTH + 7)
    assert recorder.dropped == 7
    assert api.requests == []


async def test_too_many_at_once_are_dropped(client: Client, time: FakeTime) -> None:
    limit = TokenBucket(rate=10, burst=20, monotonic=time.elapsed)
    recorder = EventRecorder(client, time, limit=limit)
    record(recorder, 25)
    assert recorder.dropped == 5
    time.advance(1)
    record(recorder, 12)
    assert recorder.dropped == 7


@pytest.mark.parametrize("fault", [fails(403), fails(429), fails(500), hang_up])
async def test_an_event_that_fails_is_dropped_and_the_next_one_is_tried(
    api: FakeApi, recorder: EventRecorder, fault: Answer
) -> None:
    api.answers = [fault, says({})]
    async with running(recorder):
        record(recorder, 2)
        await recorder.drain()
    assert recorder.dropped == 1
    assert len(api.requests) == 2


async def test_draining_nothing_takes_no_time(recorder: EventRecorder) -> None:
    await recorder.drain(0)
    assert recorder.dropped == 0


@given(st.text(min_size=500, max_size=3000))
def test_messages_are_cut_between_characters(message: str) -> None:
    text = message.encode(errors="ignore").decode()
    recorder = EventRecorder(Discarding(), FakeTime(), instance="x")
    record(recorder, message=text)
    _, body = recorder._queue.get_nowait()
    cut = msgspec.json.decode(body)["message"]
    assert text.startswith(cut)
    assert len(cut.encode()) <= MAX_MESSAGE_BYTES
    assert len(cut.encode()) > MAX_MESSAGE_BYTES - 4 or cut == text


class Discarding(Client):
    """A client that nothing is sent with."""

    def __init__(self) -> None:
        pass


@pytest.mark.parametrize("kind", ["ConfigMap", "Namespace"])
async def test_a_real_server_takes_them_as_long_as_they_come(
    real: Client, namespace: str, kind: str
) -> None:
    where = namespace if kind == "ConfigMap" else ""
    about = ObjectReference(
        api_version="v1", kind=kind, name=namespace, uid=f"uid-of-{namespace}", namespace=where
    )
    recorder = EventRecorder(real, SystemClock())
    async with running(recorder):
        recorder.record(about, "Warning", "NotGranted", "é" * 2000, "Issue")
        await recorder.drain(20)
    assert recorder.dropped == 0
    events = collection_path("v1", "events", where or "default")
    selector = {"fieldSelector": f"involvedObject.uid={about.uid}"}
    found: list[dict[str, Any]] = msgspec.json.decode(await real.get(events, selector))["items"]
    assert [event["message"] for event in found] == ["é" * 512]
    assert found[0]["reportingComponent"] == "mintmaster"
