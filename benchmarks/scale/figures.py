"""What was measured, and what follows from it."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Start:
    """A start of the operator, or a list anew, where everything is as it should be."""

    until_ready: float
    """Seconds until a resource that was created at that moment was Ready."""
    unchecked: int
    """Resources that had not been looked at yet when it was."""
    settled: float
    """Seconds until every resource had been looked at."""
    cpu: float
    """Seconds of processor time until then."""
    writes: float
    """By the operator's own count, but for the new resource's."""
    changed: int
    """Resources and Secrets whose resourceVersion is another than before."""


@dataclass(frozen=True, slots=True)
class Memory:
    """What is resident, in octets."""

    empty: int
    """With no resources."""
    settled: int
    peak: int


@dataclass(frozen=True, slots=True)
class Gate:
    """A gate that started."""

    memory: Memory
    until_ready: float
    """Seconds."""


@dataclass(slots=True)
class Size:
    """Everything about a number of resources, as far as it was measured."""

    count: int
    database: int
    """Octets in use in etcd, for resources and Secrets."""
    lists: list[float] = field(default_factory=list)
    """Seconds that bare lists of all resources and Secrets took."""
    start: Start | None = None
    memory: Memory | None = None
    relist: Start | None = None
    gate: Gate | None = None

    def per_resource(self, memory: Memory) -> float:
        """Octets per resource, at rest."""
        return (memory.settled - memory.empty) / self.count

    @property
    def listed(self) -> float:
        """Seconds of a bare list."""
        return median(self.lists)


@dataclass(frozen=True, slots=True)
class Wave:
    """Renewals that are due within a minute."""

    beside: int
    """How many resources stood beside them."""
    count: int
    window: float
    bare: float
    """Renewals per second of a bare loop, one right after the other."""
    operator: float
    behind: float
    """Seconds from the last moment that one was due until the last was done."""
    people: Sequence[float]
    """Seconds from the create of a resource until it was Ready, while the wave lasted."""
    people_bare: Sequence[float]
    """The three bare writes in a row meanwhile."""

    @property
    def possible(self) -> float:
        """What the bare loop would have got done: no more than is due."""
        return min(self.bare, self.count / self.window)

    @property
    def ratio(self) -> float:
        """The share of it that the operator got done."""
        return self.operator / self.possible


@dataclass(frozen=True, slots=True)
class Deletion:
    """The end of a namespace with many resources."""

    beside: int
    """How many resources stood in other namespaces."""
    count: int
    without: float
    """Seconds until it was gone while no operator ran."""
    with_operator: float
    """Seconds while one did."""
    cpu: float
    """Processor time of the operator meanwhile, in seconds."""
    writes: float
