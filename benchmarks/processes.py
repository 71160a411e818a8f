"""Processes beside the benchmark: the operator and the bare loop, and what they use of the machine."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp

from benchmarks.polling import until
from mintmaster.localcluster import ports

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator

_TICKS = os.sysconf("SC_CLK_TCK")


class Failed(Exception):
    """A process did not do its work."""


@dataclass(frozen=True, slots=True)
class Operator:
    """A running `mintmaster operator`."""

    process: Process
    address: str

    @property
    def cpu_seconds(self) -> float:
        """Processor time used since the start."""
        return cpu_seconds(self.process.pid)

    @property
    def peak_megabytes(self) -> float:
        """The most memory that was resident (VmHWM, proc(5)), in 10^6 bytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 / 1e6

    async def metrics(self) -> dict[str, float]:
        """The series that it shows, by name and labels."""
        return await shown(self.address)

    async def wait_until_leading(self) -> None:
        """Wait until it does the work."""
        await until(self._leads, within=60)

    async def _leads(self) -> bool:
        try:
            return (await self.metrics())["mintmaster_leader"] == 1
        except aiohttp.ClientConnectionError:
            return False


async def shown(address: str) -> dict[str, float]:
    """The metrics at an address, by name and labels."""
    async with aiohttp.ClientSession() as session:
        response = await session.get(f"http://{address}/metrics")
        lines = (await response.text()).splitlines()
    pairs = (line.rpartition(" ") for line in lines if not line.startswith("#"))
    return {series: float(value) for series, _, value in pairs}


@asynccontextmanager
async def operator(kubeconfig: str, log: Path, *options: str) -> AsyncIterator[Operator]:
    """Run the operator as users do; it ends in order with the block. Failed if it ended before, or badly."""
    async with serving("operator", kubeconfig, log, *options) as (process, address):
        yield Operator(process, address)


@asynccontextmanager
async def gate(kubeconfig: str, log: Path) -> AsyncIterator[str]:
    """Run a gate, wait until it is ready, and give its address. Failed if it ended before the block, or badly."""
    async with serving("gate", kubeconfig, log) as (_, address):
        await until(partial(is_ready, address))
        yield address


@asynccontextmanager
async def serving(
    what: str, kubeconfig: str, log: Path, *options: str
) -> AsyncIterator[tuple[Process, str]]:
    """Run a server of ours for the length of the block. Failed if it ended before, or badly."""
    address = f"{ports.LOOPBACK}:{ports.free(1)[0]}"
    command = Path(sys.executable).with_name("mintmaster")
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            command,
            *(what, "--listen", address, "--kubeconfig", kubeconfig, *options),
            stderr=output,
        )
    try:
        yield process, address
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await process.wait()
    if process.returncode != 0:
        raise Failed(f"the {what} ended with {process.returncode}; its log is {log}")


async def is_ready(address: str) -> bool:
    """Whether a server says that it is ready."""
    try:
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://{address}/readyz") as answer,
        ):
            return answer.status == 200
    except aiohttp.ClientConnectionError:
        return False


async def bare_loop(*arguments: object) -> float:
    """Run the bare loop to its end; returns the processor time that it used, in seconds."""
    before = os.times()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.bare", *map(str, arguments)
    )
    if await process.wait() != 0:
        raise Failed(f"the bare loop ended with {process.returncode}")
    after = os.times()
    return (
        after.children_user + after.children_system - before.children_user - before.children_system
    )


def cpu_seconds(pid: int) -> float:
    """Processor time of a process, user and system (proc(5), fields 14 and 15 of stat)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS
