"""Keeping a copy of a collection up to date: list, watch, and list again when that is needed.

Kubernetes: API concepts, "Efficient detection of changes".
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, NoReturn, Protocol, TypeVar

import msgspec

from mintmaster.kube.backoff import Backoff
from mintmaster.kube.errors import (
    ApiError,
    Forbidden,
    Gone,
    Invalid,
    KubeError,
    Unreachable,
    from_status,
)
from mintmaster.kube.lines import LineSplitter
from mintmaster.kube.versions import is_older

if TYPE_CHECKING:
    from collections.abc import Callable, Set

    from mintmaster.kube.client import Client

__all__ = ["ObjectKey", "Pace", "Reflector", "Selection", "Sink"]

log = logging.getLogger(__name__)

_ITEMS_AT_ONCE = 50
"""Listed objects handed over before other tasks have their turn: well under 10 ms of work."""

T = TypeVar("T")


class ObjectKey(NamedTuple):
    """Which object: two lives of one name differ by the UID."""

    namespace: str
    name: str
    uid: str


class Sink(Protocol):
    """Who keeps the copy.

    Its methods must be quick and must not raise: an error in them ends the reflector. The raw JSON
    is a view of a larger buffer: decode it or `.copy()` it, do not keep it.
    """

    def upsert(self, raw: msgspec.Raw, *, listed: bool) -> None:
        """An object stands so: found by a list, or added or modified since.

        Items of a list have no `kind` and `apiVersion` for built-in resources. While a list runs
        they may be older than what the sink has from its own writes.
        """
        ...

    def delete(self, raw: msgspec.Raw) -> None:
        """An object has been deleted, or no longer matches; `raw` is its last state."""
        ...

    def listed(self, keys: Set[ObjectKey], resource_version: str) -> None:
        """A list is complete: at `resource_version` there was nothing but `keys`.

        Drop everything else, but for what is newer than that version by the sink's own writes:
        the watch that follows will tell of it.
        """
        ...


@dataclass(frozen=True, slots=True)
class Selection:
    """Which objects: a collection's path (`paths.collection_path`), narrowed by selectors."""

    path: str
    labels: str | None = None
    fields: str | None = None

    def params(self) -> dict[str, str]:
        """Return the selectors as query parameters."""
        selectors = {"labelSelector": self.labels, "fieldSelector": self.fields}
        return {name: value for name, value in selectors.items() if value}


@dataclass(frozen=True, slots=True)
class Pace:
    """How hard to try."""

    page_size: int = 500
    """Objects per page of a list."""
    silence: float = 70.0
    """Seconds without event or bookmark (sent about every 60) after which a watch is dead."""
    backoff: Backoff = field(default_factory=Backoff)
    """Between attempts; starts anew whenever something came."""


class _ListMeta(msgspec.Struct, rename="camel"):
    resource_version: str = ""
    continue_: str = msgspec.field(default="", name="continue")


class _Page(msgspec.Struct):
    metadata: _ListMeta
    items: list[msgspec.Raw] | None = None


class _Event(msgspec.Struct):
    type: str
    object: msgspec.Raw


class _Meta(msgspec.Struct, rename="camel"):
    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""


class _Object(msgspec.Struct):
    metadata: _Meta


class _Newest(NamedTuple):
    """What changed last, of all that was listed or watched."""

    meta: _Meta
    deleted: bool = False


_page_decoder = msgspec.json.Decoder(_Page)
_event_decoder = msgspec.json.Decoder(_Event)
_object_decoder = msgspec.json.Decoder(_Object)


class Reflector:
    """Feeds a sink with a collection's objects, for ever.

    The first list, like every later one, is a quorum read (no resourceVersion). After a watch that
    ended in order the next one takes up from the last version seen. After one that broke, or could
    not be had, the database may have been restored meanwhile: the object that changed last is read,
    and the next watch takes up from its version if it stands as it did. If it does not, or when the
    server has forgotten the version, or sent an ERROR, everything is listed again.
    """

    def __init__(
        self,
        client: Client,
        selection: Selection,
        sink: Sink,
        *,
        pace: Pace | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._selection = selection
        self._sink = sink
        self._pace = pace or Pace()
        self._monotonic = monotonic
        self._delays = iter(self._pace.backoff)
        self._page_size = self._pace.page_size
        self._position: str | None = None
        self._newest: _Newest | None = None
        self._doubtful = False
        self._watching: asyncio.Timeout | None = None
        self.synced = asyncio.Event()
        """Set once the first list is complete."""
        self.answered = asyncio.Event()
        """Set once the first list is complete, or was refused."""
        self.refused = False
        """Whether the last answer was that the collection may not be read."""
        self.last_contact = float("-inf")
        """When the copy was last known to be whole, on the monotonic clock, in seconds."""

    @property
    def staleness(self) -> float:
        """Seconds since the copy was last known to be whole; infinite before the first list."""
        return self._monotonic() - self.last_contact

    @property
    def position(self) -> str:
        """The version up to which the copy is whole; empty before the first list, and while listing anew."""
        return self._position or ""

    def relist(self) -> None:
        """List again, and watch from there: versions went back, so a watch that stands would stay silent."""
        self._position = None
        if self._watching is not None:
            self._watching.reschedule(0)

    async def run(self) -> NoReturn:
        """Reflect until cancelled; raises only what the sink raises."""
        while True:
            asked = 0.0
            try:
                if self._position is not None and self._doubtful:
                    await self._settle_doubt()
                if self._position is None:
                    await self._list()
                async with asyncio.timeout(None) as self._watching:
                    await self._watch()
            except TimeoutError:
                log.warning("%s: listing again, as asked", self._selection.path)
            except KubeError as error:
                asked = self._judge(error)
            finally:
                self._watching = None
            # Also after a watch that ended in order, else a server that ends each at once would
            # be asked again without a pause.
            await asyncio.sleep(max(asked, next(self._delays)))

    def _judge(self, error: KubeError) -> float:
        """Decide where to go on after an error; return the seconds that the server asked for."""
        self._doubtful = True
        if _position_is_lost(error):
            self._position = None
        self.refused = isinstance(error, Forbidden)
        if self.refused:
            self.answered.set()
        then = "listing again" if self._position is None else "watching again"
        log.warning("%s: %s; %s", self._selection.path, error, then)
        return (error.retry_after or 0.0) if isinstance(error, ApiError) else 0.0

    async def _list(self) -> None:
        began = self._monotonic()
        try:
            keys, version = await self._pages()
        except Gone:
            # The list took longer than the server remembers: fewer, larger pages take less time.
            self._page_size *= 2
            raise
        self._page_size = self._pace.page_size
        self._sink.listed(keys, version)
        self._position = version
        self._doubtful = False
        self._in_contact(began)
        self.synced.set()
        self.answered.set()

    async def _pages(self) -> tuple[set[ObjectKey], str]:
        params = {**self._selection.params(), "limit": str(self._page_size)}
        keys: set[ObjectKey] = set()
        self._newest = None
        while True:
            body = await self._client.get(self._selection.path, params)
            page = self._decoded(_page_decoder, body)
            await self._take(page.items or [], keys)
            if not page.metadata.continue_:
                return keys, page.metadata.resource_version
            params["continue"] = page.metadata.continue_

    async def _take(self, items: list[msgspec.Raw], keys: set[ObjectKey]) -> None:
        for start in range(0, len(items), _ITEMS_AT_ONCE):
            for raw in items[start : start + _ITEMS_AT_ONCE]:
                meta = self._decoded(_object_decoder, raw).metadata
                keys.add(ObjectKey(meta.namespace, meta.name, meta.uid))
                if self._newest is None or is_older(
                    self._newest.meta.resource_version, meta.resource_version
                ):
                    self._newest = _Newest(meta)
                self._sink.upsert(raw, listed=True)
            await asyncio.sleep(0)

    async def _settle_doubt(self) -> None:
        """See whether the database is the one that the position is from, else give the position up.

        Versions alone don't tell: one that was restored may have caught up since. But what changed last
        stands as it did only if nothing that is known was lost; and what else was written since then,
        the watch tells from there.
        """
        if self._newest is not None and await self._stands(self._newest):
            self._position = self._newest.meta.resource_version
            self._doubtful = False
        else:
            self._position = None

    async def _stands(self, newest: _Newest) -> bool:
        params = self._selection.params()
        selectors = (params.get("fieldSelector"), f"metadata.name={newest.meta.name}")
        params["fieldSelector"] = ",".join(text for text in selectors if text)
        page = self._decoded(_page_decoder, await self._client.get(self._selection.path, params))
        found = [self._decoded(_object_decoder, raw).metadata for raw in page.items or []]
        same = [meta for meta in found if meta.uid == newest.meta.uid]
        return not same if newest.deleted else same == [newest.meta]

    async def _watch(self) -> None:
        params = {
            **self._selection.params(),
            "watch": "1",
            "allowWatchBookmarks": "true",
            "resourceVersion": self._position or "",
        }
        splitter = LineSplitter()
        async with self._client.stream(
            self._selection.path, params, silence=self._pace.silence
        ) as chunks:
            async for chunk in chunks:
                self._take_events(splitter.feed(chunk))

    def _take_events(self, lines: list[bytes]) -> None:
        """Hand over events; the position moves once per chunk, as reading it costs a decode."""
        last: _Event | None = None
        changed: _Event | None = None
        try:
            for line in lines:
                last = self._take_event(line)
                changed = last if last.type != "BOOKMARK" else changed
        finally:
            if last is not None and self._position is not None:
                seen = self._decoded(_object_decoder, last.object).metadata
                self._position = seen.resource_version or self._position
                self._in_contact(self._monotonic())
                if changed is not None:
                    if changed is not last:
                        seen = self._decoded(_object_decoder, changed.object).metadata
                    self._newest = _Newest(seen, deleted=changed.type == "DELETED")

    def _take_event(self, line: bytes) -> _Event:
        event = self._decoded(_event_decoder, line)
        if event.type == "ERROR":
            self._position = None
            raise from_status(event.object)
        if event.type == "DELETED":
            self._sink.delete(event.object)
        elif event.type != "BOOKMARK":
            self._sink.upsert(event.object, listed=False)
        return event

    def _in_contact(self, when: float) -> None:
        self.last_contact = when
        self.refused = False
        self._delays = iter(self._pace.backoff)

    def _decoded(self, decoder: msgspec.json.Decoder[T], body: bytes | msgspec.Raw) -> T:
        try:
            return decoder.decode(body)
        except msgspec.DecodeError as error:
            raise Unreachable(
                f"{self._selection.path}: not an answer of the API: {error}"
            ) from None


def _position_is_lost(error: KubeError) -> bool:
    """Whether the server cannot take up from our version: forgotten, not understood, not reached.

    The last of these happens after etcd was restored from a backup.
    """
    if isinstance(error, Gone | Invalid):
        return True
    return isinstance(error, ApiError) and any(
        cause.reason == "ResourceVersionTooLarge" for cause in error.causes
    )
