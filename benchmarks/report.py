"""The table that a run ends with."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from rich.table import Table

from benchmarks.figures import p50, p99

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.figures import Import, Latencies, Pair, Restart


def table() -> Table:
    """An empty report."""
    made = Table(box=None, pad_edge=False)
    for heading, justify in (("what", "left"), ("operator", "right"), ("bare", "right")):
        made.add_column(heading, justify=justify)  # type: ignore[arg-type] # both are of its literals
    made.add_column("ratio (min-max)", justify="right")
    made.add_column("aim", justify="right")
    return made


def add_pairs(to: Table, what: str, pairs: Sequence[Pair], aim: float) -> None:
    """Rows of rates: the medians of all rounds."""
    ratios = sorted(pair.ratio for pair in pairs)
    to.add_row(
        f"{what}, objects/s",
        f"{median(pair.operator for pair in pairs):.0f}",
        f"{median(pair.bare for pair in pairs):.0f}",
        f"{median(ratios):.2f} ({ratios[0]:.2f}-{ratios[-1]:.2f})",
        f">= {aim}",
    )
    started = [pair.operator_from_start for pair in pairs if pair.operator_from_start is not None]
    if started:
        to.add_row("  since the process was started", f"{median(started):.0f}")
    to.add_row(
        "  processor time per object, ms",
        f"{median(pair.operator_cpu for pair in pairs) * 1000:.2f}",
        f"{median(pair.bare_cpu for pair in pairs) * 1000:.2f}",
    )


def add_import(to: Table, what: str, found: Import, aim: str = "") -> None:
    """A row of users per second."""
    to.add_row(
        f"{what}, users/s", f"{found.imported:.0f}", f"{found.bare:.0f}", f"{found.ratio:.2f}", aim
    )


def add_latencies(to: Table, what: str, found: Latencies, median_aim: str) -> None:
    """Rows of times, from before something is asked for until it is there."""
    for name, percentile, aim in (("p50", p50, median_aim), ("p99", p99, "")):
        operator, bare = percentile(found.operator), percentile(found.bare)
        to.add_row(
            f"{what}, {name}, ms",
            f"{operator * 1000:.1f}",
            f"{bare * 1000:.1f}",
            f"{operator / bare:.2f}",
            aim,
        )


def add_restart(to: Table, what: str, found: Restart) -> None:
    """Rows of a start that finds everything in order."""
    to.add_row(f"{what}, objects changed", str(found.changed), "", "", "0")
    to.add_row("  writes by the operator's own count", f"{found.writes:.0f}", "", "", "0")
    listed = median(found.lists)
    to.add_row(
        "  until a new resource was Ready, against bare lists, s",
        f"{found.until_ready:.2f}",
        f"{listed:.2f}",
        f"{found.ratio:.2f} ({found.until_ready / max(found.lists):.2f}-{found.until_ready / min(found.lists):.2f})",
        "< 3",
    )
    to.add_row("  until all had been looked at, s", f"{found.settled:.2f}")
    to.add_row("  peak memory, MB", f"{found.peak_megabytes:.0f}", "", "", "< 250")
