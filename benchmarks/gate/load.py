"""A load generator: connections that send their next request as soon as the last one is answered."""

from __future__ import annotations

import asyncio
import itertools
import re
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING, cast

from benchmarks.processes import cpu_seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

CONNECTIONS = 32
WARM_UP = 10_000
"""Requests before anything is measured."""

_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


@dataclass
class Tally:
    """What came back."""

    answers: int = 0
    failures: int = 0
    """Answers with another status than 200."""
    inactive: int = 0
    running: bool = True


@dataclass
class Figure:
    """How many answers, in how much time and processor time of the server."""

    answers: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0

    @property
    def per_second(self) -> float:
        """Answers per second."""
        return self.answers / self.seconds

    @property
    def per_cpu_second(self) -> float:
        """What is compared: on a machine that is shared with others it says more."""
        return self.answers / self.cpu_seconds


class _Connection(asyncio.Protocol):
    def __init__(self, requests: Iterator[bytes], tally: Tally) -> None:
        self._requests = requests
        self._tally = tally
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's are not registered as subclasses.
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(next(self._requests))

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, separator, body = self._received.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if not separator or (length and len(body) < int(length[1])):
            return
        self._count(head, body)
        self._received = b""
        if self._tally.running:
            self._transport.write(next(self._requests))
        else:
            self._transport.close()

    def _count(self, head: bytes, body: bytes) -> None:
        self._tally.answers += 1
        self._tally.failures += not head.startswith(b"HTTP/1.1 200")
        self._tally.inactive += body == b'{"active":false}'


@dataclass
class Target:
    """A server, and the requests that it gets in turn."""

    port: int
    pid: int
    requests: Sequence[bytes]
    figure: Figure = field(default_factory=Figure)
    _next: Iterator[bytes] = field(init=False)

    def __post_init__(self) -> None:
        self._next = itertools.cycle(self.requests)

    async def warm_up(self) -> None:
        """Send each request once at least."""
        await self._sent(lambda tally: tally.answers >= max(len(self.requests), WARM_UP))

    async def measure(self, seconds: float) -> None:
        """Send requests for so many seconds, and add what came of it to the figure."""
        used, began = cpu_seconds(self.pid), perf_counter()
        tally = await self._sent(lambda _: perf_counter() - began >= seconds)
        self.figure.answers += tally.answers
        self.figure.seconds += perf_counter() - began
        self.figure.cpu_seconds += cpu_seconds(self.pid) - used

    async def _sent(self, enough: Callable[[Tally], bool]) -> Tally:
        """AssertionError if an answer is not as it should be: a fast refusal would be no figure."""
        tally, loop = Tally(), asyncio.get_running_loop()
        connections = [
            await loop.create_connection(
                lambda: _Connection(self._next, tally), "127.0.0.1", self.port
            )
            for _ in range(CONNECTIONS)
        ]
        while not enough(tally):  # noqa: ASYNC110 - an event per answer would be felt
            await asyncio.sleep(0.05)
        tally.running = False
        while not all(transport.is_closing() for transport, _ in connections):  # noqa: ASYNC110 - at the end
            await asyncio.sleep(0.01)
        assert tally.answers > 0
        assert tally.failures == tally.inactive == 0, tally
        return tally
