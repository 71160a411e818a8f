"""`python -m benchmarks`: measure the operator against bare loops, on one control plane in one run."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from benchmarks import measurements, report
from benchmarks.delivery import importing, runners
from benchmarks.stage import set_up
from mintmaster.localcluster import progress

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from rich.table import Table

    from benchmarks.figures import Pair
    from benchmarks.stage import Stage

WIDTH = 130
"""Columns of the table, whatever the terminal: lines that wrap can't be compared."""


@dataclass(frozen=True, slots=True)
class Run:
    """How much is measured."""

    count: int
    rounds: int
    samples: int
    size: int
    users: int
    only: str

    async def all(self) -> None:
        """Measure on one control plane, and print the table, also if a measurement fails."""
        table = report.table()
        try:
            async with set_up(progress.to_stderr) as stage:
                await self._measure(stage, table)
        finally:
            Console(width=WIDTH).print(table)

    async def _measure(self, stage: Stage, table: Table) -> None:
        if "a" in self.only:
            pairs = await self._pairs(measurements.backlog, stage)
            report.add_pairs(table, f"(a) {self.count} that exist", pairs, 0.85)
        if "b" in self.only:
            pairs = await self._pairs(measurements.stream, stage)
            report.add_pairs(table, f"(b) {self.count} while they are created", pairs, 0.8)
        if "c" in self.only:
            latencies = await measurements.latencies(stage, self.samples)
            report.add_latencies(table, "(c) create to Ready", latencies, "< 30 ms")
        if "d" in self.only:
            restarted = await measurements.restart(stage, self.size)
            report.add_restart(table, f"(d) restart with {self.size}", restarted)
        if "e" in self.only:
            found = await importing.creating(stage, self.users)
            report.add_import(table, f"(e) import of {self.users} users", found, ">= 0.7")
            found = await importing.activating(stage, self.users)
            report.add_import(table, "  with their tokens, until these are active", found)
        if "f" in self.only:
            latencies = await runners.created(stage, self.samples)
            report.add_latencies(table, "(f) POST /user/runners", latencies, "< 60 ms")

    async def _pairs(
        self, measure: Callable[[Stage, int], Awaitable[Pair]], stage: Stage
    ) -> list[Pair]:
        pairs: list[Pair] = []
        for number in range(1, self.rounds + 1):
            pairs.append(await measure(stage, self.count))
            progress.to_stderr(f"{measure.__name__} {number}: {pairs[-1].ratio:.2f}")
        return pairs


def bench(  # noqa: PLR0913, PLR0917 - the options of the command
    count: Annotated[int, typer.Option(help="Resources of the measurements of rates.")] = 2000,
    rounds: Annotated[int, typer.Option(help="Pairs of bare loop and operator.")] = 3,
    samples: Annotated[int, typer.Option(help="Resources created one at a time.")] = 200,
    size: Annotated[int, typer.Option(help="Resources that a restart finds.")] = 10_000,
    users: Annotated[int, typer.Option(help="Users of the import.")] = 10_000,
    only: Annotated[str, typer.Option(help="Measure only these, of a to f.")] = "abcdef",
) -> None:
    """Measure, and print a table of ratios: the speed of the machine cancels out, up to its noise."""
    asyncio.run(Run(count, rounds, samples, size, users, only).all())


if __name__ == "__main__":
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(bench)
    app()
