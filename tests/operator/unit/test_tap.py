"""What kopf's session reads along: whole lists, and watches without their echoes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import aiohttp
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kube.conftest import api, client
from kube.fake_api import bookmark, event, fails, page, says, streams, thing
from mintmaster.operator.tap import _News, tapped

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from kube.fake_api import FakeApi
    from mintmaster.kube.client import Client
    from mintmaster.operator.tap import Meta

__all__ = ["api", "client"]

PATH = "/apis/mintmaster.dev/v1alpha1/runnerregistrations"
KIND = "RunnerRegistration"


@dataclass
class Notes:
    """A reader that knows some versions, and notes what lists show."""

    known: set[str] = field(default_factory=set)
    seen: list[tuple[str, str]] = field(default_factory=list)

    def listed(self, kind: str, raw: msgspec.Raw) -> None:
        self.seen.append((kind, msgspec.json.decode(raw)["metadata"]["name"]))

    def is_echo(self, kind: str, meta: Meta) -> bool:
        assert kind == KIND
        return meta.resource_version in self.known


@pytest.fixture
def notes() -> Notes:
    return Notes()


@pytest.fixture
async def session(client: Client, notes: Notes) -> AsyncIterator[aiohttp.ClientSession]:
    async with client.borrowed_session(tapped(notes)) as opened:
        yield opened


async def lines_of(response: aiohttp.ClientResponse) -> list[Any]:
    """The events of a watch, read as kopf reads them."""
    async with response:
        text = b"".join([chunk async for chunk in response.content.iter_chunked(1024)])
    return [msgspec.json.decode(line) for line in text.splitlines()]


async def test_a_list_is_handed_over_and_only_its_version_and_its_next_page_are_left(
    api: FakeApi, session: aiohttp.ClientSession, notes: Notes
) -> None:
    api.answers.append(says(page(7, thing("a", 1), thing("b", 2), more="next")))

    response = await session.get(f"{api.url}{PATH}?limit=2")

    assert await response.json() == {
        "metadata": {"resourceVersion": "7", "continue": "next"},
        "items": [],
    }
    assert notes.seen == [(KIND, "a"), (KIND, "b")]


async def test_a_list_of_one_namespace_is_handed_over_too(
    api: FakeApi, session: aiohttp.ClientSession, notes: Notes
) -> None:
    api.answers.append(says(page(7, thing("a", 1))))

    response = await session.get(
        f"{api.url}/apis/mintmaster.dev/v1alpha1/namespaces/n/tokenissuers"
    )

    assert (await response.json())["items"] == []
    assert notes.seen == [("TokenIssuer", "a")]


@pytest.mark.parametrize(
    "path",
    [
        "/apis/mintmaster.dev/v1alpha1",
        "/api/v1/namespaces",
        "/apis/other.dev/v1alpha1/runnerregistrations",
    ],
)
async def test_what_is_not_ours_passes_as_it_is(
    path: str, api: FakeApi, session: aiohttp.ClientSession, notes: Notes
) -> None:
    answer = page(7, thing("a", 1))
    api.answers.append(says(answer))

    response = await session.get(api.url + path)

    assert await response.json() == msgspec.to_builtins(answer) | {"items": [thing("a", 1)]}
    assert notes.seen == []


async def test_a_refusal_stays_what_it_is(
    api: FakeApi, session: aiohttp.ClientSession, notes: Notes
) -> None:
    api.answers.append(fails(410, "Expired"))

    response = await session.get(f"{api.url}{PATH}?continue=x")

    assert (response.status, (await response.json())["reason"]) == (410, "Expired")


async def test_a_list_that_is_cut_off_counts_as_a_broken_connection(
    api: FakeApi, session: aiohttp.ClientSession, notes: Notes
) -> None:
    api.answers.append(says(b'{"metadata": {"resourceVersion": "7"}, "items": [{"met'))

    response = await session.get(f"{api.url}{PATH}?limit=2")

    with pytest.raises(aiohttp.ClientPayloadError):
        await response.json()


async def test_a_watch_shows_all_but_what_is_known(
    api: FakeApi, session: aiohttp.ClientSession, notes: Notes
) -> None:
    notes.known = {"2", "3", "5"}
    events = [
        event("ADDED", thing("a", 1)),
        event("ADDED", thing("a", 2)),
        event("MODIFIED", thing("a", 3)),
        event("MODIFIED", thing("a", 4)),
        # A deletion is always news, and so is where the watch stands.
        event("DELETED", thing("a", 5)),
        bookmark(5),
        event("ERROR", {"kind": "Status", "code": 410}),
    ]
    api.answers.append(streams(*events, then="end"))

    shown = await lines_of(await session.get(f"{api.url}{PATH}?watch=true"))

    assert [
        (it["type"], it["object"].get("metadata", {}).get("resourceVersion")) for it in shown
    ] == [
        ("ADDED", "1"),
        ("MODIFIED", "4"),
        ("DELETED", "5"),
        ("BOOKMARK", "5"),
        ("ERROR", None),
    ]


@given(
    known=st.sets(st.integers(0, 9).map(str)),
    cuts=st.lists(st.integers(1, 1500), max_size=30),
)
async def test_nothing_is_lost_wherever_the_stream_is_cut(known: set[str], cuts: list[int]) -> None:
    """Chunks are what the network makes of them."""
    whole = b"".join(event("MODIFIED", thing("a", version)) for version in range(10))

    class Stream:
        async def iter_chunked(self, _: int) -> AsyncIterator[bytes]:
            begin = 0
            for cut in [*sorted(cuts), len(whole)]:
                if whole[begin:cut]:
                    yield whole[begin:cut]
                    begin = cut

    news: Any = _News(Stream(), KIND, Notes(known))  # type: ignore[arg-type]
    shown = b"".join([chunk async for chunk in news.iter_chunked(1024)])

    versions = [
        msgspec.json.decode(line)["object"]["metadata"]["resourceVersion"]
        for line in shown.splitlines()
    ]
    assert versions == [str(version) for version in range(10) if str(version) not in known]
