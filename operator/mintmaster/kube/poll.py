"""Keeping up with one object that may be read by its name alone, and so cannot be watched."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, NoReturn

import msgspec

from mintmaster.kube.backoff import Backoff
from mintmaster.kube.errors import ApiError, Forbidden, KubeError, NotFound, Unreachable
from mintmaster.kube.reflector import ObjectKey

if TYPE_CHECKING:
    from collections.abc import Callable

    from mintmaster.kube.client import Client
    from mintmaster.kube.reflector import Sink

__all__ = ["Poll"]

log = logging.getLogger(__name__)

INTERVAL = 30.0
"""Seconds between two looks: for so long at the most a change is not seen. One small request each."""


class _Meta(msgspec.Struct, rename="camel"):
    name: str
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""


class _Object(msgspec.Struct):
    metadata: _Meta


_decode = msgspec.json.Decoder(_Object).decode


class Poll:
    """Feeds a sink with one object, for ever, as a reflector does with a collection of that object alone."""

    def __init__(
        self,
        client: Client,
        path: str,
        sink: Sink,
        *,
        interval: float = INTERVAL,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._path = path
        self._sink = sink
        self._interval = interval
        self._monotonic = monotonic
        self._delays = iter(Backoff())
        self._asked = asyncio.Event()
        self._in_contact = False
        self.synced = asyncio.Event()
        """Set once it is known whether there is such an object, and how it stands."""
        self.answered = asyncio.Event()
        """Set once that is known, or was refused."""
        self.refused = False
        """Whether the last answer was that it may not be read."""
        self.last_contact = float("-inf")
        """When the copy was last known to be whole, on the monotonic clock, in seconds."""

    @property
    def position(self) -> str:
        """Empty: a single object shows no version up to which anything else is whole."""
        return ""

    def relist(self) -> None:
        """Look again now."""
        self._asked.set()

    async def run(self) -> NoReturn:
        """Look again and again until cancelled; raises only what the sink raises."""
        while True:
            began = self._monotonic()
            try:
                await self._look()
            except KubeError as error:
                pause = self._judge(error)
            else:
                self._was_seen(began)
                pause = self._interval
            await self._wait(pause)

    async def _look(self) -> None:
        try:
            body = await self._client.get(self._path)
        except NotFound:
            self._sink.listed(frozenset(), "")
            return
        try:
            meta = _decode(body).metadata
        except msgspec.DecodeError as error:
            raise Unreachable(f"{self._path}: not an answer of the API: {error}") from None
        self._sink.upsert(msgspec.Raw(body), listed=True)
        if not self._in_contact:
            # For a while nobody looked: others may have missed something meanwhile, too.
            key = ObjectKey(meta.namespace, meta.name, meta.uid)
            self._sink.listed(frozenset({key}), meta.resource_version)

    def _was_seen(self, when: float) -> None:
        self._delays = iter(Backoff())
        self._in_contact = True
        self.refused = False
        self.last_contact = when
        self.synced.set()
        self.answered.set()

    def _judge(self, error: KubeError) -> float:
        """Take note of an error; return the seconds after which to try again."""
        log.warning("%s: %s; reading again", self._path, error)
        self._in_contact = False
        self.refused = isinstance(error, Forbidden)
        if self.refused:
            self.answered.set()
        asked = (error.retry_after or 0.0) if isinstance(error, ApiError) else 0.0
        return max(asked, next(self._delays))

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._asked.wait()
        except TimeoutError:
            return
        self._asked.clear()
