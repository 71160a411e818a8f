"""Run seeds, one after the other, and say what came out.

PYTHONPATH=tests python -m chaos [--seed N] [--seeds COUNT] [--seconds S] [--folder DIR]
"""

from __future__ import annotations

import argparse
import asyncio
import secrets
import shutil
import signal
import sys
import time
import traceback
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING

from chaos import plan
from chaos.report import Report, summary, tell
from chaos.run import run
from chaos.stage import staged

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chaos.stage import Stage


def main(arguments: Sequence[str]) -> int:
    """Return 0 if every invariant held in every run, else 1."""
    asked = _parser().parse_args(arguments)
    first = secrets.randbelow(10**6) if asked.seed is None else asked.seed
    seeds = list(range(first, first + asked.seeds))
    if asked.plan:
        for seed in seeds:
            _show(seed, asked.seconds)
        return 0
    # Kubeconfigs in it name files beside them, and would take a relative path from where they are.
    folder = asked.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    outcomes: dict[int, bool] = {}
    while seeds:
        asyncio.run(_series(seeds, asked.seconds, folder, outcomes))
    tell(summary(outcomes, asked.seconds))
    return 0 if all(outcomes.values()) else 1


async def _series(
    seeds: list[int], seconds: float, folder: Path, outcomes: dict[int, bool]
) -> None:
    """Run seeds on one stage, up to the first in which an invariant is broken: what it leaves is kept."""
    this = asyncio.current_task()
    assert this is not None
    # Whoever ends the rig ends all that it has started, too; as with Ctrl-C.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, this.cancel)
    place = Path(mkdtemp(prefix=f"seed-{seeds[0]}-", dir=folder))
    held = True
    try:
        async with staged(place) as stage:
            while seeds and held:
                await stage.clear()
                held = outcomes[seeds[0]] = await _one(stage, seeds[0], seconds)
                del seeds[0]
    except Exception:  # noqa: BLE001 - the next seed is to be run all the same
        held = False
        tell(f"there is nothing to run seeds on\n{traceback.format_exc()}")
        outcomes.update(dict.fromkeys(seeds[:1], False))
        del seeds[:1]
    if held:
        shutil.rmtree(place)
    else:
        _shred(place)
        tell(f"  what it left is in {place}")


async def _one(stage: Stage, seed: int, seconds: float) -> bool:
    """One run; whether all invariants held."""
    tell(f"seed {seed}: {seconds:.0f} s of faults")
    with (stage.folder / f"run-{seed}.log").open("w") as log:
        report = Report(log, time.monotonic())
        try:
            verdicts, record = await run(stage, seed, seconds, report.say)
        except Exception:  # noqa: BLE001 - a fault of the rig is a failed run, too
            report.say("the rig itself failed:\n" + traceback.format_exc())
            held = False
        else:
            held = report.conclude(verdicts, record)
    if not held:
        tell(f"  repeat it with: make chaos SEED={seed} SECONDS={seconds:.0f}")
    return held


def _show(seed: int, seconds: float) -> None:
    tell(f"seed {seed}: {seconds:.0f} s of faults")
    for fault in plan.faults(seed, seconds):
        tell(f"  {fault.at:6.1f} {fault}")


def _shred(place: Path) -> None:
    """Leave logs only: no credentials, and no copies of a database with everybody's tokens in it."""
    for path in place.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.suffix != ".log":
            path.unlink()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m chaos", description=__doc__)
    parser.add_argument("--seed", type=int, help="the first seed; drawn if not named")
    parser.add_argument(
        "--seeds", type=int, default=1, help="how many runs, with seeds that follow"
    )
    parser.add_argument("--seconds", type=float, default=120.0, help="of faults, in each run")
    parser.add_argument("--folder", type=Path, default=Path("build/chaos"), help="for what failed")
    parser.add_argument("--plan", action="store_true", help="print the plan, and do nothing")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
