"""`python -m benchmarks.scale`: fill a control plane of its own, and measure."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from benchmarks.api import resources_path
from benchmarks.pattern import resource
from benchmarks.scale import deletion, processes, report, starts, wave
from benchmarks.scale.figures import Memory
from benchmarks.scale.filling import etcd, filler
from benchmarks.scale.ground import OPTIONS, TROUBLES, Ground
from benchmarks.stage import set_up
from benchmarks.stopwatch import stopwatch
from mintmaster.localcluster import progress

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from benchmarks.processes import Operator
    from benchmarks.scale.figures import Size
    from benchmarks.scale.filling import Etcd
    from benchmarks.stage import Stage

QUOTA = "--quota-backend-bytes=8589934592"
"""The most that etcd advises: the 2 GiB of its default hold less than 100,000 resources with their renewals."""

KEEP = "--etcd-compaction-interval=0"
"""Where a list of everything takes longer than the 5 minutes after which an API server compacts, it never ends."""

STEPS = ("start", "relist", "gate", "wave", "deletion")


@dataclass(slots=True)
class Run:
    """How much is measured, and what was found."""

    sizes: tuple[int, ...]
    steps: frozenset[str]
    wave: int
    window: float
    deletion: int
    failed: list[str] = field(default_factory=list)
    _found: list[Size] = field(default_factory=list)
    _others: list[str] = field(default_factory=list)

    async def all(self) -> None:
        """Measure on one control plane; what is found is printed as it comes. What fails leaves out itself alone."""
        async with (
            set_up(progress.to_stderr, apiserver_args=(KEEP,), etcd_args=(QUOTA,)) as stage,
            etcd(stage) as store,
        ):
            ground = await _ground(stage, store)
            for count in self.sizes:
                progress.to_stderr(f"{count:,} resources")
                self._found.append(await starts.grown(ground, count))
                await self._measure_size(ground, self._found[-1])
            if "wave" in self.steps and self.wave:
                await self._measure_other("wave", partial(self._wave, ground))
            if "deletion" in self.steps and self.deletion:
                await self._measure_other("deletion", partial(self._deletion, ground))

    @property
    def tables(self) -> list[str]:
        """What was found so far."""
        return [*report.of_sizes(self._found), *self._others]

    async def _measure_size(self, ground: Ground, size: Size) -> None:
        async def relist(operator: Operator) -> None:
            if "relist" in self.steps:
                _print(report.of_sizes([size]))
                await self._attempt("relist", starts.relist(ground, size, operator))

        if "gate" in self.steps:
            await self._attempt("gate", starts.gate(ground, size))
        if not self.steps.isdisjoint({"start", "relist"}):
            await self._attempt("start", starts.operator(ground, size, relist))
        _print(report.of_sizes([size]))

    async def _measure_other(self, step: str, measure: Callable[[], Awaitable[list[str]]]) -> None:
        async def tell() -> None:
            lines = await measure()
            _print(lines)
            self._others += ["", *lines]

        await self._attempt(step, tell())

    async def _wave(self, ground: Ground) -> list[str]:
        return list(report.of_wave(await wave.wave(ground, self.wave, self.window)))

    async def _deletion(self, ground: Ground) -> list[str]:
        return list(report.of_deletion(await deletion.deletion(ground, self.deletion)))

    async def _attempt(self, step: str, measuring: Awaitable[None]) -> None:
        progress.to_stderr(f"measuring: {step}")
        try:
            await measuring
        except* TROUBLES as errors:
            progress.to_stderr(f"{step} could not be measured: {errors.exceptions[0]!r}")
            self.failed.append(step)


def _print(lines: Iterable[str]) -> None:
    print("\n".join(lines), end="\n\n", flush=True)


async def _ground(stage: Stage, store: Etcd) -> Ground:
    """A control plane without resources, and what operator and gate take there."""
    namespace, name = await stage.namespace("scale"), "r-first"
    async with stage.operator(*OPTIONS) as operator, stopwatch(stage.api, namespace) as seen:
        await stage.api.request("POST", resources_path(namespace), resource(namespace, name))
        await seen.wait_for(1)
        pid = operator.process.pid
        empty = Memory(0, processes.resident(pid), processes.peak(pid))
    async with processes.gate(stage.kubeconfig, stage.operator_log) as gate:
        await gate.wait_until_ready()
        gate_empty = processes.resident(gate.process.pid)
    return Ground(stage, store, await filler(stage, namespace, name), empty, gate_empty, namespace)


def scale(  # noqa: PLR0913 - the options of the command
    *,
    sizes: Annotated[str, typer.Option(help="Numbers of resources.")] = "10000,100000",
    steps: Annotated[
        str,
        typer.Option(help="What to measure; wave and deletion happen beside the last size."),
    ] = ",".join(STEPS),
    wave: Annotated[int, typer.Option(help="Renewals that are due at once; 0: none.")] = 10_000,
    window: Annotated[float, typer.Option(help="Seconds within which they are due.")] = 60,
    deletion: Annotated[
        int, typer.Option(help="Resources of the namespace that is deleted; 0: none.")
    ] = 10_000,
    page: Annotated[str, typer.Option(help="Put the tables on this page, between its marks.")] = "",
) -> None:
    """Measure, and print tables of ratios: the speed of the machine cancels out, up to its noise."""
    counts = tuple(int(size) for size in sizes.split(",") if size)
    unknown = set(steps.split(",")).difference(STEPS)
    if unknown:
        raise typer.BadParameter(f"{', '.join(sorted(unknown))}: there are {', '.join(STEPS)}")
    run = Run(counts, frozenset(steps.split(",")), wave, window, deletion)
    try:
        asyncio.run(run.all())
    finally:
        _print(run.tables)
    if run.failed:
        progress.to_stderr(f"could not be measured: {', '.join(run.failed)}")
        raise typer.Exit(1)
    if page:
        report.put_on(Path(page), [*run.tables, "", _on()])


def _on() -> str:
    """Where the figures are from."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    return (
        f"Measured on {os.cpu_count()} cores with {memory:.0f} GB of memory, for control plane, operator, gate and"
        " benchmark together."
    )


if __name__ == "__main__":
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(scale)
    app()
