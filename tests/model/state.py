"""The states of the small model: one resource, its Secret, an API server and what two leaders know and do."""

from __future__ import annotations

from enum import Enum
from typing import Any, NamedTuple

from model.translation import Resource, Secret, recorded


class Phase(Enum):
    """What a leader does with its next call."""

    IDLE = "does nothing"
    DELIVER = "delivers"
    RECORD = "records"
    LOOK = "reads the resource again, as its status write was refused"
    REWRITE = "puts the Secret right around its token"
    SAY = "writes a status without an issue"
    REMOVE = "removes the Secret of a revoked resource"


class Known(NamedTuple):
    """An object at a version; a version of 0 is that of nothing."""

    value: Resource | Secret | None
    version: int


NOTHING = Known(None, 0)


class Leader(NamedTuple):
    """What a leader knows and does. Facts are those of its decision, which its writes are guarded by."""

    resource: Known = NOTHING
    secret: Known = NOTHING
    phase: Phase = Phase.IDLE
    facts: tuple[Known, Known] = (NOTHING, NOTHING)
    minted: int = 0
    """The number of the token that it has minted."""


class Budget(NamedTuple):
    """What may still happen from outside."""

    narrowings: int = 0
    revocations: int = 0
    deletions: int = 0
    losses: int = 0
    """Secrets deleted by hand."""
    forgeries: int = 0
    """Secrets whose token somebody has replaced."""
    crashes: int = 0
    lost_answers: int = 0


class Backup(NamedTuple):
    """What a restore brings back."""

    resource: Known
    secret: Known


class State(NamedTuple):
    """Everything."""

    resource: Known
    secret: Known
    version: int
    leaders: tuple[Leader, Leader]
    budget: Budget
    life: int = 1
    """UIDs that were given; they are never given again."""
    tokens: int = 0
    """Numbers of tokens that were given."""
    delivered: frozenset[int] = frozenset()
    """The tokens that ever stood in a Secret."""
    backup: Backup | None = None


def begin(budget: Budget) -> State:
    """A resource that nobody has seen yet."""
    return State(Known(Resource(life=1), 1), NOTHING, 1, (Leader(), Leader()), budget)


def begin_backed_up(budget: Budget) -> State:
    """A resource whose first token both leaders know, and of which there is a backup."""
    new = Resource(life=1)
    resource = Known(new._replace(status=recorded(new, None, 1)), 2)
    secret = Known(Secret(token=1, life=1, revision=1), 1)
    leader = Leader(resource, secret)
    return State(
        resource,
        secret,
        version=2,
        leaders=(leader, leader),
        budget=budget,
        tokens=1,
        delivered=frozenset({1}),
        backup=Backup(resource, secret),
    )


def with_leader(state: State, number: int, **changes: Any) -> State:
    """The state with one leader changed."""
    leaders = list(state.leaders)
    leaders[number] = leaders[number]._replace(**changes)
    return state._replace(leaders=(leaders[0], leaders[1]))
