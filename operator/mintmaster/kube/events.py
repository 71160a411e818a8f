"""Events for `kubectl describe`: best effort, and never in the way of anything else."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NoReturn

import msgspec

from mintmaster.kube.backoff import Backoff
from mintmaster.kube.errors import KubeError
from mintmaster.kube.lease import unique_identity
from mintmaster.kube.paths import collection_path

if TYPE_CHECKING:
    from collections.abc import Callable

    from mintmaster.kube.client import Client
    from mintmaster.kube.clock import Clock

__all__ = ["EventRecorder", "ObjectReference", "TokenBucket"]

log = logging.getLogger(__name__)

MAX_MESSAGE_BYTES = 1024
"""What the API server takes in an Event's message (validation of core/v1 Events)."""

QUEUE_LENGTH = 256
"""Events that may wait for a slow server; more would only tell of the past."""

SEND_TIMEOUT = 5.0
"""Seconds for one Event."""


class ObjectReference(
    msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True
):
    """The object that an Event is about."""

    api_version: str
    kind: str
    name: str
    uid: str
    namespace: str = ""


@dataclass(slots=True)
class TokenBucket:
    """A limit of `rate` per second on average, of `burst` at once."""

    rate: float = 10.0
    burst: float = 100.0
    monotonic: Callable[[], float] = time.monotonic
    _level: float = 0.0
    _at: float = float("-inf")

    def take(self) -> bool:
        """Take one, if there is one."""
        now = self.monotonic()
        self._level = min(self.burst, self._level + (now - self._at) * self.rate)
        self._at = now
        if self._level < 1:
            return False
        self._level -= 1
        return True


class EventRecorder:
    """Writes Events one after another; under load, or on errors, it drops and counts them."""

    def __init__(
        self,
        client: Client,
        clock: Clock,
        *,
        component: str = "mintmaster",
        instance: str | None = None,
        limit: TokenBucket | None = None,
    ) -> None:
        self._client = client
        self._clock = clock
        self._component = component
        self._instance = (instance or unique_identity())[:128]
        self._limit = limit or TokenBucket()
        self._queue: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue(QUEUE_LENGTH)
        self.dropped = 0
        """Events that were not written, for whatever reason."""

    def record(
        self,
        about: ObjectReference,
        type_: Literal["Normal", "Warning"],
        reason: str,
        message: str,
        action: str,
    ) -> None:
        """Queue an Event; returns at once and never raises.

        `reason` and `action` are UpperCamelCase words, `message` a sentence without secrets, cut
        to 1024 bytes.
        """
        if self._queue.full() or not self._limit.take():
            self.dropped += 1
            return
        # Events about cluster-scoped objects live in "default" (validation of core/v1 Events).
        namespace = about.namespace or "default"
        event = self._event(about, namespace, _cut(message))
        event |= {"type": type_, "reason": reason, "action": action}
        self._queue.put_nowait((namespace, msgspec.json.encode(event)))

    async def run(self) -> NoReturn:
        """Write what is recorded, until cancelled."""
        delays = iter(Backoff())
        while True:
            namespace, body = await self._queue.get()
            try:
                await self._send(namespace, body)
                delays = iter(Backoff())
            except KubeError as error:
                self.dropped += 1
                log.info("an Event was dropped: %s", error)
                await asyncio.sleep(next(delays))
            finally:
                self._queue.task_done()

    async def drain(self, seconds: float = 2.0) -> None:
        """Give what is queued this long to be written by `run`; the rest is dropped."""
        try:
            async with asyncio.timeout(seconds):
                await self._queue.join()
        except TimeoutError:
            left = self._queue.qsize()
            self.dropped += left
            log.info("%d Events were dropped at shutdown", left)

    async def _send(self, namespace: str, body: bytes) -> None:
        path = collection_path("v1", "events", namespace)
        await self._client.request("POST", path, body=body, timeout=SEND_TIMEOUT)

    def _event(self, about: ObjectReference, namespace: str, message: str) -> dict[str, object]:
        now = self._clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": f"{about.name[:200]}.{uuid.uuid4().hex}", "namespace": namespace},
            "involvedObject": about,
            "message": message,
            "source": {"component": self._component},
            "reportingComponent": self._component,
            "reportingInstance": self._instance,
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
        }


def _cut(message: str) -> str:
    """Shorten to the limit, between characters."""
    return message.encode()[:MAX_MESSAGE_BYTES].decode(errors="ignore")
