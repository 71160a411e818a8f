"""Compare introspection with an empty handler: `python -m benchmarks.gate`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote_plus

import uvloop

from benchmarks.gate.load import Target

if TYPE_CHECKING:
    from collections.abc import Iterator

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


def request(body: str, headers: str = "") -> bytes:
    """A POST to the introspection endpoint."""
    return (
        "POST /oauth2/introspect HTTP/1.1\r\nhost: localhost\r\n"
        "content-type: application/x-www-form-urlencoded\r\n"
        f"content-length: {len(body)}\r\n{headers}\r\n{body}"
    ).encode()


async def in_turns(*targets: Target) -> None:
    """Measure servers in turns, so that what else the machine does falls on all of them."""
    for target in targets:
        await target.warm_up()
    for _ in range(TURNS):
        for target in targets:
            await target.measure(SECONDS)


def measured(count: int) -> tuple[Figure, Figure, float]:
    """What the empty handler does, and a gate that knows so many tokens, all asked for in turn; and its MiB."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "tokens")
        with served("empty") as idle, served("gate", str(count), str(file)) as gate:
            asker, *tokens = file.read_text().splitlines()
            header = f"authorization: Bearer {asker}\r\n"
            requests = [request(f"token={quote_plus(token)}", header) for token in tokens]
            # The same octets for both: reading them is the server's work, not the handler's.
            empty = Target(*idle, requests)
            full = Target(*gate, requests)
            uvloop.run(in_turns(empty, full))
            return empty.figure, full.figure, resident(gate[1])


def resident(pid: int) -> float:
    """The memory of a process in MiB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def main() -> None:
    """Print the figures."""
    os.sched_setaffinity(0, {1})
    for count in COUNTS:
        empty, gate, mebibytes = measured(count)
        print(_line("empty handler", empty))
        ratio = gate.per_cpu_second / empty.per_cpu_second
        told = _line(f"{count:,} known tokens", gate)
        print(f"{told}   {ratio:4.2f} of the empty handler   {mebibytes:4.0f} MiB")


def _line(what: str, figure: Figure) -> str:
    return f"{what:22} {figure.per_second:9,.0f} /s {figure.per_cpu_second:9,.0f} per CPU second"


if __name__ == "__main__":
    main()
