"""What a process takes, read from /proc."""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.polling import until
from benchmarks.processes import Failed, is_ready, serving, shown

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator

_PAGE = os.sysconf("SC_PAGE_SIZE")


def resident(pid: int) -> int:
    """Octets of memory that are resident (proc(5), statm)."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE


def peak(pid: int) -> int:
    """The most octets that were resident (proc(5), VmHWM)."""
    status = Path(f"/proc/{pid}/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def descriptors(pid: int) -> int:
    """Files and sockets that are open."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


@dataclass(frozen=True, slots=True)
class Gate:
    """A running `mintmaster gate`."""

    process: Process
    address: str

    async def metrics(self) -> dict[str, float]:
        """The series that it shows, by name and labels."""
        return await shown(self.address)

    async def wait_until_ready(self) -> None:
        """Wait until it knows everything."""
        await until(self._is_ready, within=600)

    async def _is_ready(self) -> bool:
        if self.process.returncode is not None:
            raise Failed("the gate has ended")
        return await is_ready(self.address)


@asynccontextmanager
async def gate(kubeconfig: str, log: Path) -> AsyncIterator[Gate]:
    """Run a gate for the length of the block."""
    async with serving("gate", kubeconfig, log) as (process, address):
        yield Gate(process, address)
