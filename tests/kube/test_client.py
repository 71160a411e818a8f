"""The client on its own: what it sends, what it makes of answers, and what it never does."""

import asyncio
from datetime import UTC, datetime
from email.utils import format_datetime

import aiohttp
import msgspec
import pytest
from aiohttp import web

from kube.fake_api import FakeApi, fails, hang_up, says, stall, streams
from kube.waiting import FakeTime
from mintmaster.kube.client import APPLY, Client
from mintmaster.kube.clock import Skew
from mintmaster.kube.config import Connection
from mintmaster.kube.errors import (
    ApiError,
    Conflict,
    Invalid,
    NotFound,
    TooManyRequests,
    Unreachable,
)
from mintmaster.kube.tls import ClientTLS

SECRET = "/api/v1/namespaces/a/secrets/b"
VALUE = "glrt-a-token-that-nobody-may-read"


def to(api: FakeApi) -> Connection:
    return Connection(server=api.url, tls=ClientTLS())


async def test_the_body_comes_back_as_it_was_sent(api: FakeApi, client: Client) -> None:
    api.answers = [says(b'{"some":  "bytes"}')]
    assert await client.get("/api/v1/pods", {"limit": "5"}) == b'{"some":  "bytes"}'
    assert api.requests[0].query == {"limit": "5"}
    assert api.requests[0].headers["accept"] == "application/json"


async def test_parameters_are_escaped(api: FakeApi, client: Client) -> None:
    api.answers = [says({})]
    await client.get("/api/v1/pods", {"labelSelector": "a in (b,c),d=e&f"})
    assert api.requests[0].query == {"labelSelector": "a in (b,c),d=e&f"}


class Point(msgspec.Struct):
    x: int


@pytest.mark.parametrize("body", [b'{"x":1}', {"x": 1}, Point(1)])
async def test_bodies_are_bytes_mappings_or_structs(
    api: FakeApi, client: Client, body: bytes | dict[str, object] | Point
) -> None:
    api.answers = [says({}), says({}), says({})]
    await client.create("/api/v1/pods", body)
    await client.replace("/api/v1/pods/x", body)
    await client.merge_patch("/api/v1/pods/x", body)
    assert [request.method for request in api.requests] == ["POST", "PUT", "PATCH"]
    assert {request.body for request in api.requests} == {b'{"x":1}'}
    assert [request.headers["content-type"] for request in api.requests] == [
        "application/json",
        "application/json",
        "application/merge-patch+json",
    ]


async def test_any_content_type_of_the_api_can_be_sent(api: FakeApi, client: Client) -> None:
    api.answers = [says({})]
    await client.request("PATCH", "/api/v1/pods/x", body=b"{}", content_type=APPLY)
    assert api.requests[0].headers["content-type"] == "application/apply-patch+yaml"


async def test_a_delete_carries_what_it_was_decided_on(api: FakeApi, client: Client) -> None:
    api.answers = [says({}), says({})]
    await client.delete(SECRET, uid="u", resource_version="7", propagation="Orphan")
    await client.delete(SECRET)
    assert api.requests[0].json() == {
        "apiVersion": "v1",
        "kind": "DeleteOptions",
        "preconditions": {"uid": "u", "resourceVersion": "7"},
        "propagationPolicy": "Orphan",
    }
    assert api.requests[1].json() == {"apiVersion": "v1", "kind": "DeleteOptions"}


async def test_an_answer_without_success_is_an_error(api: FakeApi, client: Client) -> None:
    api.answers = [fails(409, "Conflict", "it has changed"), says(b"", 404)]
    with pytest.raises(Conflict, match="it has changed"):
        await client.replace(SECRET, {})
    with pytest.raises(NotFound):
        await client.get(SECRET)


async def test_the_server_says_how_long_to_stay_away(api: FakeApi, client: Client) -> None:
    api.answers = [says({}, 429, Retry_After="4")]
    with pytest.raises(TooManyRequests) as caught:
        await client.get(SECRET)
    assert caught.value.retry_after == 4


async def test_a_redirect_is_not_followed(api: FakeApi, client: Client) -> None:
    api.answers = [says(b"", 302, Location=f"{api.url}/elsewhere")]
    with pytest.raises(ApiError) as caught:
        await client.get(SECRET)
    assert caught.value.status == 302
    assert len(api.requests) == 1


async def test_the_text_of_errors_holds_nothing_of_a_secret(api: FakeApi, client: Client) -> None:
    api.answers = [fails(422, "Invalid", f"data[x]: {VALUE}"), fails(403, "", f"no: {VALUE}")]
    for _ in range(2):
        with pytest.raises(ApiError) as caught:
            await client.create(SECRET, {"stringData": {"x": VALUE}})
        assert VALUE not in str(caught.value)


async def test_other_objects_say_what_is_wrong_with_them(api: FakeApi, client: Client) -> None:
    api.answers = [fails(422, "Invalid", "spec.lifetime: 5m is too short")]
    with pytest.raises(Invalid, match="5m is too short"):
        await client.create("/apis/m.dev/v1/namespaces/a/tokens", {})


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
async def test_nothing_is_repeated_when_a_kept_connection_breaks(
    api: FakeApi, client: Client, method: str
) -> None:
    api.answers = [says({}), hang_up, says({})]
    await client.get(SECRET)
    with pytest.raises(Unreachable, match=f"{method} {SECRET}") as caught:
        await client.request(method, SECRET, body=b"{}")
    assert isinstance(caught.value.__cause__, aiohttp.ClientError)
    assert len(api.requests) == 2


async def test_no_answer_in_time_is_unreachable(api: FakeApi, client: Client) -> None:
    api.answers = [stall]
    with pytest.raises(Unreachable) as caught:
        await client.request("GET", SECRET, timeout=0.05)
    assert isinstance(caught.value.__cause__, TimeoutError)


async def test_the_timeout_of_the_client_holds_for_all_requests(api: FakeApi) -> None:
    api.answers = [stall]
    async with Client(to(api), timeout=0.05) as client:
        with pytest.raises(Unreachable):
            await client.get(SECRET)


async def test_an_answer_cut_short_is_unreachable(api: FakeApi, client: Client) -> None:
    api.answers = [streams(b'{"kind":', then="cut")]
    with pytest.raises(Unreachable):
        await client.get(SECRET)


async def test_a_server_that_is_not_there_is_unreachable() -> None:
    async with Client(Connection(server="http://127.0.0.1:1", tls=ClientTLS())) as client:
        with pytest.raises(Unreachable, match=r"127\.0\.0\.1"):
            await client.get(SECRET)


async def test_a_caller_may_be_cancelled(api: FakeApi, client: Client) -> None:
    api.answers = [stall]
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await client.get(SECRET)


async def test_a_client_that_is_not_open_says_so(api: FakeApi) -> None:
    with pytest.raises(RuntimeError, match="async with"):
        await Client(to(api)).get(SECRET)


async def test_the_limit_bounds_requests_under_way(api: FakeApi) -> None:
    under_way: list[int] = []

    async def count(request: web.Request) -> web.StreamResponse:
        under_way.append(len(api.requests) - answered())
        await asyncio.sleep(0.01)
        return await says({})(request)

    def answered() -> int:
        return sum(task.done() for task in tasks)

    api.answers = [count] * 10
    async with Client(to(api), limit=2) as client:
        tasks = [asyncio.create_task(client.get(SECRET)) for _ in range(10)]
        await asyncio.gather(*tasks)
    assert max(under_way) == 2


async def test_the_date_of_answers_tells_the_skew(api: FakeApi, time: FakeTime) -> None:
    server_time = format_datetime(datetime(2030, 1, 1, 1, tzinfo=UTC), usegmt=True)
    api.answers = [says({}, Date=server_time), streams(then="end")]
    skew = Skew(time)
    async with Client(to(api), skew=skew) as client:
        await client.get(SECRET)
        assert skew.seconds == -3600
        async with client.stream("/api/v1/pods", {}, silence=5):
            assert skew.seconds > 0  # the fake server's own date is of today
    assert skew.exceeded


async def test_the_observer_is_told_of_each_request(api: FakeApi) -> None:
    api.answers = [says({}), says({}), fails(404), hang_up]
    seen: list[tuple[str, str, int]] = []

    def observe(verb: str, resource: str, status: int, seconds: float) -> None:
        assert seconds >= 0
        seen.append((verb, resource, status))

    async with Client(to(api), observe=observe) as client:
        await client.get("/api/v1/namespaces/a/secrets")
        await client.merge_patch("/apis/m.dev/v1/issuers/x/status", {})
        with pytest.raises(NotFound):
            await client.get(SECRET)
        with pytest.raises(Unreachable):
            await client.delete(SECRET)
    assert seen == [
        ("list", "secrets", 200),
        ("patch", "issuers/status", 200),
        ("get", "secrets", 404),
        ("delete", "secrets", 0),
    ]


async def read_all(client: Client, silence: float = 20) -> bytes:
    async with client.stream("/api/v1/pods", {"watch": "1"}, silence=silence) as chunks:
        return b"".join([chunk async for chunk in chunks])


async def test_a_stream_gives_chunks_until_its_end(api: FakeApi, client: Client) -> None:
    api.answers = [streams(b"one", b"two", then="end")]
    assert await read_all(client) == b"onetwo"


async def test_a_stream_that_falls_silent_is_unreachable(api: FakeApi, client: Client) -> None:
    api.answers = [streams(b"one")]
    with pytest.raises(Unreachable):
        await read_all(client, silence=0.05)


async def test_a_stream_that_is_refused_is_an_error(api: FakeApi, client: Client) -> None:
    api.answers = [fails(403, "Forbidden", f"no {VALUE}"), fails(500, "InternalError", VALUE)]
    with pytest.raises(ApiError, match=VALUE):
        async with client.stream("/api/v1/pods", {}, silence=5):
            pytest.fail("the stream was opened")
    with pytest.raises(ApiError) as caught:
        async with client.stream("/api/v1/secrets", {}, silence=5):
            pytest.fail("the stream was opened")
    assert VALUE not in str(caught.value)
