"""Compare introspection and minting with an empty handler, and time revocations: `python -m benchmarks.gate`."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
from base64 import b64encode
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote_plus

import typer
import uvloop

from benchmarks.gate import revocation
from benchmarks.gate.load import Target

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.gate.load import Figure

SECONDS = 1.0
TURNS = 6
COUNTS = (1_000, 100_000)


@contextmanager
def served(*what: str) -> Iterator[tuple[int, int]]:
    """Serve on the first core; yields port and process id."""
    command = [sys.executable, "-m", "benchmarks.gate.served", *what]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline()), process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()
        process.stdout.close()


def request(path: str, body: str, authorization: str) -> bytes:
    """A POST of a form."""
    return (
        f"POST {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: {authorization}\r\n"
        "content-type: application/x-www-form-urlencoded\r\n"
        f"content-length: {len(body)}\r\n\r\n{body}"
    ).encode()


async def in_turns(*targets: Target) -> None:
    """Measure servers in turns, so that what else the machine does falls on all of them."""
    for target in targets:
        await target.warm_up()
    for _ in range(TURNS):
        for target in targets:
            await target.measure(SECONDS)


@dataclass(frozen=True)
class Comparison:
    """A gate beside an empty handler that got the same octets: reading them is the server's work."""

    empty: Figure
    gate: Figure
    mebibytes: float

    @property
    def ratio(self) -> float:
        """Of what the empty handler does in the same processor time."""
        return self.gate.per_cpu_second / self.empty.per_cpu_second


def compared(count: int, requests: Callable[[Path], list[bytes]]) -> Comparison:
    """Ask an empty handler, and a gate that knows so many tokens, by what the gate says that it can be asked."""
    with (
        tempfile.TemporaryDirectory() as folder,
        served("empty") as idle,
        served("gate", str(count), folder) as gate,
    ):
        asked = requests(Path(folder))
        empty, full = Target(*idle, asked), Target(*gate, asked)
        uvloop.run(in_turns(empty, full))
        return Comparison(empty.figure, full.figure, resident(gate[1]))


def introspections(folder: Path) -> list[bytes]:
    """One request about each token."""
    asker, *tokens = (folder / "tokens").read_text().splitlines()
    return [
        request("/oauth2/introspect", f"token={quote_plus(token)}", f"Bearer {asker}")
        for token in tokens
    ]


def grants(folder: Path) -> list[bytes]:
    """The one request of an application for a token."""
    credentials = ":".join((folder / "client").read_text().splitlines())
    authorization = f"Basic {b64encode(credentials.encode()).decode()}"
    path = "/issuers/applications/oauth2/token"
    return [request(path, "grant_type=client_credentials", authorization)]


def resident(pid: int) -> float:
    """The memory of a process in MiB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def main() -> None:
    """Compare introspection and minting at a gate with an empty handler, and time revocations.

    Takes about two minutes and two cores, of which one is left to the load.
    """
    print(asyncio.run(revocation.measured()))
    os.sched_setaffinity(0, {1})
    for count in COUNTS:
        _show(f"introspection, {count:,} tokens", compared(count, introspections))
    _show("client_credentials", compared(COUNTS[0], grants))


def _show(what: str, found: Comparison) -> None:
    print(_line("empty handler", found.empty))
    told = _line(what, found.gate)
    print(f"{told}   {found.ratio:4.2f} of the empty handler   {found.mebibytes:4.0f} MiB")


def _line(what: str, figure: Figure) -> str:
    return f"{what:30} {figure.per_second:9,.0f} /s {figure.per_cpu_second:9,.0f} per CPU second"


if __name__ == "__main__":
    typer.run(main)
