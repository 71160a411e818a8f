"""When each resource became Ready, seen by a watch of the benchmark's own."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING

import aiohttp
import msgspec

from benchmarks.api import Meta, Page, resources_path
from benchmarks.processes import Failed
from mintmaster.api.reasons import State
from mintmaster.kube.lines import LineSplitter

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from benchmarks.api import Api

PAUSE = 0.2
"""Seconds until a watch is tried again that was refused as one too many."""


class _Status(msgspec.Struct):
    state: str = ""
    revision: int = 0


class _Resource(msgspec.Struct):
    metadata: Meta
    status: _Status = msgspec.field(default_factory=_Status)


class _Event(msgspec.Struct):
    object: _Resource


_decode = msgspec.json.Decoder(_Event).decode


@dataclass(slots=True)
class Stopwatch:
    """Moments on the monotonic clock, in seconds, by name of resource."""

    position: str
    """The resourceVersion of the last event."""
    revision: int = 1
    """The least one that counts."""
    ready: dict[str, float] = field(default_factory=dict)
    _more: asyncio.Event = field(default_factory=asyncio.Event)
    _end: Exception | None = None

    async def wait_for(self, count: int, *, within: float = 300) -> None:
        """Wait until so many resources are Ready; TimeoutError after so many seconds."""
        async with asyncio.timeout(within):
            while len(self.ready) < count:
                await self._next()

    async def wait_for_name(self, name: str, *, within: float = 60) -> float:
        """Wait until one resource is Ready; returns when that was. TimeoutError after so many seconds."""
        async with asyncio.timeout(within):
            while name not in self.ready:
                await self._next()
        return self.ready[name]

    @property
    def rate(self) -> float:
        """Resources per second from the first to the last that became Ready."""
        return (len(self.ready) - 1) / (self.last - min(self.ready.values()))

    @property
    def last(self) -> float:
        """When the last one became Ready."""
        return max(self.ready.values())

    def end(self, why: Exception) -> None:
        """Nothing more will be seen: whoever waits fails."""
        self._end = why
        self._more.set()

    async def _next(self) -> None:
        if self._end is not None:
            raise Failed("the watch on the resources has ended") from self._end
        self._more.clear()
        await self._more.wait()

    def take(self, line: bytes) -> None:
        """Take in one event."""
        resource = _decode(line).object
        self.position = resource.metadata.resource_version
        if resource.status.state == State.ACTIVE and resource.status.revision >= self.revision:
            self.ready.setdefault(resource.metadata.name, time.monotonic())
            self._more.set()


@asynccontextmanager
async def stopwatch(api: Api, namespace: str, revision: int = 1) -> AsyncIterator[Stopwatch]:
    """Watch the resources of a namespace; what is Ready already does not count, nor does an earlier revision."""
    path = resources_path(namespace)
    page = msgspec.json.decode(await api.request("GET", f"{path}?limit=1"), type=Page)
    seen = Stopwatch(page.metadata.resource_version, revision)
    reading = asyncio.create_task(_read(api, path, seen))
    try:
        yield seen
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


async def _read(api: Api, path: str, seen: Stopwatch) -> None:
    """Watch, and take up again where the server closes a watch, as it does when it is short of time itself.

    It answers 429 until it has read what there is of a kind that it has just been told of.
    """
    try:
        while True:
            watch = f"{api.server}{path}?watch=1&resourceVersion={seen.position}"
            async with api.session.get(watch) as response:
                if response.status == HTTPStatus.TOO_MANY_REQUESTS:
                    await asyncio.sleep(PAUSE)
                    continue
                response.raise_for_status()
                splitter = LineSplitter()
                async for chunk in response.content.iter_any():
                    for line in splitter.feed(chunk):
                        seen.take(line)
    except (aiohttp.ClientError, msgspec.MsgspecError) as error:
        seen.end(error)
