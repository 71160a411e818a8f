"""The command `mintmaster` with a clock that the rig sets: `python -m chaos.launched OFFSET-FILE IDENTITY ARGUMENT...`.

Everything else is the command as it is, but that an operator calls itself what the rig can tell it by.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chaos.world_clock import OffsetClock, OffsetFile
from mintmaster.cli import gate, main, operator
from mintmaster.gate.process import Process as GateProcess
from mintmaster.operator.process import Process as OperatorProcess
from mintmaster.operator.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

_LOOK_SECONDS = 0.5


def arrange(offset: OffsetFile, identity: str) -> None:
    """Have both commands use the clock of the rig."""
    clock = OffsetClock(offset)

    class Timed(OperatorProcess):
        """An operator that notices at once when time has passed, as if it had; it would within half a minute."""

        async def run(
            self, stop: asyncio.Event, *, on_start: Callable[[], None] = lambda: None
        ) -> None:
            following = asyncio.create_task(_follow(offset, self))
            try:
                await super().run(stop, on_start=on_start)
            finally:
                following.cancel()
                with suppress(asyncio.CancelledError):
                    await following

    # The commands look these names up when they are run.
    replaced: Any = operator
    replaced.Process = partial(Timed, clock=clock)
    replaced.Settings = partial(Settings, identity=identity)
    replaced = gate
    replaced.Process = partial(GateProcess, clock=clock)


async def _follow(offset: OffsetFile, process: OperatorProcess) -> None:
    before = offset.seconds
    while True:
        await asyncio.sleep(_LOOK_SECONDS)
        if offset.seconds != before:
            before = offset.seconds
            if process.core is not None:
                process.core.deadlines.recheck()


if __name__ == "__main__":
    arrange(OffsetFile(Path(sys.argv[1])), sys.argv[2])
    del sys.argv[1:3]
    main.run()
