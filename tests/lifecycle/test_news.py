"""What is worth an Event: once per change, never once per retry."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from lifecycle.build import KEY_ID, NOW, having, issuer, issuing, setting
from lifecycle.simulation import settled
from lifecycle.situations import SITUATIONS
from mintmaster.api.meta import ObjectMeta
from mintmaster.api.reasons import Reason
from mintmaster.api.token_issuer import KeyRecord, TokenIssuer
from mintmaster.lifecycle import issuer_status
from mintmaster.lifecycle.issuer_view import Obstacle
from mintmaster.lifecycle.merge_patch import difference
from mintmaster.lifecycle.news import news
from mintmaster.lifecycle.outcome import next_status
from mintmaster.lifecycle.readiness import Outcome
from mintmaster.tokens.digests import digest

if TYPE_CHECKING:
    from lifecycle.simulation import Life


def told(life: Life) -> list[str]:
    """The Events of one reconciliation, as `Warning NotGranted`."""
    before = life.status.conditions
    plan = life.step()
    assert plan is not None
    return [f"{item.type} {item.reason}" for item in news(plan, before, life.status.conditions)]


def test_the_first_issue_is_not_told_with_what_was_before_it() -> None:
    life = SITUATIONS["new"]()
    plan = life.step()
    assert plan is not None

    [item] = news(plan, (), life.status.conditions)

    assert item.message == "A token was issued."


@pytest.mark.parametrize(
    ("situation", "events"),
    [
        ("new", ["Normal Issued"]),
        ("settled", []),
        ("renewal due", ["Normal Renewed"]),
        ("rotation asked for", ["Normal Rotated"]),
        ("Secret deleted", ["Warning SecretMissing"]),
        ("labels added", ["Normal SecretEdited"]),
        ("not granted", ["Warning NotGranted"]),
        ("grant taken back", ["Warning NotGranted"]),
        ("awaiting approval", ["Normal AwaitingApproval"]),
        ("suspended at birth", ["Normal Suspended"]),
        ("keys lost and renewal due", ["Warning KeysLost"]),
        ("budget spent", ["Warning TooManyIssues"]),
        ("revoked", ["Normal Revoked"]),
        ("caller's token expired", ["Warning Expired"]),
    ],
)
def test_a_change_is_told_once(situation: str, events: list[str]) -> None:
    life = SITUATIONS[situation]()

    assert told(life) == events
    assert told(life) == []


def test_another_reason_for_the_same_trouble_is_told() -> None:
    life = SITUATIONS["not granted"]().settle()

    assert told(life.change(having("scopes", ("fly",)))) == ["Warning ScopeUnknown"]


def test_restarts_are_told_when_they_are_through_and_when_they_fail() -> None:
    life = SITUATIONS["restarts"]()
    assert told(life) == ["Normal Rotated"]
    facts, plan = life.decide()
    assert plan is not None
    missing = Outcome(restarts=Obstacle(Reason.WRITE_FAILED, "Not restarted."))
    failed = next_status(facts, plan, missing).conditions
    assert [item.action for item in news(plan, life.status.conditions, failed)] == ["Restart"]

    assert told(life) == ["Normal Rotated"]


@pytest.mark.parametrize("situation", SITUATIONS)
def test_no_event_holds_a_token(situation: str) -> None:
    life = SITUATIONS[situation]()
    before = life.status.conditions
    plan = life.step()
    assert plan is not None
    values = [value.decode() for value in life.secret.data.values()] if life.secret else []
    tokens = [value for value in values if digest(value) in life.delivered]

    for item in news(plan, before, life.status.conditions):
        assert not any(token in item.message for token in tokens)


ISSUER = TokenIssuer(metadata=ObjectMeta(name="default", generation=3), spec=issuer().spec)
KEYS = (KeyRecord(id=KEY_ID, algorithm="ES256", state="Active", not_before=NOW),)


@pytest.mark.parametrize(
    ("obstacle", "conditions"),
    [
        (None, ["Ready True KeysPublished"]),
        (Obstacle(Reason.KEYS_LOST, "Lost."), ["Ready False KeysLost"]),
        (
            Obstacle(Reason.ISSUER_CONFLICT, "Taken."),
            ["Ready False IssuerConflict", "Stalled True IssuerConflict"],
        ),
    ],
)
def test_an_issuer_says_whether_it_can_mint(
    obstacle: Obstacle | None, conditions: list[str]
) -> None:
    status = issuer_status.next_status(ISSUER, KEYS, obstacle, NOW)

    said = [f"{item.type} {item.status} {item.reason}" for item in status.conditions]
    assert (said, status.keys, status.observed_generation) == (conditions, KEYS, 3)


def test_an_issuer_says_nothing_twice_and_recovers() -> None:
    lost = Obstacle(Reason.ISSUER_CONFLICT, "Lost.")
    failed = setting(ISSUER, "status", issuer_status.next_status(ISSUER, KEYS, lost, NOW))
    reworded = issuer_status.next_status(failed, KEYS, replace(lost, message="Gone."), NOW)
    assert not issuer_status.says_something_new(failed.status, reworded)

    mended = issuer_status.next_status(failed, KEYS, None, NOW)

    assert issuer_status.says_something_new(failed.status, mended)
    assert [item.type for item in mended.conditions] == ["Ready"]
    assert issuer_status.patch_of(failed.status, mended) == difference(failed.status, mended)
    assert set(issuer_status.patch_of(failed.status, mended)) == {"conditions"}


def test_a_message_is_cut_before_it_fills_the_status() -> None:
    named = tuple(f"scope-{number}" + "x" * 100 for number in range(16))
    life = settled().alter_issuer(issuing("audiences", ("https://services.example.org",)))

    condition = life.change(having("scopes", named)).settle().condition("Ready")

    assert condition is not None
    assert len(condition.message) == 1024
