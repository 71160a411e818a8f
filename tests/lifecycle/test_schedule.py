"""When tokens are renewed: early by a little, never late, and never too often."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.build import HOUR, MINUTE, NOW, UID, issuer, issuing
from mintmaster.api import durations
from mintmaster.api.reasons import Reason
from mintmaster.api.rights import Rights
from mintmaster.api.status import TokenRecord
from mintmaster.api.token_spec import TokenSpec
from mintmaster.lifecycle import schedule
from mintmaster.lifecycle.schedule import JITTER_FRACTION, MIN_RENEWAL_INTERVAL, Schedule

SECONDS = st.integers(600, 9000 * 3600)
UIDS = st.uuids().map(str)


def record(lifetime: timedelta | None) -> TokenRecord:
    return TokenRecord(
        id="t",
        revision=1,
        digest="d",
        issued_at=NOW,
        expires_at=NOW + lifetime if lifetime is not None else None,
        rights=Rights(subject="user:ada@example.org"),
    )


def specs() -> st.SearchStrategy[TokenSpec]:
    text = st.integers(60, 9000 * 3600).map(lambda seconds: f"{seconds // 60}m{seconds % 60}s")
    fitting = text.filter(lambda duration: len(duration.split("m")[0]) <= 5)
    return st.one_of(
        st.builds(TokenSpec, renew_before=fitting),
        st.builds(TokenSpec, renew_before_percentage=st.integers(1, 90)),
        st.just(TokenSpec()),
    )


@given(SECONDS, UIDS)
def test_jitter_moves_a_renewal_earlier_by_a_tenth_at_most(seconds: int, uid: str) -> None:
    times = Schedule(timedelta(seconds=seconds), timedelta(seconds=seconds // 3), timedelta())

    waited = times.renew_at(NOW, uid) - NOW

    # Whole seconds: a status can record no others.
    assert times.interval * (1 - 1 / JITTER_FRACTION) - timedelta(seconds=1) <= waited
    assert waited <= times.interval
    assert not waited.microseconds


def test_jitter_is_the_same_after_every_restart_and_differs_between_resources() -> None:
    times = Schedule(720 * HOUR, 240 * HOUR, timedelta())
    moments = [times.renew_at(NOW, f"uid-{number}") for number in range(50)]

    assert moments == [times.renew_at(NOW, f"uid-{number}") for number in range(50)]
    assert len(set(moments)) > 40


@given(SECONDS, specs(), UIDS)
def test_a_token_is_renewed_before_it_expires_whatever_the_spec_says_by_now(
    seconds: int, spec: TokenSpec, uid: str
) -> None:
    token = record(timedelta(seconds=seconds))

    renew_at = schedule.renewal_of(token, spec, uid)

    assert renew_at is not None
    assert token.expires_at is not None
    assert NOW + MIN_RENEWAL_INTERVAL <= renew_at < token.expires_at


def test_a_token_without_end_is_never_renewed() -> None:
    assert schedule.renewal_of(record(None), TokenSpec(), UID) is None


@pytest.mark.parametrize(
    ("spec", "renew_before"),
    [
        (TokenSpec(lifetime="24h"), 8 * HOUR),
        (TokenSpec(), 240 * HOUR),
        (TokenSpec(lifetime="24h", renew_before="90m"), 90 * MINUTE),
        (TokenSpec(lifetime="24h", renew_before_percentage=50), 12 * HOUR),
        (TokenSpec(lifetime="10m", renew_before_percentage=33), timedelta(seconds=198)),
    ],
)
def test_how_long_before_its_end_a_token_is_renewed(
    spec: TokenSpec, renew_before: timedelta
) -> None:
    assert schedule.effective(spec, issuer()).renew_before == renew_before


def test_the_issuers_lifetime_applies_where_the_spec_names_none() -> None:
    view = issuer(issuing("limits.default_lifetime", "48h"))

    assert schedule.effective(TokenSpec(), view).lifetime == 48 * HOUR
    assert schedule.effective(TokenSpec(lifetime="1h"), view).lifetime == HOUR


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (TokenSpec(lifetime="10m"), None),
        (TokenSpec(lifetime="599s"), "below the minimum of 10m"),
        (TokenSpec(lifetime="0s"), "below the minimum of 10m"),
        (TokenSpec(lifetime="10m", renew_before="10m"), "must be shorter than the lifetime"),
        (TokenSpec(lifetime="10m", renew_before="5m"), None),
        (TokenSpec(lifetime="10m", renew_before="5m1s"), "more often than every 5m"),
        (TokenSpec(lifetime="10m", renew_before_percentage=51), "more often than every 5m"),
        (TokenSpec(lifetime="10m", overlap="0s"), None),
        (TokenSpec(lifetime="10m", overlap="9m59s"), None),
        (TokenSpec(lifetime="10m", overlap="10m"), "overlap must be shorter"),
        (TokenSpec(lifetime="1h", renew_before="55m", overlap="10m"), None),
        (TokenSpec(lifetime="1h", renew_before="55m", overlap="11m"), "more than two renewals"),
    ],
)
def test_times_that_fit_and_times_that_do_not(spec: TokenSpec, said: str | None) -> None:
    view = issuer()

    found = schedule.obstacle(schedule.effective(spec, view), view)

    if said is None:
        assert found is None
    else:
        assert found is not None
        assert found.reason == Reason.SCHEDULE_INVALID
        assert said in found.message


@given(SECONDS, st.integers(1, 90), st.integers(0, 9000 * 3600))
def test_a_schedule_that_is_accepted_never_has_more_tokens_than_a_status_can_hold(
    seconds: int, percentage: int, overlap: int
) -> None:
    lifetime = timedelta(seconds=seconds)
    before = timedelta(seconds=seconds * percentage // 100)
    times = Schedule(lifetime, before, timedelta(seconds=overlap))
    view = issuer(issuing("limits.max_lifetime", "9000h"))
    if schedule.obstacle(times, view) is not None:
        return

    # The shortest time between two renewals that jitter allows.
    shortest = max(times.interval * (1 - 1 / JITTER_FRACTION), MIN_RENEWAL_INTERVAL)
    superseded = times.overlap // shortest

    assert superseded + 2 <= 8


def test_the_longest_lifetime_that_can_be_written_is_too_long_rather_than_a_fault() -> None:
    view = issuer()

    found = schedule.obstacle(
        schedule.effective(TokenSpec(lifetime="99999h99999m99999s"), view), view
    )

    assert found is not None
    assert found.reason == Reason.LIFETIME_TOO_LONG
    assert view.spec.limits.max_lifetime in found.message
    assert durations.parse(view.spec.limits.max_lifetime) == 8760 * HOUR
