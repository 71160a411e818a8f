"""What was measured, and how it is summed up."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median, quantiles
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Pair:
    """The operator and the bare loop, one right after the other."""

    bare: float
    """Objects per second."""
    operator: float
    """Objects per second, from the first to the last that became Ready."""
    bare_cpu: float
    """Seconds of processor time per object."""
    operator_cpu: float
    """Seconds of processor time per object."""
    operator_from_start: float | None = None
    """Objects per second since the process was started."""

    @property
    def ratio(self) -> float:
        """How much of what the bare loop gets done the operator does."""
        return self.operator / self.bare


@dataclass(frozen=True, slots=True)
class Latencies:
    """Seconds from before the create until Ready was seen; and of three bare writes in a row."""

    operator: Sequence[float]
    bare: Sequence[float]


@dataclass(frozen=True, slots=True)
class Import:
    """An import, and a bare loop with the same writes, both from the start of the process to its end."""

    bare: float
    """Users per second."""
    imported: float
    """Users per second."""

    @property
    def ratio(self) -> float:
        """How much of what the bare loop gets done the import does."""
        return self.imported / self.bare


@dataclass(frozen=True, slots=True)
class Restart:
    """A start of the operator where everything is as it should be."""

    size: int
    changed: int
    """Resources and Secrets whose resourceVersion is another than before."""
    writes: float
    """What the operator wrote by its own count, beside its Lease, Events, and the new resource's Secret and status."""
    lists: Sequence[float]
    """Seconds that bare lists of all resources and Secrets took, before and after."""
    until_ready: float
    """Seconds from the start of the process until a resource created at that moment was Ready."""
    settled: float
    """Seconds from the start of the process until every resource had been looked at."""
    peak_megabytes: float

    @property
    def ratio(self) -> float:
        """The time until new work was done, in lists."""
        return self.until_ready / median(self.lists)


def p50(values: Sequence[float]) -> float:
    """The median."""
    return median(values)


def p99(values: Sequence[float]) -> float:
    """The 99th percentile."""
    return quantiles(values, n=100, method="inclusive")[98]
