"""A token that another leader has delivered has a while to be recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from lifecycle.build import rotation
from lifecycle.simulation import settled
from mintmaster.api import names
from mintmaster.operator.deference import PATIENCE, Deference
from mintmaster.operator.queue import Key

if TYPE_CHECKING:
    from lifecycle.simulation import Life
    from mintmaster.lifecycle.facts import Facts

KEY = Key("UserAccessToken", "team", "ada")


class Watch:
    """A monotonic clock that the test sets."""

    seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def deference(watch: Watch) -> Deference:
    return Deference(watch)


def delivered_and_not_recorded() -> Life:
    """The next token stands in the Secret, and nobody has recorded it."""
    life = settled().change(rotation("1"))
    life.step(crash=True)
    return life


def facts(life: Life, version: str = "7") -> Facts:
    found = life.facts()
    assert found.secret is not None
    meta = msgspec.structs.replace(found.secret.metadata, resource_version=version)
    vars(found)["secret"] = msgspec.structs.replace(found.secret, metadata=meta)
    return found


def test_it_is_waited_for_as_long_as_patience_lasts(deference: Deference, watch: Watch) -> None:
    life = delivered_and_not_recorded()
    assert deference.wait(KEY, facts(life)) == PATIENCE
    watch.seconds += PATIENCE / 2
    assert deference.wait(KEY, facts(life)) == PATIENCE / 2
    watch.seconds += PATIENCE / 2
    assert deference.wait(KEY, facts(life)) == 0


def test_another_delivery_has_a_while_of_its_own(deference: Deference, watch: Watch) -> None:
    life = delivered_and_not_recorded()
    deference.wait(KEY, facts(life, "7"))
    watch.seconds += PATIENCE
    assert deference.wait(KEY, facts(life, "8")) == PATIENCE


def test_an_own_delivery_is_not_waited_for(deference: Deference) -> None:
    found = facts(delivered_and_not_recorded())
    assert found.secret is not None
    deference.delivered(KEY, found.secret)
    assert deference.wait(KEY, found) == 0


def test_what_was_forgotten_is_waited_for_again(deference: Deference) -> None:
    found = facts(delivered_and_not_recorded())
    assert found.secret is not None
    deference.delivered(KEY, found.secret)
    deference.forget(KEY)
    assert deference.wait(KEY, found) == PATIENCE


def test_nothing_is_waited_for_where_all_is_recorded(deference: Deference) -> None:
    assert deference.wait(KEY, facts(settled())) == 0


@pytest.mark.parametrize("revision", ["1", "0", "", "-5", "two", "9" * 5000, "\u0662"])
def test_an_annotation_that_tells_of_no_later_token_counts_for_nothing(
    revision: str, deference: Deference
) -> None:
    life = settled()
    life.stored.annotations[names.ANNOTATION_REVISION] = revision
    assert deference.wait(KEY, facts(life)) == 0


def test_a_token_that_was_pasted_is_not_waited_for(deference: Deference) -> None:
    life = delivered_and_not_recorded()
    life.stored.data["token"] = b"pasted"
    assert deference.wait(KEY, facts(life)) == 0


def test_a_secret_of_a_former_life_is_not_waited_for(deference: Deference) -> None:
    life = delivered_and_not_recorded()
    life.stored.owners = ()
    life.stored.labels[names.LABEL_UID] = "another"
    assert deference.wait(KEY, facts(life)) == 0
