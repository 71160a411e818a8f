"""The wire between an operator and its API server, to be cut while everybody else still reaches the server."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


class Wire:
    """A TCP proxy that hands bytes on, or nothing while it is cut."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._whole = True
        self._open: set[asyncio.StreamWriter] = set()

    def cut(self) -> None:
        """Break all connections and let none come about."""
        self._whole = False
        for writer in self._open:
            writer.transport.abort()

    def mend(self) -> None:
        self._whole = True

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection."""
        if not self._whole:
            writer.transport.abort()
            return
        try:
            upstream, downstream = await asyncio.open_connection("127.0.0.1", self._port)
        except OSError:
            writer.transport.abort()
            return
        await asyncio.gather(self._carry(reader, downstream), self._carry(upstream, writer))

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            while chunk := await reader.read(65536):
                writer.write(chunk)
                await writer.drain()
        except OSError:
            return
        finally:
            self._open.discard(writer)
            writer.close()


@asynccontextmanager
async def wired(kubeconfig: Path, folder: Path) -> AsyncIterator[tuple[Wire, Path]]:
    """Lay a wire to the server of a kubeconfig; yields it and a kubeconfig that leads through it."""
    port = _port(kubeconfig)
    wire = Wire(port)
    listening = await asyncio.start_server(wire.accept, "127.0.0.1", 0)
    try:
        through = listening.sockets[0].getsockname()[1]
        yield wire, _rewritten(kubeconfig, folder, port, through)
    finally:
        wire.cut()
        listening.close()
        await listening.wait_closed()


def _port(kubeconfig: Path) -> int:
    lines = kubeconfig.read_text().splitlines()
    port = urlsplit(next(line.split()[-1] for line in lines if "server:" in line)).port
    assert port is not None
    return port


def _rewritten(kubeconfig: Path, folder: Path, port: int, through: int) -> Path:
    """The same kubeconfig with another port."""
    rewritten = folder / "through-the-wire.kubeconfig"
    rewritten.write_text(kubeconfig.read_text().replace(f":{port}", f":{through}"))
    return rewritten
