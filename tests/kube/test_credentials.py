"""Bearer tokens on the session: fresh per request, and for the API server only."""

import asyncio
import logging
from pathlib import Path
from typing import NamedTuple

import pytest

from kube.fake_api import FakeApi, fails, says
from kube.waiting import FakeTime
from mintmaster.kube.client import Client
from mintmaster.kube.config import Connection
from mintmaster.kube.credentials import StaticToken, TokenFile, TokenSource
from mintmaster.kube.errors import InvalidConfig, Unauthorized
from mintmaster.kube.tls import ClientTLS

POD = "/api/v1/namespaces/a/pods/x"


def sent(api: FakeApi) -> list[str | None]:
    return [request.headers.get("authorization") for request in api.requests]


def client_with(api: FakeApi, tokens: TokenSource) -> Client:
    return Client(Connection(server=api.url, tls=ClientTLS(), tokens=tokens))


class Mounted(NamedTuple):
    """A token file, as the kubelet would replace it."""

    path: Path

    def holds(self, token: str) -> None:
        self.path.write_text(token)

    def vanishes(self) -> None:
        self.path.unlink()


@pytest.fixture
def file(tmp_path: Path) -> Mounted:
    file = Mounted(tmp_path / "token")
    file.holds("first\n")
    return file


async def test_a_request_of_anybody_on_the_session_is_authenticated(api: FakeApi) -> None:
    api.answers = [says({}), says({})]
    async with client_with(api, StaticToken("abc")) as client:
        await client.get(POD)
        async with client.session.get(client.server + POD) as response:
            assert response.status == 200
    assert sent(api) == ["Bearer abc", "Bearer abc"]


async def test_the_token_goes_to_no_other_host(api: FakeApi) -> None:
    api.answers = [says({})]
    elsewhere = api.url.replace("127.0.0.1", "localhost") + POD
    async with (
        client_with(api, StaticToken("abc")) as client,
        client.session.get(elsewhere) as response,
    ):
        assert response.status == 200
    assert sent(api) == [None]


async def test_a_refused_token_is_not_sent_twice(api: FakeApi) -> None:
    api.answers = [fails(401, "Unauthorized"), says({})]
    async with client_with(api, StaticToken("abc")) as client:
        with pytest.raises(Unauthorized):
            await client.get(POD)
    assert len(api.requests) == 1


async def test_a_token_file_is_read_once_a_minute(file: Mounted, time: FakeTime) -> None:
    source = TokenFile(file.path, time.elapsed)
    assert await source.token() == "first"
    file.holds("second")
    time.advance(59)
    assert await source.token() == "first"
    time.advance(1)
    assert await source.token() == "second"


async def test_after_a_401_the_file_is_read_and_the_request_sent_again(
    api: FakeApi, file: Mounted
) -> None:
    api.answers = [says({}), fails(401, "Unauthorized"), says({"ok": True})]
    async with client_with(api, TokenFile(file.path)) as client:
        await client.get(POD)
        file.holds("second")
        assert await client.create("/api/v1/namespaces/a/pods", {"x": 1}) == b'{"ok":true}'
    assert sent(api) == ["Bearer first", "Bearer first", "Bearer second"]
    assert [request.body for request in api.requests[1:]] == [b'{"x":1}'] * 2


async def test_a_late_401_to_an_old_token_changes_nothing(file: Mounted, time: FakeTime) -> None:
    source = TokenFile(file.path, time.elapsed)
    await source.token()
    file.holds("second")
    source.refused("some older token")
    assert await source.token() == "first"
    source.refused("first")
    assert await source.token() == "second"


async def test_a_file_that_vanishes_leaves_the_token_in_use(
    file: Mounted, time: FakeTime, caplog: pytest.LogCaptureFixture
) -> None:
    source = TokenFile(file.path, time.elapsed)
    await source.token()
    file.vanishes()
    time.advance(60)
    with caplog.at_level(logging.WARNING):
        assert await source.token() == "first"
    assert "stays in use" in caplog.text
    assert "first" not in caplog.text


@pytest.mark.parametrize("content", ["", " \n", "no-ascii-é"])
async def test_a_file_without_a_token_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "token"
    path.write_text(content)
    with pytest.raises(InvalidConfig, match=str(path)):
        await TokenFile(path).token()


async def test_a_missing_file_is_named_to_the_caller_of_the_request(
    api: FakeApi, tmp_path: Path
) -> None:
    async with client_with(api, TokenFile(tmp_path / "absent")) as client:
        with pytest.raises(InvalidConfig, match="absent"):
            await client.get(POD)
    assert api.requests == []


async def test_tokens_are_in_no_repr(file: Mounted) -> None:
    source = TokenFile(file.path)
    await source.token()
    connection = Connection(server="http://x", tls=ClientTLS(), tokens=StaticToken("abc-secret"))
    assert "abc-secret" not in repr(connection)
    assert "first" not in repr(source)


async def test_requests_at_once_share_the_token(api: FakeApi, file: Mounted) -> None:
    api.answers = [says({})] * 10
    async with client_with(api, TokenFile(file.path)) as client:
        await asyncio.gather(*(client.get(POD) for _ in range(10)))
    assert sent(api) == ["Bearer first"] * 10


async def test_a_borrowed_session_authenticates_and_may_be_closed(api: FakeApi) -> None:
    api.answers = [says({}), says({})]
    async with client_with(api, StaticToken("abc")) as client:
        async with client.borrowed_session() as borrowed:
            assert borrowed.connector is client.session.connector
            async with borrowed.get(client.server + POD) as response:
                assert response.status == 200
        await client.get(POD)
    assert sent(api) == ["Bearer abc", "Bearer abc"]
