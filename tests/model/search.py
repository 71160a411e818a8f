"""A breadth-first search of all states of the small model, with those that differ only in names taken for one."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

from model.protocol import Violation
from model.state import NOTHING, Backup, Known, Leader, State
from model.translation import Resource, Secret, decided, is_well, recorded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from model.protocol import Model


STALE = -1
"""The version of whatever cannot be current again: no write that is guarded by it succeeds."""

FRESH = 10
"""A version above all that a canonical state names."""

LONGEST_RECOVERY = 12
"""Calls that a lone leader needs at most to put everything right."""


@dataclass
class Search:
    """All states that can be reached; how each was reached first."""

    model: Model
    came_from: dict[State, tuple[State, str] | None] = field(default_factory=dict)
    transitions: int = 0
    most_revisions: int = 0

    def run(self, begin: State) -> None:
        """Visit all states. Raises Violation, with the way to it."""
        self.came_from[begin] = None
        queue = deque([begin])
        while queue:
            state = queue.popleft()
            for what, after in self._next(state):
                self.transitions += 1
                reached = canonical(after)
                if reached in self.came_from:
                    continue
                self.came_from[reached] = (state, what)
                self._judge(reached)
                queue.append(reached)

    def way_to(self, state: State) -> list[str]:
        """The steps to a state."""
        steps: list[str] = []
        while (came := self.came_from[state]) is not None:
            state, what = came
            steps.insert(0, what)
        return steps

    def _next(self, state: State) -> Iterator[tuple[str, State]]:
        try:
            yield from self.model.successors(state)
        except Violation as violation:
            raise Violation(f"{violation}, after: {', '.join(self.way_to(state))}") from None

    def _judge(self, state: State) -> None:
        resource, secret = state.resource.value, state.secret.value
        assert resource is None or isinstance(resource, Resource)
        assert secret is None or isinstance(secret, Secret)
        if resource is not None:
            self.most_revisions = max(self.most_revisions, resource.own.revision)
        wrong = left_alone(resource, secret)
        if wrong:
            raise Violation(f"{wrong}, after: {', '.join(self.way_to(state))}")


@cache
def left_alone(resource: Resource | None, secret: Secret | None) -> str:
    """What is wrong once both leaders have crashed and one has come back and done all it can; empty if nothing is."""
    minted = 1000
    for _ in range(LONGEST_RECOVERY):
        if secret is not None and (resource is None or resource.life != secret.life):
            secret = None
        if resource is None:
            return is_well(resource, secret)
        step = decided(resource, secret, read=False)
        if step.reads:
            step = decided(resource, secret, read=True)
        match step.what:
            case "nothing":
                return is_well(resource, secret)
            case "issue":
                minted += 1
                status = recorded(resource, secret, minted)
                secret = Secret(minted, resource.life, resource.next_revision)
                resource = resource._replace(status=status)
            case "rewrite":
                assert secret is not None
                secret = secret._replace(life=resource.life)
                resource = resource._replace(status=recorded(resource, secret, None))
            case "say":
                resource = resource._replace(status=recorded(resource, secret, None))
                if resource.revoked:
                    secret = None
            case _:
                secret = None
    return "it does not come to rest"


def canonical(state: State) -> State:
    """The one state that stands for all that differ only in the numbers of tokens and versions."""
    names = _Names(state)
    leaders = tuple(
        Leader(
            resource=names.known(leader.resource),
            secret=names.known(leader.secret),
            phase=leader.phase,
            facts=(names.known(leader.facts[0]), names.known(leader.facts[1])),
            minted=names.token(leader.minted),
        )
        for leader in state.leaders
    )
    backup = state.backup
    return State(
        resource=names.known(state.resource),
        secret=names.known(state.secret),
        version=FRESH,
        leaders=(leaders[0], leaders[1]),
        budget=state.budget,
        life=state.life,
        backup=Backup(names.known(backup.resource), names.known(backup.secret)) if backup else None,
        delivered=frozenset(names.tokens[it] for it in state.delivered if it in names.tokens),
        tokens=len(names.tokens),
    )


class _Names:
    """New numbers for tokens and versions, by the order in which they are met."""

    def __init__(self, state: State) -> None:
        self.tokens: dict[int, int] = {}
        backup = state.backup or Backup(NOTHING, NOTHING)
        self._versions = {0: 0}
        for number, known in enumerate(
            (state.resource, state.secret, backup.resource, backup.secret), start=1
        ):
            self._versions.setdefault(known.version, number)

    def known(self, known: Known) -> Known:
        value = known.value
        version = self._versions.get(known.version, STALE)
        if isinstance(value, Resource):
            status = value.status
            tokens = tuple(it._replace(number=self.token(it.number)) for it in status.tokens)
            return Known(value._replace(status=status._replace(tokens=tokens)), version)
        if isinstance(value, Secret):
            return Known(value._replace(token=self.token(value.token)), version)
        return NOTHING

    def token(self, number: int) -> int:
        return self.tokens.setdefault(number, len(self.tokens) + 1) if number else 0
