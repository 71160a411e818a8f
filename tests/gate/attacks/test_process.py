"""Attacks 20 and 44 on a gate in a process of its own: its memory stays bounded, and others get answers."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from gate.load.replicas import replicas

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from gate.load.replicas import Replica
    from reconcile.harness import Cluster

MEBIBYTE = 1024 * 1024
BOUND = 64 * MEBIBYTE
"""By how much a gate may grow, whatever it is sent."""


@dataclass
class Target:
    """A gate that knows an issuer, as an attacker sees it."""

    replica: Replica
    issuer: str

    def head(self, path: str, *fields: bytes) -> bytes:
        start = f"POST /issuers/{self.issuer}{path} HTTP/1.1\r\nhost: x\r\n".encode()
        return start + b"".join(field + b"\r\n" for field in fields) + b"\r\n"

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", urlsplit(self.replica.url).port)

    async def told(self, parts: Iterable[bytes]) -> bytes:
        """What comes back for as much of it as is taken; nothing if the gate hangs up before that is read."""
        reader, writer = await self.connect()
        try:
            for part in parts:
                writer.write(part)
                await writer.drain()
            return await reader.read()
        except ConnectionError:
            return b""
        finally:
            writer.transport.abort()

    async def answers(self) -> None:
        """Expect that somebody else is answered."""
        url = f"{self.replica.url}/issuers/{self.issuer}/jwks"
        async with self.replica.session.get(url) as answer:
            assert answer.status == 200

    @asynccontextmanager
    async def in_bounds(self) -> AsyncIterator[None]:
        """Expect that the gate lives through the block in little more memory than before, and answers."""
        before = self._peak()
        yield
        await self.answers()
        assert self._peak() - before < BOUND

    def _peak(self) -> int:
        """The most memory that the process ever had, in octets."""
        status = Path(f"/proc/{self.replica.process.pid}/status").read_text()
        (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024


@pytest.fixture
async def target(cluster_user: Cluster, tmp_path: Path) -> AsyncIterator[Target]:
    await cluster_user.create_issuer()
    async with replicas(cluster_user.kubeconfig, tmp_path) as gates:
        yield Target(await gates.start(), cluster_user.issuer)


ENDPOINTS = ["/oauth2/introspect", "/oauth2/revoke", "/oauth2/token", "/k8s/tokenreview"]
FORM = b"content-type: application/x-www-form-urlencoded"


@pytest.mark.parametrize("path", ENDPOINTS)
async def test_20_a_body_of_a_hundred_megabytes_is_not_taken_in(target: Target, path: str) -> None:
    piece = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
    chunked = target.head(path, FORM, b"transfer-encoding: chunked")
    announced = target.head(path, FORM, b"content-length: 100000000")
    async with target.in_bounds():
        for body in ((chunked, *[piece] * 1600), (announced, *[b"x" * 65_536] * 1600)):
            said = await target.told(body)
            assert said == b"" or said.startswith(b"HTTP/1.1 413 ")


async def test_20_tokens_of_a_megabyte_are_inactive_in_bounded_memory(target: Target) -> None:
    head = target.head("/k8s/tokenreview", b"content-length: 1000000", b"connection: close")
    start = b'{"apiVersion":"authentication.k8s.io/v1","kind":"TokenReview","spec":{"token":"'
    end = b'"}}'
    filler = 1_000_000 - len(start) - len(end)
    async with target.in_bounds():
        for form in (b"x" * filler, b"[" * filler, b"eyJh." + b"A" * (filler - 5)):
            said = await target.told([head + start + form + end])
            assert b'"authenticated":false' in said


async def test_44_a_thousand_connections_that_say_nothing_keep_nobody_out(target: Target) -> None:
    async with target.in_bounds():
        idle = [await target.connect() for _ in range(1000)]
        for _, writer in idle[::2]:
            writer.write(b"POST /oauth2/introspect HTTP/1.1\r\nhost:")
        await target.answers()
        for _, writer in idle:
            writer.transport.abort()
