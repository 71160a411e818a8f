"""Whose a client id is, whoever claims it when: one has it, and it passes to nobody by itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from itertools import count

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from lifecycle.build import (
    EVERYTHING,
    NOW,
    application,
    gate_issuer,
    having,
    issuing,
    meta,
    setting,
)
from lifecycle.simulation import Life
from mintmaster.api.client_application import ClientApplication
from mintmaster.lifecycle import client_ids


@dataclass(eq=False)
class Claimant:
    """One application that wants the client id `portal`, and whether its issuer lets it."""

    life: Life
    granted: bool

    @property
    def application(self) -> ClientApplication:
        assert isinstance(self.life.resource, ClientApplication)
        return self.life.resource

    @property
    def has_it(self) -> bool:
        return client_ids.has(self.application)


NTH = st.integers(0, 2)


class Claims(RuleBasedStateMachine):
    """Applications come, go and are edited; the operator looks at one after the other, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.all: list[Claimant] = []
        self.numbers = count(1)
        self.waiting: set[Claimant] = set()
        """Those that were refused and have not been edited since."""

    @initialize()
    def two_are_created(self) -> None:
        for age in (2, 1):
            self.one_is_created(granted=True, age=age)

    @precondition(lambda self: len(self.all) < 3)
    @rule(granted=st.booleans(), age=NTH)
    def one_is_created(self, granted: bool, age: int) -> None:
        number = next(self.numbers)
        made = application(
            having("client_id", "portal"),
            meta("uid", f"uid-{number}"),
            meta("creation_timestamp", NOW - timedelta(seconds=age)),
        )
        ungranted = setting(EVERYTHING, "client_ids", ())
        view = gate_issuer() if granted else gate_issuer(issuing("grants", (ungranted,)))
        self.all.append(Claimant(Life(made, view), granted))

    @rule(nth=NTH)
    def the_operator_looks_at_one(self, nth: int) -> None:
        claimant = self.pick(nth)
        if claimant is not None:
            self.look_at(claimant)

    @rule(backwards=st.booleans())
    def the_operator_looks_at_all(self, backwards: bool) -> None:
        for claimant in self.all[::-1] if backwards else self.all:
            self.look_at(claimant)

    def look_at(self, claimant: Claimant) -> None:
        claimant.life.client_id_taken = self.taken(claimant)
        claimant.life.step()
        if claimant.life.reason() == "False ClientIdConflict":
            self.waiting.add(claimant)

    @rule(nth=NTH)
    def one_is_edited(self, nth: int) -> None:
        claimant = self.pick(nth)
        if claimant is not None:
            claimant.life.change(having("description", str(next(self.numbers))))
            self.waiting.discard(claimant)

    @rule(nth=NTH)
    def one_is_deleted(self, nth: int) -> None:
        claimant = self.pick(nth)
        if claimant is not None:
            self.all.remove(claimant)

    @rule()
    def who_has_it_is_deleted(self) -> None:
        self.all = [it for it in self.all if not it.has_it]

    def pick(self, nth: int) -> Claimant | None:
        return self.all[nth % len(self.all)] if self.all else None

    def taken(self, mine: Claimant) -> bool:
        rivals = [it.application for it in self.all if it is not mine]
        granted = {it.application.metadata.uid for it in self.all if it.granted}
        return client_ids.is_taken(
            mine.application, rivals, lambda rival: rival.metadata.uid in granted
        )

    @invariant()
    def one_at_most_has_it(self) -> None:
        assert sum(it.has_it for it in self.all) <= 1

    @invariant()
    def nobody_has_it_without_a_grant(self) -> None:
        assert all(it.granted for it in self.all if it.has_it)

    @invariant()
    def who_was_refused_has_not_come_by_it_unedited(self) -> None:
        assert not any(it.has_it for it in self.waiting)


TestClaims = Claims.TestCase
TestClaims.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)


def two(*, first: bool, second: bool) -> tuple[Life, Life]:
    """Two applications with one client id, the older first; some of them have it on record already."""
    made = []
    for uid, has_it in (("a", first), ("b", second)):
        life = Life(application(meta("uid", uid)), gate_issuer())
        made.append(life.settle() if has_it else life)
    return made[0], made[1]


def is_taken(mine: Life, other: Life, *, granted: bool = True) -> bool:
    assert isinstance(mine.resource, ClientApplication)
    assert isinstance(other.resource, ClientApplication)
    return client_ids.is_taken(mine.resource, [other.resource], lambda _: granted)


def test_of_two_that_ask_the_older_comes_first_if_it_is_granted_the_id() -> None:
    older, younger = two(first=False, second=False)

    assert (is_taken(older, younger), is_taken(younger, older)) == (False, True)
    assert not is_taken(younger, older, granted=False)


def test_who_has_it_keeps_it_from_an_older_one_that_asks_later() -> None:
    older, younger = two(first=False, second=True)

    assert (is_taken(older, younger), is_taken(younger, older)) == (True, False)


def test_of_two_that_have_it_as_after_a_restore_the_older_keeps_it() -> None:
    older, younger = two(first=True, second=True)

    assert (is_taken(older, younger), is_taken(younger, older)) == (False, True)


def test_one_that_was_refused_is_in_nobodys_way() -> None:
    older, younger = two(first=False, second=False)
    older.client_id_taken = True
    older.settle()

    assert not is_taken(younger, older)


def test_one_that_is_being_deleted_is_in_nobodys_way() -> None:
    older, younger = two(first=True, second=False)
    older.change(meta("deletion_timestamp", NOW))

    assert not is_taken(younger, older)


def test_a_revoked_one_keeps_what_it_has_and_asks_for_nothing() -> None:
    for had_it in (True, False):
        older, younger = two(first=had_it, second=False)
        older.change(having("revoked", True))

        assert is_taken(younger, older) is had_it
