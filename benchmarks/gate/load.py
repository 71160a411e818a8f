"""A load generator: connections that send their next request as soon as the last one is answered."""

from __future__ import annotations

import asyncio
import itertools
import re
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, cast

from benchmarks.processes import cpu_seconds

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

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


@dataclass(frozen=True, slots=True)
class Figure:
    """How many answers per second, and per second of the server's processor time."""

    per_second: float
    per_cpu_second: float
    """What is compared: it is the same on a machine that is shared with others."""


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


async def load(port: int, requests: Sequence[bytes], pid: int, *, seconds: float) -> Figure:
    """Send the requests in turn: each once to warm up, then on for so many seconds, in which is measured.

    AssertionError if an answer is not as it should be: a fast refusal would be no figure.
    """
    tally, endless = Tally(), itertools.cycle(requests)
    loop = asyncio.get_running_loop()
    for _ in range(CONNECTIONS):
        await loop.create_connection(lambda: _Connection(endless, tally), "127.0.0.1", port)
    while tally.answers < max(len(requests), WARM_UP):  # noqa: ASYNC110 - an event per answer costs
        await asyncio.sleep(0.1)
    before, began, used = tally.answers, perf_counter(), cpu_seconds(pid)
    await asyncio.sleep(seconds)
    answers = tally.answers - before
    figure = Figure(answers / (perf_counter() - began), answers / (cpu_seconds(pid) - used))
    tally.running = False
    await asyncio.sleep(0.2)
    assert tally.failures == tally.inactive == 0, tally
    return figure
