"""What a run leaves for the judge: what was wished for, what was seen, what gates said, and what was broken when.

Instants are seconds. `at`, `since` and the like are on the monotonic clock of the rig; `world` is the time of day that
all processes are shown, in POSIX seconds, which the rig moves on by minutes at a time.
"""

from __future__ import annotations

import bisect
from dataclasses import dataclass, field
from typing import Any

Object = dict[str, Any]

EVERYBODY = "*"
"""Who is disturbed when the control plane is."""

OBSERVER = "observer"
"""Who is disturbed when the rig itself does not see what the API server has."""


@dataclass(frozen=True)
class State:
    """A resource as the API server showed it."""

    at: float
    uid: str
    name: str
    """With kind and namespace, for people."""
    revision: int
    ends: dict[str, float]
    """When each recorded token ends, in world time, by its digest."""
    ids: frozenset[str]
    revoked: bool = False
    gone: bool = False
    """Deleted, or about to be."""
    interval: float = float("inf")
    """Seconds of world time that pass at least between an issue and the renewal that the schedule asks for."""


@dataclass(frozen=True)
class Wish:
    """Something that the rig asked of a resource, or did to it."""

    at: float
    uid: str
    what: str
    issues: int
    """How many issues it may cost."""
    refused: bool = False
    """Whether the API server said no; without an answer it may have been done."""


@dataclass(frozen=True)
class Answer:
    """What a gate said about a token."""

    gate: str
    digest: str
    sent: float
    answered: float
    world: float
    """World time when it was asked."""
    status: int
    """Of HTTP; 0 for no answer."""
    active: bool | None = None


@dataclass(frozen=True)
class Disturbance:
    """A time in which somebody may have been cut off, whatever else."""

    whom: str
    since: float
    until: float


@dataclass(frozen=True)
class Restore:
    """The database went back in time."""

    snapshot: float
    since: float
    until: float


@dataclass
class Clock:
    """The history of world time: how far it is ahead of the monotonic clock, and since when."""

    moves: list[tuple[float, float]]

    def world(self, at: float) -> float:
        """World time at an instant."""
        index = bisect.bisect_right(self.moves, (at, float("inf"))) - 1
        return at + self.moves[max(index, 0)][1]

    def reached(self, world: float) -> float:
        """The instant at which world time reached this."""
        for index, (since, offset) in enumerate(self.moves):
            following = self.moves[index + 1][0] if index + 1 < len(self.moves) else float("inf")
            if world - offset < following:
                return max(world - offset, since)
        raise AssertionError("the last move has no end")


@dataclass
class Final:
    """How everything is at rest."""

    world: float
    resources: list[Object]
    secrets: list[Object] = field(repr=False)
    issuers: list[Object]
    answers: list[Answer]
    writes: list[str]
    """What was written while nothing should have been."""
    unrest: str = ""
    """Why the system was not taken to be at rest; empty where it was."""


@dataclass
class Record:
    """Everything about one run."""

    seed: int
    clock: Clock
    bound: float
    """How old a gate's knowledge may be: `maxStaleness` of the issuer."""
    states: list[State] = field(default_factory=list)
    wishes: list[Wish] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    disturbances: list[Disturbance] = field(default_factory=list)
    restores: list[Restore] = field(default_factory=list)
    tokens: dict[str, str] = field(default_factory=dict, repr=False)
    """Every token that was ever seen, by digest: in a Secret, or on its way into one."""
    foreign: dict[str, str] = field(default_factory=dict)
    """The resourceVersions of Secrets of others, by namespace and name."""
    complaints: list[str] = field(default_factory=list)
    """What the processes' logs show that must not be there."""
    final: Final | None = None
