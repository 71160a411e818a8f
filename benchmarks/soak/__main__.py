"""`python -m benchmarks.soak --minutes 15`: operator and gate under load; fails if anything of theirs grows."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer

from benchmarks.scale import processes
from benchmarks.soak.load import prepared
from benchmarks.soak.sampling import PAUSE, Samples, keep_sampling
from benchmarks.soak.trend import BLOCKS, TooShort
from benchmarks.stage import set_up
from mintmaster.localcluster import progress

if TYPE_CHECKING:
    from collections.abc import Coroutine

WARM_UP = 1 / 3
"""Share of the run that is not judged, and LEAST_WARM_UP at the least."""

LEAST_WARM_UP = 10.0
"""Minutes: as long as the tokens live. Until then statuses, and whoever knows them, gain tokens that have not expired,
caches of a bounded size fill up, and the allocator takes memory for the first of each kind of peak."""

LEAST_MINUTES = LEAST_WARM_UP + 2 * BLOCKS * PAUSE / 60 * 1.5
"""Shorter runs have too few samples for a trend."""

SHORT_WATCHES = "--min-request-timeout=30"
"""The API server ends each watch after 30 to 60 seconds, rather than after 30 to 60 minutes, so that all are taken up
anew again and again."""


async def run(minutes: float) -> bool:
    """Run for so many minutes; print the trends, and return whether everything was flat.

    They are printed also where operator or gate end before, or badly: what they took until then says why, perhaps.
    """
    samples, done = Samples(), Counter[str]()
    began = time.monotonic()
    try:
        async with set_up(progress.to_stderr, apiserver_args=(SHORT_WATCHES,)) as stage:
            log = stage.operator_log
            async with stage.operator() as operator, processes.gate(stage.kubeconfig, log) as gate:
                await gate.wait_until_ready()
                async with prepared(stage, gate.address) as load:
                    load.done, began = done, time.monotonic()
                    await _for(minutes, load.run(), keep_sampling(stage, operator, gate, samples))
    finally:
        warm_up = max(minutes * WARM_UP, LEAST_WARM_UP)
        flat = _told(samples, done, began + 60 * warm_up)
    return flat


async def _for(minutes: float, *work: Coroutine[object, object, None]) -> None:
    """Do all of it at once for so many minutes."""
    with suppress(TimeoutError):
        async with asyncio.timeout(60 * minutes), asyncio.TaskGroup() as group:
            for each in work:
                group.create_task(each)


def _told(samples: Samples, done: Counter[str], warm: float) -> bool:
    """Print what was done and every trend; whether all are flat."""
    print("done: " + ", ".join(f"{count} {name}" for name, count in sorted(done.items())))
    print(
        f"samples: every {PAUSE:.0f} s, {samples.missed} missed; means of parts, warm-up included:"
    )
    for name, means in samples.courses():
        print(f"{name:28} {' '.join(f'{mean:7.1f}' for mean in means)}")
    print("trends after the warm-up:")
    flat = True
    try:
        for name, is_flat, told in samples.verdicts(warm):
            print(f"{name:28} {told}   {'flat' if is_flat else 'GROWS'}")
            flat = flat and is_flat
    except TooShort as error:
        print(error)
        return False
    return flat


def soak(
    minutes: Annotated[float, typer.Option(help="How long.", min=LEAST_MINUTES)] = 15,
) -> None:
    """Keep operator and gate at work, and fail if memory, descriptors, tasks or watches grow."""
    if not asyncio.run(run(minutes)):
        raise typer.Exit(1)


if __name__ == "__main__":
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(soak)
    app()
