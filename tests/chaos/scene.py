"""What every fault has at hand."""

from __future__ import annotations

import asyncio
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from chaos.record import Disturbance

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from chaos.load import Load
    from chaos.record import Record
    from chaos.stage import Stage
    from chaos.watching import Observer


@dataclass
class Scene:
    """A stage with everything going on upon it."""

    stage: Stage
    record: Record
    observer: Observer
    load: Load
    say: Callable[[str], None]
    ends_at: float = 0.0
    """When the faults are to be over, on the monotonic clock."""
    control_plane: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Whoever stops or restores components holds it."""
    backups: list[tuple[float, Path]] = field(default_factory=list)
    """When the database was saved, and where to."""

    @contextmanager
    def disturbing(self, whom: str) -> Iterator[None]:
        """Write down that somebody is cut off, or may be, for the length of the block."""
        since = time.monotonic()
        try:
            yield
        finally:
            self.record.disturbances.append(Disturbance(whom, since, time.monotonic()))
