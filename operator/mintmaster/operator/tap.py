"""Reading what the API server answers kopf before kopf does: lists whole, and the echoes of own writes.

kopf makes a task, a queue and a parsed dictionary for each object it is told of, which costs several times what
decoding the object does. It goes on doing what it is good at, the requests: pages, versions, reconnections, retries;
and it hands over what is news. See docs/design.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Protocol, cast

import aiohttp
import msgspec

from mintmaster.api import kinds
from mintmaster.api.names import API_VERSION
from mintmaster.kube.lines import LineSplitter
from mintmaster.kube.paths import route

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ITEMS_AT_ONCE = 50
"""Listed objects handed over before other tasks have their turn: well under 10 ms of work."""

_ROOT = f"/apis/{API_VERSION}/"
_KINDS = {kind.plural: kind.kind for kind in kinds.ALL_KINDS}


class Meta(msgspec.Struct, rename="camel", gc=False):
    """What tells an object and its version from others."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""


class Reader(Protocol):
    """Who reads along."""

    def listed(self, kind: str, raw: msgspec.Raw) -> None:
        """A list shows that a resource stands so; `raw` is a view of a larger buffer, not to be kept."""
        ...

    def is_echo(self, kind: str, meta: Meta) -> bool:
        """Whether an event tells nothing: the resource is known just so, from the answer to an own write."""
        ...


class _ListMeta(msgspec.Struct, rename="camel"):
    resource_version: str = ""
    continue_: str = msgspec.field(default="", name="continue")


class _Page(msgspec.Struct):
    metadata: _ListMeta
    items: list[msgspec.Raw] | None = None


class _Object(msgspec.Struct, gc=False):
    metadata: Meta


class _Event(msgspec.Struct, gc=False):
    type: str
    object: _Object


_decode_page = msgspec.json.Decoder(_Page).decode
_decode_event = msgspec.json.Decoder(_Event).decode


def tapped(reader: Reader) -> type[aiohttp.ClientResponse]:
    """The class of responses to give a session whose answers are to be read along (aiohttp: `response_class`)."""

    class Tapped(aiohttp.ClientResponse):
        """An answer to kopf."""

        async def start(self, connection: Any) -> aiohttp.ClientResponse:
            """Take the head of the answer; the body of a watch loses its echoes."""
            await super().start(connection)
            kind = self._kind
            if kind is not None and self.status == 200 and "watch" in self.url.query:
                news = _News(self.content, kind, reader)
                self.content = cast("aiohttp.StreamReader", news)
            return self

        async def json(self, **options: Any) -> Any:
            """Read the body; that of a list has been handed over already, and shows no items."""
            kind = self._kind
            if kind is None or self.status != 200:
                return await super().json(**options)
            try:
                page = _decode_page(await self.read())
            except msgspec.DecodeError as error:
                # What kopf takes for a broken connection, and asks for anew.
                raise aiohttp.ClientPayloadError(f"{self.url.path}: no list: {error}") from None
            await _hand_over(reader, kind, page.items or [])
            return {"metadata": msgspec.to_builtins(page.metadata), "items": []}

        @property
        def _kind(self) -> str | None:
            """The kind of our resources that was asked for, if any was."""
            path = self.url.path
            return _KINDS.get(route(path)[0]) if path.startswith(_ROOT) else None

    return Tapped


async def _hand_over(reader: Reader, kind: str, items: list[msgspec.Raw]) -> None:
    for start in range(0, len(items), ITEMS_AT_ONCE):
        for raw in items[start : start + ITEMS_AT_ONCE]:
            reader.listed(kind, raw)
        await asyncio.sleep(0)


class _News:
    """The body of a watch without what is known already."""

    def __init__(self, stream: aiohttp.StreamReader, kind: str, reader: Reader) -> None:
        self._stream = stream
        self._kind = kind
        self._reader = reader

    def __getattr__(self, name: str) -> Any:
        """Whatever else aiohttp asks the body of an answer."""
        return getattr(self._stream, name)

    async def iter_chunked(self, size: int) -> AsyncIterator[bytes]:
        """Whole lines, as kopf asks for them; bookmarks among them, which move its position in the watch on."""
        splitter = LineSplitter()
        async for chunk in self._stream.iter_chunked(size):
            lines = [line for line in splitter.feed(chunk) if not self._is_echo(line)]
            if lines:
                yield b"\n".join((*lines, b""))

    def _is_echo(self, line: bytes) -> bool:
        try:
            event = _decode_event(line)
        except msgspec.DecodeError:
            # Whatever this is, it is for kopf to judge.
            return False
        return event.type in {"ADDED", "MODIFIED"} and self._reader.is_echo(
            self._kind, event.object.metadata
        )
