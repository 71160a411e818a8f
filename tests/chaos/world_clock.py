"""The time of day that processes are shown: files with an offset each, which the rig moves and the processes map."""

from __future__ import annotations

import mmap
import struct
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from chaos.record import Clock

if TYPE_CHECKING:
    from pathlib import Path

_OFFSET = struct.Struct("<d")


class OffsetFile:
    """A number of seconds in a file, shared between the rig and one process."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.write_bytes(_OFFSET.pack(0.0))
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), _OFFSET.size)

    @property
    def seconds(self) -> float:
        found: float = _OFFSET.unpack(self._map)[0]
        return found

    @seconds.setter
    def seconds(self, value: float) -> None:
        self._map[:] = _OFFSET.pack(value)


class OffsetClock:
    """The clock of a process of ours, in the form that `mintmaster.kube.clock.Clock` has."""

    def __init__(self, offset: OffsetFile) -> None:
        self._offset = offset

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self._offset.seconds)


class WorldClock:
    """World time, and by how much the clock of each process is off."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[str, OffsetFile] = {}
        self._off: dict[str, float] = {}
        self._passed = 0.0
        self.history = Clock([(float("-inf"), time.time() - time.monotonic())])

    def file(self, name: str) -> Path:
        """The file of a process."""
        path = self._folder / f"{name}.clock"
        self._files.setdefault(name, OffsetFile(path))
        return path

    def now(self) -> float:
        """World time, in POSIX seconds."""
        return time.time() + self._passed

    def pass_time(self, seconds: float) -> None:
        """Let time pass for everybody."""
        self._passed += seconds
        self.history.moves.append((time.monotonic(), self.now() - time.monotonic()))
        self._write()

    def put_off(self, name: str, seconds: float) -> None:
        """Set the clock of one process wrong, or right again with 0."""
        self._off[name] = seconds
        self._write()

    def _write(self) -> None:
        for name, file in self._files.items():
            file.seconds = self._passed + self._off.get(name, 0.0)
