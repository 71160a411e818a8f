"""What is looked at every few seconds, and how much each may grow."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import fmean
from typing import TYPE_CHECKING

import aiohttp

from benchmarks.api import Refused
from benchmarks.scale.processes import descriptors, resident
from benchmarks.soak.trend import trend

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.processes import Operator
    from benchmarks.scale.processes import Gate
    from benchmarks.soak.trend import Sample
    from benchmarks.stage import Stage

PAUSE = 5.0
"""Seconds between two samples."""

PARTS = 10
"""Of which a course is shown."""

WATCHES = 'apiserver_longrunning_requests{component="apiserver"'
"""What the API server counts of watches; it knows best whether one was left open."""

OURS = ('group="mintmaster.dev"', 'resource="secrets"', 'resource="configmaps"')
"""Whose watches are counted: those of operator and gate, and of the controller manager, which has them steadily."""

GATE_REMEMBERS = 10.0
"""MB per hour that a gate gains by what it remembers of the last 10,000 tokens that it was asked about, 1.7 KB of each
and more where the resource has several tokens: this load brings some 5,600 new ones an hour. It ends at 10,000."""

ALLOWED: dict[str, float] = {
    "operator, memory in MB": 10.0,
    "operator, descriptors": 2.0,
    "operator, tasks": 2.0,
    "gate, memory in MB": 10.0 + GATE_REMEMBERS,
    "gate, descriptors": 2.0,
    "gate, tasks": 2.0,
    "watches at the API server": 2.0,
}
"""By how much each may grow in an hour; the low end of the slope's 95 % interval must not be above it."""


@dataclass(slots=True)
class Samples:
    """All series, by what they are of."""

    series: dict[str, list[Sample]] = field(default_factory=lambda: {name: [] for name in ALLOWED})
    missed: int = 0

    def add(self, values: dict[str, float], when: float) -> None:
        """Add one sample of each, taken at a moment on the monotonic clock, in seconds."""
        for name, value in values.items():
            self.series[name].append((when / 3600, value))

    def courses(self) -> Iterator[tuple[str, list[float]]]:
        """Each series from its beginning: its name, and the means of PARTS parts that are alike in length."""
        for name, samples in self.series.items():
            values = [value for _, value in samples]
            bounds = [len(values) * number // PARTS for number in range(PARTS + 1)]
            parts = [values[begin:end] for begin, end in pairwise(bounds)]
            yield name, [fmean(part) for part in parts if part]

    def verdicts(self, warm: float) -> Iterator[tuple[str, bool, str]]:
        """Each series after the warm-up, which ended at that moment: its name, whether it is flat, and its trend."""
        for name, samples in self.series.items():
            found = trend([sample for sample in samples if sample[0] * 3600 >= warm])
            told = (
                f"{found.mean:8.1f}   {found.per_hour:+8.2f} ± {found.spread:.2f} per hour"
                f"   (allowed {ALLOWED[name]:g})"
            )
            yield name, found.is_flat(ALLOWED[name]), told


async def sample(stage: Stage, operator: Operator, gate: Gate) -> dict[str, float]:
    """Look at everything once."""
    shown, seen = await operator.metrics(), await gate.metrics()
    return {
        "operator, memory in MB": resident(operator.process.pid) / 1e6,
        "operator, descriptors": descriptors(operator.process.pid),
        "operator, tasks": shown["mintmaster_tasks"],
        "gate, memory in MB": resident(gate.process.pid) / 1e6,
        "gate, descriptors": descriptors(gate.process.pid),
        "gate, tasks": seen["mintmaster_gate_tasks"],
        "watches at the API server": await _watches(stage),
    }


async def _watches(stage: Stage) -> float:
    text = (await stage.api.request("GET", "/metrics")).decode()
    return sum(
        float(line.rpartition(" ")[2])
        for line in text.splitlines()
        if line.startswith(WATCHES) and 'verb="WATCH"' in line and any(it in line for it in OURS)
    )


async def keep_sampling(stage: Stage, operator: Operator, gate: Gate, into: Samples) -> None:
    """Sample for ever; a moment at which somebody did not answer is left out and counted."""
    while True:
        try:
            into.add(await sample(stage, operator, gate), time.monotonic())
        except (aiohttp.ClientError, Refused, TimeoutError):
            into.missed += 1
        await asyncio.sleep(PAUSE)
