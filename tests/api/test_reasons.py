"""Reasons: each is documented, and those that stall are those that kstatus must report."""

import re

import pytest

from mintmaster.api.reasons import REASONS, STALLED_REASONS, ConditionType, Reason, State


def test_every_reason_is_documented() -> None:
    assert set(REASONS) == set(Reason)


@pytest.mark.parametrize("reason", Reason)
def test_meaning_and_action_are_sentences(reason: Reason) -> None:
    for sentence in (REASONS[reason].meaning, REASONS[reason].action):
        assert sentence[0].isupper()
        assert sentence.endswith(".")


@pytest.mark.parametrize("word", [*Reason, *State, *ConditionType])
def test_words_are_what_a_condition_may_hold(word: str) -> None:
    assert re.fullmatch("[A-Z][A-Za-z]*", word)


def test_what_only_people_can_heal_stalls() -> None:
    assert sorted(STALLED_REASONS) == [
        "ClientIdConflict",
        "Denied",
        "DigestConflict",
        "Expired",
        "IssuerConflict",
        "LifetimeTooLong",
        "NotGranted",
        "RoleUnknown",
        "ScheduleInvalid",
        "ScopeUnknown",
        "SecretConflict",
        "TemplateInvalid",
        "TokenTooLarge",
    ]
