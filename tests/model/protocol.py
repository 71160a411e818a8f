"""One resource, its Secret, an API server and two leaders as a small state space; the decisions are the product's own.

A leader's step is one call to the API server with what is computed from its answer. What a leader knows may be older
than what is; what it writes is guarded by what it knows. Tokens are numbers, times stand still.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from model.outside import outside
from model.state import NOTHING, Known, Leader, Phase, with_leader
from model.translation import Resource, Secret, Unasked, decided, recorded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from model.outside import Successor
    from model.state import State
    from model.translation import Step


@dataclass(frozen=True)
class Protocol:
    """How issues are carried out; each of these was a temptation, and a search without it finds why it is there."""

    secret_first: bool = True
    guards_secrets: bool = True
    guards_statuses: bool = True
    decides_again: bool = True
    """After a conflict the plan must come out the same."""
    adopts: bool = False
    """Takes whatever token stands in the Secret for the one to record."""
    defers: bool = False
    """Leaves what the other has delivered alone for a while, and the other is in time: it records it, and its status
    is seen, before that while is over."""


class Violation(AssertionError):
    """Something that must never be."""


class Model:
    """All steps from a state."""

    def __init__(self, protocol: Protocol) -> None:
        self.protocol = protocol

    def successors(self, state: State) -> Iterator[Successor]:
        for number in (0, 1):
            leader = state.leaders[number]
            for what, after in (
                *self._watches(state, number, leader),
                *self._steps(state, number, leader),
            ):
                yield f"leader {number + 1} {what}", after
        yield from outside(state)

    # What leaders see -----------------------------------------------------------------------------

    def _watches(self, state: State, number: int, leader: Leader) -> Iterator[Successor]:
        if leader.resource != state.resource:
            yield "sees the resource", with_leader(state, number, resource=state.resource)
        if leader.secret != state.secret:
            yield "sees the Secret", with_leader(state, number, secret=state.secret)
        if state.budget.crashes and leader.phase is not Phase.IDLE:
            anew = Leader(state.resource, state.secret)
            budget = state.budget._replace(crashes=state.budget.crashes - 1)
            crashed = with_leader(state, number, **anew._asdict())
            yield "crashes", crashed._replace(budget=budget)

    # What leaders do ------------------------------------------------------------------------------

    def _steps(self, state: State, number: int, leader: Leader) -> Iterator[Successor]:
        if leader.phase is Phase.IDLE:
            after = self._decide(state, number, leader)
            if after != state:
                yield "decides", after
            return
        after = self._call(state, number, leader)
        yield leader.phase.value, after
        reads = leader.phase is Phase.LOOK
        if state.budget.lost_answers and not reads and _wrote(state, after):
            budget = state.budget._replace(lost_answers=state.budget.lost_answers - 1)
            stays = leader.phase is Phase.RECORD
            kept = leader if stays else Leader(leader.resource, leader.secret)
            yield (
                "loses an answer",
                with_leader(after, number, **kept._asdict())._replace(budget=budget),
            )

    def _decide(self, state: State, number: int, leader: Leader) -> State:
        resource, secret = leader.resource, leader.secret
        if resource.value is None:
            return state
        assert isinstance(resource.value, Resource)
        life = resource.value.life
        # A Secret that seems gone is looked for before anything is minted, and then the resource.
        if secret.value is None and resource.value.current is not None:
            secret = state.secret
            if secret.value is None:
                resource = state.resource
        if not isinstance(resource.value, Resource) or resource.value.life != life:
            return with_leader(state, number, resource=resource, secret=secret)
        step = self._step(resource, secret)
        if step.reads:
            secret = state.secret
            step = self._step(resource, secret, read=True)
        if step.what == "issue" and self._is_under_way(state, number, resource, secret):
            return with_leader(state, number, resource=resource, secret=secret)
        phase = _PHASES[step.what]
        if step.what == "issue" and not self.protocol.secret_first:
            phase = Phase.RECORD
        minted, tokens = 0, state.tokens
        if step.what == "issue":
            minted = tokens = state.tokens + 1
            if self.protocol.adopts and isinstance(secret.value, Secret):
                minted, tokens, phase = secret.value.token, state.tokens, Phase.RECORD
        after = with_leader(
            state,
            number,
            resource=resource,
            secret=secret,
            phase=phase,
            facts=(NOTHING, NOTHING) if phase is Phase.IDLE else (resource, secret),
            minted=minted,
        )
        return after._replace(tokens=tokens)

    def _is_under_way(self, state: State, number: int, resource: Known, secret: Known) -> bool:
        """Whether the Secret holds a later token than is known to be on record, which is recorded in time."""
        other, delivered = state.leaders[1 - number], secret.value
        if not self.protocol.defers or not isinstance(delivered, Secret) or not delivered.token:
            return False
        assert isinstance(resource.value, Resource)
        ahead = delivered.revision >= resource.value.next_revision
        records = other.phase in {Phase.RECORD, Phase.LOOK} and other.minted == delivered.token
        return ahead and (records or resource != state.resource)

    def _step(self, resource: Known, secret: Known, *, read: bool = False) -> Step:
        assert isinstance(resource.value, Resource)
        assert secret.value is None or isinstance(secret.value, Secret)
        return decided(resource.value, secret.value, read=read)

    def _call(self, state: State, number: int, leader: Leader) -> State:
        match leader.phase:
            case Phase.DELIVER | Phase.REWRITE:
                return self._write_secret(state, number, leader)
            case Phase.RECORD | Phase.SAY:
                return self._write_status(state, number, leader)
            case Phase.LOOK:
                return self._look(state, number, leader)
            case _:
                return self._remove(state, number, leader)

    def _write_secret(self, state: State, number: int, leader: Leader) -> State:
        resource, secret = leader.facts
        assert isinstance(resource.value, Resource)
        issues = leader.phase is Phase.DELIVER
        if self.protocol.guards_secrets and secret.version != state.secret.version:
            return with_leader(state, number, **Leader(leader.resource, state.secret)._asdict())
        present = state.secret.value
        if isinstance(present, Secret) and present.life != resource.value.life:
            living = state.resource.value
            if isinstance(living, Resource) and living.life == present.life:
                raise Violation("a Secret of another life was overwritten")
        if issues:
            written = Secret(leader.minted, resource.value.life, resource.value.next_revision)
        else:
            assert isinstance(secret.value, Secret)
            written = secret.value._replace(life=resource.value.life)
        version = state.version + 1
        state = state._replace(
            secret=Known(written, version),
            version=version,
            delivered=state.delivered | {written.token},
        )
        phase = Phase.RECORD if issues and self.protocol.secret_first else Phase.SAY
        if issues and not self.protocol.secret_first:
            return with_leader(state, number, **Leader(leader.resource, state.secret)._asdict())
        return with_leader(state, number, secret=state.secret, phase=phase)

    def _write_status(self, state: State, number: int, leader: Leader) -> State:
        resource, secret = leader.facts
        present, issues = state.resource.value, leader.phase is Phase.RECORD
        if present is None:
            return with_leader(state, number, **Leader(NOTHING, state.secret)._asdict())
        assert isinstance(resource.value, Resource)
        assert isinstance(present, Resource)
        if self.protocol.guards_statuses and resource.version != state.resource.version:
            if issues:
                return with_leader(state, number, phase=Phase.LOOK)
            return with_leader(state, number, **Leader(state.resource, state.secret)._asdict())
        assert secret.value is None or isinstance(secret.value, Secret)
        if issues:
            _judge_record(state, resource.value, present, leader.minted)
        try:
            status = recorded(resource.value, secret.value, leader.minted if issues else None)
        except Unasked:
            raise Violation("a token is active that nothing asks for any more") from None
        if status == present.status:
            return with_leader(state, number, **Leader(state.resource, leader.secret)._asdict())
        version = state.version + 1
        written = Known(present._replace(status=status), version)
        state = state._replace(resource=written, version=version)
        if issues and not self.protocol.secret_first:
            return with_leader(state, number, resource=written, phase=Phase.DELIVER)
        if present.revoked and isinstance(secret.value, Secret):
            facts = (written, secret)
            return with_leader(state, number, resource=written, phase=Phase.REMOVE, facts=facts)
        return with_leader(state, number, **Leader(written, leader.secret)._asdict())

    def _look(self, state: State, number: int, leader: Leader) -> State:
        """Read the resource after a conflict: go on only where the plan comes out the same, or the token stands."""
        resource, secret = leader.facts
        assert isinstance(resource.value, Resource)
        present = state.resource
        given_up = with_leader(state, number, **Leader(present, state.secret)._asdict())
        if not isinstance(present.value, Resource):
            return given_up
        if present.value.life != resource.value.life:
            return given_up
        if any(token.number == leader.minted for token in present.value.status.tokens):
            return with_leader(state, number, **Leader(present, leader.secret)._asdict())
        again, before = self._step(present, secret), self._step(resource, secret)
        if self.protocol.decides_again and again.issue != before.issue:
            return given_up
        return with_leader(
            state, number, resource=present, phase=Phase.RECORD, facts=(present, secret)
        )

    def _remove(self, state: State, number: int, leader: Leader) -> State:
        _, secret = leader.facts
        if secret.version == state.secret.version:
            state = state._replace(secret=NOTHING, version=state.version + 1)
        return with_leader(state, number, **Leader(leader.resource, state.secret)._asdict())


_PHASES = {
    "issue": Phase.DELIVER,
    "rewrite": Phase.REWRITE,
    "say": Phase.SAY,
    "remove": Phase.REMOVE,
    "nothing": Phase.IDLE,
}


def _judge_record(state: State, decided_on: Resource, present: Resource, minted: int) -> None:
    """A token is about to become active."""
    if minted == 0:
        raise Violation("a token is active that nobody minted")
    if minted not in state.delivered:
        raise Violation("a token is active that was never delivered")
    if present.life != decided_on.life:
        raise Violation("a token of another life is active")
    if present.revoked:
        raise Violation("a token is active after the revocation")
    if present.narrow and not decided_on.narrow:
        raise Violation("a token is active with rights that nobody wants any more")
    if decided_on.next_revision <= present.status.revision:
        raise Violation("two tokens have one revision")


def _wrote(before: State, after: State) -> bool:
    return before.version != after.version
