"""Operators and gates as real processes: started, harmed, and started again by whoever watches over them."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

TESTS = Path(__file__).parents[1]

RESTART_SECONDS = 0.5
"""Between the end of a process and its next start, as a kubelet waits a moment."""


def _import_path() -> str:
    """Where the processes import from: the rig, and before anything else what the rig itself was told to."""
    told = os.environ.get("PYTHONPATH", "")
    return os.pathsep.join(path for path in (told, str(TESTS)) if path)


@dataclass
class Supervised:
    """One replica, in one life after the other; each has a log of its own."""

    name: str
    command: tuple[str, ...]
    """After the name of the module."""
    clock: Path
    folder: Path
    lives: int = 0
    down_until: float = 0.0
    """Monotonic; it is not started before."""
    ends: list[int] = field(default_factory=list)
    """With which exit codes lives ended, negative for signals."""
    paused: bool = False
    process: subprocess.Popen[bytes] | None = None
    _read: dict[Path, int] = field(default_factory=dict)
    """How long each log was when the present run began."""

    @property
    def identity(self) -> str:
        """What it calls itself in the Lease; another one in each life."""
        return f"{self.name}.{self.lives}"

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def begin(self) -> None:
        """A run begins: what was before does not count."""
        self.ends.clear()
        self._read = {log: log.stat().st_size for log in self._logs()}

    def said(self) -> dict[str, str]:
        """What the logs say since the run began, by their names."""
        found = {}
        for log in self._logs():
            with log.open("rb") as text:
                text.seek(self._read.get(log, 0))
                found[log.name] = text.read().decode(errors="replace")
        return found

    def _logs(self) -> list[Path]:
        return sorted(self.folder.glob(f"{self.name}.*.log"))

    def start(self) -> None:
        """Begin the next life."""
        self.lives += 1
        self.paused = False
        with (self.folder / f"{self.identity}.log").open("wb") as output:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "chaos.launched", str(self.clock), self.identity),
                    *self.command,
                ],
                env=os.environ | {"PYTHONPATH": _import_path()},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )

    def kill(self, down: float = 0.0) -> None:
        """End it at once, and keep it down for so many seconds."""
        self.down_until = time.monotonic() + down
        self._signal(signal.SIGKILL)

    def end(self, down: float = 0.0) -> None:
        """Tell it to end in order."""
        self.down_until = time.monotonic() + down
        self.resume()
        self._signal(signal.SIGTERM)

    def pause(self) -> None:
        self.paused = True
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.paused = False
        self._signal(signal.SIGCONT)

    async def watch_over(self) -> None:
        """Start it whenever it does not run, until cancelled."""
        while True:
            if not self.running:
                if self.process is not None:
                    self.ends.append(self.process.returncode)
                    wait = max(self.down_until - time.monotonic(), RESTART_SECONDS)
                    await asyncio.sleep(wait)
                self.start()
            await asyncio.sleep(0.1)

    async def stop(self) -> int:
        """End it in order, by force where it does not end; the exit code."""
        if self.process is None:
            return 0
        self.resume()
        self._signal(signal.SIGTERM)
        for _ in range(200):
            if not self.running:
                break
            await asyncio.sleep(0.1)
        self._signal(signal.SIGKILL)
        return await asyncio.to_thread(self.process.wait)

    def _signal(self, number: signal.Signals) -> None:
        if self.running:
            assert self.process is not None
            with suppress(ProcessLookupError):
                self.process.send_signal(number)
