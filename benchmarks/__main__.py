"""`python -m benchmarks`: measure the operator against bare loops, on one control plane in one run."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer
from rich.console import Console

from benchmarks import measurements, report
from benchmarks.stage import set_up
from mintmaster.localcluster import progress


def bench(
    count: Annotated[int, typer.Option(help="Resources of the measurements of rates.")] = 2000,
    rounds: Annotated[int, typer.Option(help="Pairs of bare loop and operator.")] = 3,
    samples: Annotated[int, typer.Option(help="Resources created one at a time.")] = 200,
    size: Annotated[int, typer.Option(help="Resources that a restart finds.")] = 10_000,
    only: Annotated[str, typer.Option(help="Measure only these, of a, b, c and d.")] = "abcd",
) -> None:
    """Measure, and print a table of ratios: the speed of the machine cancels out, up to its noise."""
    asyncio.run(_run(count, rounds, samples, size, only))


async def _run(count: int, rounds: int, samples: int, size: int, only: str) -> None:
    say, table = progress.to_stderr, report.table()
    async with set_up(say) as stage:
        if "a" in only:
            pairs = []
            for number in range(rounds):
                pairs.append(await measurements.backlog(stage, count))
                say(f"(a) round {number + 1}: {pairs[-1]}")
            report.add_pairs(table, f"(a) {count} that exist", pairs, 0.85)
        if "b" in only:
            pairs = []
            for number in range(rounds):
                pairs.append(await measurements.stream(stage, count))
                say(f"(b) round {number + 1}: {pairs[-1]}")
            report.add_pairs(table, f"(b) {count} while they are created", pairs, 0.8)
        if "c" in only and stage.pattern is not None:
            found = await measurements.latencies(stage, samples, stage.pattern)
            report.add_latencies(table, "(c) create to Ready", found)
        if "d" in only:
            restarted = await measurements.restart(stage, size)
            say(f"(d): {restarted}")
            report.add_restart(table, f"(d) restart with {size}", restarted)
    Console(width=130).print(table)


if __name__ == "__main__":
    typer.run(bench)
