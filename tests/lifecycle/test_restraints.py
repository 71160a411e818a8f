"""Why an issue has to wait: each restraint alone, their order, and a budget that cannot be evaded (I12)."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from lifecycle.build import HOUR, KEY_ID, MINUTE, NOW, having, issuing, rotation, status
from lifecycle.simulation import Life, settled
from mintmaster.api.reasons import Reason
from mintmaster.lifecycle.causes import EXEMPT, Cause, CauseKind
from mintmaster.lifecycle.restraints import (
    BUDGET_WINDOW,
    CLOCK_RETRY,
    MAX_TOKENS,
    MAX_TOKENS_FOR_REQUESTS,
    restraint,
    within_window,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from mintmaster.lifecycle.issuer_view import Obstacle

counted = pytest.mark.parametrize("kind", sorted(set(CauseKind) - EXEMPT, key=str))
exempt = pytest.mark.parametrize("kind", sorted(EXEMPT, key=str))


def found(life: Life, kind: CauseKind = CauseKind.DRIFT) -> Obstacle | None:
    return restraint(life.facts(), Cause(kind, Reason.SECRET_MISSING, "Because."))


def reason(life: Life, kind: CauseKind = CauseKind.DRIFT) -> Reason | None:
    obstacle = found(life, kind)
    return obstacle.reason if obstacle else None


def with_tokens(number: int) -> Life:
    """A life with that many live tokens, whose overlaps end one minute apart."""
    life = settled(having("token.overlap", "700h"))
    for ordinal in range(number - 1):
        life.wait(MINUTE).change(rotation(str(ordinal)), status("recent_issues", ())).step()
        if len(life.active) == ordinal + 1:
            life.wait(timedelta(hours=480)).settle()
    assert len(life.active) == number
    return life.change(status("recent_issues", ()))


def having_issued(*ago: timedelta) -> Life:
    life = settled()
    return life.change(status("recent_issues", tuple(sorted(life.now - each for each in ago))))


def suspended(life: Life) -> None:
    life.change(having("suspend", True))


def off(life: Life) -> None:
    life.clock_trusted = False


def spent(life: Life) -> None:
    life.change(status("recent_issues", (life.now,) * 10))


def test_nothing_restrains_an_issue_in_good_order() -> None:
    assert found(settled()) is None


@pytest.mark.parametrize("kind", CauseKind)
def test_suspension_restrains_everything(kind: CauseKind) -> None:
    life = settled()
    suspended(life)

    obstacle = found(life, kind)

    assert obstacle is not None
    assert (obstacle.reason, obstacle.retry_at) == (Reason.SUSPENDED, None)
    assert "Because." in obstacle.message


@pytest.mark.parametrize("kind", CauseKind)
def test_a_clock_that_is_off_restrains_everything_for_a_while(kind: CauseKind) -> None:
    life = settled()
    off(life)

    obstacle = found(life, kind)

    assert obstacle is not None
    assert (obstacle.reason, obstacle.retry_at) == (Reason.CLOCK_SKEW, NOW + CLOCK_RETRY)


@counted
def test_drift_and_requests_stop_at_six_tokens(kind: CauseKind) -> None:
    assert reason(with_tokens(MAX_TOKENS_FOR_REQUESTS - 1), kind) is None
    full = with_tokens(MAX_TOKENS_FOR_REQUESTS)

    obstacle = found(full, kind)

    assert obstacle is not None
    assert obstacle.reason == Reason.TOO_MANY_TOKENS
    assert obstacle.retry_at == min(
        token.valid_until for token in full.active if token.valid_until is not None
    )


@exempt
def test_scheduled_renewals_find_room_up_to_eight_tokens(kind: CauseKind) -> None:
    life = with_tokens(MAX_TOKENS_FOR_REQUESTS)

    assert reason(life, kind) is None
    tokens = tuple(life.status.tokens) + life.status.tokens[1:3]
    assert len(tokens) == MAX_TOKENS
    assert reason(life.change(status("tokens", tokens)), kind) == Reason.TOO_MANY_TOKENS


def test_tokens_that_the_issue_itself_ends_take_no_room() -> None:
    life = with_tokens(MAX_TOKENS_FOR_REQUESTS)

    assert reason(life.change(having("scopes", ("read",))), CauseKind.EDIT) is None

    life.alter_issuer(issuing("withdrawn_keys", (KEY_ID,)))
    assert reason(life, CauseKind.WITHDRAWN) is None


@counted
@pytest.mark.parametrize(("number", "expected"), [(9, None), (10, Reason.TOO_MANY_ISSUES)])
def test_the_budget_of_a_resource(kind: CauseKind, number: int, expected: Reason | None) -> None:
    life = having_issued(*(MINUTE * ordinal for ordinal in range(number)))

    assert reason(life, kind) == expected


@exempt
def test_first_issues_renewals_and_withdrawals_are_exempt(kind: CauseKind) -> None:
    life = having_issued(*(MINUTE,) * 50)
    life.namespace_issues = (NOW,) * 1000

    assert reason(life, kind) is None


def test_the_budget_has_room_again_when_the_oldest_that_matters_leaves_the_window() -> None:
    life = having_issued(*(MINUTE * ordinal for ordinal in range(12)))

    obstacle = found(life)

    assert obstacle is not None
    # Fewer than ten are left once the tenth newest has gone.
    assert obstacle.retry_at == life.now - 9 * MINUTE + BUDGET_WINDOW
    assert obstacle.retry_at is not None
    life.now = obstacle.retry_at
    assert found(life) is None


def test_the_budget_of_a_namespace_stops_a_resource_that_did_nothing() -> None:
    life = settled().alter_issuer(issuing("limits.issues_per_hour_per_namespace", 5))
    life.namespace_issues = tuple(NOW - MINUTE * ordinal for ordinal in (90, 50, 40, 30, 20, 10))

    obstacle = found(life)

    assert obstacle is not None
    assert obstacle.reason == Reason.TOO_MANY_ISSUES
    assert "5 for the namespace" in obstacle.message
    assert obstacle.retry_at == NOW + 10 * MINUTE
    life.namespace_issues = life.namespace_issues[2:]
    assert found(life) is None


RESTRAINTS: list[tuple[Callable[[Life], None], Reason]] = [
    (suspended, Reason.SUSPENDED),
    (off, Reason.CLOCK_SKEW),
    (spent, Reason.TOO_MANY_TOKENS),
]


@pytest.mark.parametrize("first", range(len(RESTRAINTS)))
def test_of_several_restraints_the_most_lasting_is_told(first: int) -> None:
    life = with_tokens(MAX_TOKENS_FOR_REQUESTS)
    for restrain, _ in RESTRAINTS[first:]:
        restrain(life)

    assert reason(life) == RESTRAINTS[first][1]


@pytest.mark.parametrize(
    ("ago", "counts"),
    [(timedelta(), True), (HOUR - timedelta(seconds=1), True), (HOUR, False)],
)
def test_the_window_is_an_hour(ago: timedelta, counts: bool) -> None:
    assert within_window((NOW - ago,), NOW) == ((NOW - ago,) if counts else ())


def issues_per_hour(life: Life, harass: Callable[[Life, int], object], times: int = 100) -> int:
    """Harass a resource once every 36 s for an hour; how many issues came of it."""
    for ordinal in range(times):
        harass(life, ordinal)
        life.settle()
        life.wait(HOUR / times)
    return len(life.issued) - 1


def rotate(life: Life, ordinal: int) -> None:
    life.change(rotation(str(ordinal)))


def delete(life: Life, ordinal: int) -> None:
    assert ordinal >= 0
    life.secret = None


def paste_another_text(life: Life, ordinal: int) -> None:
    life.stored.data["token"] = b"my own text %d" % ordinal


def edit_back_and_forth(life: Life, ordinal: int) -> None:
    life.change(having("scopes", ("read",) if ordinal % 2 else ("read", "write")))


def ask_for_the_impossible_and_back(life: Life, ordinal: int) -> None:
    life.change(having("scopes", ("fly",) if ordinal % 2 else ("read", "write")))


def reformat(life: Life, ordinal: int) -> None:
    life.change(having("token.lifetime", "24h" if ordinal % 2 else "48h"))


def rename_everything(life: Life, ordinal: int) -> None:
    life.change(having("secret.token_key", f"key-{ordinal}"), rotation(str(ordinal)))
    life.secret = None


def restart_with_another_window(life: Life, ordinal: int) -> None:
    life.change(having("token.renew_before_percentage", 90 - ordinal % 2), rotation(str(ordinal)))


HARASSMENTS = [
    rotate,
    delete,
    paste_another_text,
    edit_back_and_forth,
    ask_for_the_impossible_and_back,
    reformat,
    rename_everything,
    restart_with_another_window,
]


@pytest.mark.parametrize("harass", HARASSMENTS, ids=lambda harass: str(harass.__name__))
def test_nobody_gets_more_than_the_budget_out_of_a_resource(
    harass: Callable[[Life, int], object],
) -> None:
    life = settled(having("token.lifetime", "48h"), having("token.overlap", "1m"))

    issued = issues_per_hour(life, harass)

    assert issued <= 10
    assert len(life.status.recent_issues) <= 10


@pytest.mark.parametrize("harass", HARASSMENTS, ids=lambda harass: str(harass.__name__))
def test_whatever_somebody_does_to_a_resource_it_is_renewed_on_schedule(
    harass: Callable[[Life, int], object],
) -> None:
    life = settled(having("token.lifetime", "24h"), having("token.overlap", "4h"))
    for ordinal in range(120):
        harass(life, ordinal)
        life.settle().wait(20 * MINUTE)
        if ordinal % 2 == 0:
            # At odd ones the spec may just ask for what can't be had.
            life.settle()
            assert life.status.renew_at is not None
            assert life.status.renew_at > life.now


def test_renewals_are_never_closer_than_five_minutes_whatever_is_edited() -> None:
    life = settled(having("token.lifetime", "10m"), having("token.renew_before", "5m"))
    moments: list[datetime] = []
    for ordinal in range(300):
        before = len(life.issued)
        life.change(having("token.renew_before", ("1m", "5m", "9m", "9m59s")[ordinal % 4]))
        life.settle().wait(timedelta(seconds=20))
        if len(life.issued) > before:
            assert life.issued[-1].cause.kind is CauseKind.SCHEDULED
            moments.append(life.current.issued_at)

    gaps = [later - earlier for earlier, later in itertools.pairwise(moments)]
    assert gaps
    assert min(gaps) >= 5 * MINUTE


def test_counters_that_are_out_of_the_window_go_with_the_next_issue() -> None:
    life = settled().change(rotation("1")).settle().wait(HOUR)
    assert len(life.status.recent_issues) == 1

    life.change(rotation("2")).settle()

    assert life.status.recent_issues == (life.now,)


def test_a_new_leader_knows_the_counters() -> None:
    life = settled(having("token.overlap", "0s"))
    for ordinal in range(11):
        life.change(rotation(str(ordinal))).settle()
    assert life.reason("RenewalFailing") == "True TooManyIssues"

    successor = Life(life.resource, secret=life.secret, now=life.now)

    assert successor.change(rotation("again")).settle().issued == []
