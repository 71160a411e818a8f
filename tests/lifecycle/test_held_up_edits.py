"""Edits that can't be had at once are not forgotten, and a caller's token never grows young."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lifecycle.build import HOUR, for_caller, having, issuer, issuing, rotation
from lifecycle.simulation import settled
from mintmaster.api.token_issuer import Limits

if TYPE_CHECKING:
    from lifecycle.simulation import Life

DAY = 24 * HOUR
DIGEST = "A" * 43


def lifetime_of(life: Life) -> object:
    token = life.status.tokens[0]
    assert token.expires_at is not None
    return token.expires_at - token.issued_at


def spent() -> Life:
    """A resource whose budget of one issue per hour is spent."""
    limits = Limits(issues_per_hour=1)
    life = settled(having("token.lifetime", "24h"), issuer_view=issuer(issuing("limits", limits)))
    return life.change(rotation("1")).settle()


def test_an_edit_that_a_spent_budget_holds_up_is_carried_out_afterwards() -> None:
    life = spent().change(having("token.lifetime", None)).settle()
    assert life.reason() == "False TooManyIssues"

    life.settle()
    assert life.reason() == "False TooManyIssues"
    assert lifetime_of(life) == DAY

    life.wait(HOUR).settle()
    assert life.reason() == "True Issued"
    assert lifetime_of(life) == 30 * DAY


def test_an_edit_that_a_suspension_holds_up_is_carried_out_afterwards() -> None:
    life = settled(having("token.lifetime", "24h"), having("suspend", True))
    life.change(having("suspend", False)).settle()
    life.change(having("suspend", True), having("token.lifetime", None)).settle()
    assert life.reason() == "False Suspended"

    life.change(having("suspend", False)).settle()

    assert lifetime_of(life) == 30 * DAY


def test_changed_defaults_of_an_issuer_alone_issue_nothing() -> None:
    life = settled()

    life.alter_issuer(
        issuing("audiences", ("https://services.example.org", "https://new.example.org"))
    )

    assert life.settle().status.revision == 1


def test_a_shorter_lifetime_of_a_callers_token_is_counted_from_its_beginning() -> None:
    life = settled(for_caller(DIGEST), having("token.lifetime", "24h"))
    began = life.status.tokens[0].issued_at

    life.wait(2 * HOUR).change(having("token.lifetime", "4h")).settle()

    assert life.status.tokens[0].issued_at == began
    assert life.status.tokens[0].expires_at == began + 4 * HOUR
    assert life.reason() == "True Issued"


def test_a_lifetime_shorter_than_a_callers_token_is_old_ends_it() -> None:
    life = settled(for_caller(DIGEST), having("token.lifetime", "24h"))

    life.wait(2 * HOUR).change(having("token.lifetime", "1h")).settle()

    assert life.reason() == "False Expired"
    assert not life.active


@pytest.mark.parametrize("scopes", [("read",), ("read", "write")])
def test_an_edit_of_rights_makes_a_callers_token_no_younger(scopes: tuple[str, ...]) -> None:
    life = settled(
        for_caller(DIGEST), having("token.lifetime", "24h"), having("scopes", ("write",))
    )
    began = life.status.tokens[0].issued_at

    life.wait(HOUR).change(having("scopes", scopes)).settle()

    assert (life.status.revision, life.status.tokens[0].issued_at) == (2, began)
    assert len(life.status.tokens) == 1


def test_a_callers_token_that_is_taken_back_is_inactive() -> None:
    life = settled(for_caller(DIGEST), having("token.lifetime", "24h"))

    life.change(having("token.value_digest", None)).settle()

    assert life.reason() == "False AwaitingApproval"
    assert not life.active


def test_a_previous_token_that_got_no_overlap_is_not_shown() -> None:
    life = settled(
        having("secret.previous_token_key", "previous"), having("scopes", ("read", "write"))
    )

    life.change(having("scopes", ("read",))).settle()

    assert "previous" not in life.stored.data
