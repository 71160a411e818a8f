"""Renewal and the overlap of the token before, on a clock that the test moves."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from mintmaster.api.kinds import RUNNER_REGISTRATION
from reconcile.reading import (
    claims,
    condition,
    current,
    is_ready,
    is_ready_at,
    is_settled,
    is_unready,
    revisions,
)

if TYPE_CHECKING:
    from reconcile.harness import Cluster, Running

SECOND = timedelta(seconds=1)


async def test_a_token_is_renewed_at_the_time_that_its_status_says_and_not_before(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    first = await cluster_user.ready_runner(token={"lifetime": "3h"})
    assert first.status.renew_at is not None
    async with operator.writing(0):
        operator.advance_to(first.status.renew_at - 2 * SECOND)
    async with operator.writing(2):
        operator.advance_to(first.status.renew_at)
        renewed = await cluster_user.runner_where(is_ready_at(2))
    assert condition(renewed, "Ready") == ("True", "Renewed")
    assert await cluster_user.digests() == {"token": current(renewed).digest}


@pytest.mark.parametrize(
    ("token", "interval"),
    [
        ({"lifetime": "3h"}, timedelta(hours=2)),
        ({"lifetime": "3h", "renewBefore": "30m"}, timedelta(hours=2, minutes=30)),
        ({"lifetime": "3h", "renewBeforePercentage": 50}, timedelta(minutes=90)),
    ],
    ids=["a third before its end", "renewBefore", "renewBeforePercentage"],
)
async def test_the_renewal_is_due_when_the_spec_says_or_up_to_a_tenth_earlier(
    token: dict[str, object], interval: timedelta, cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    status = (await cluster_user.ready_runner(token=token)).status
    assert status.issued_at is not None
    assert status.renew_at is not None
    assert interval * 0.9 - SECOND <= status.renew_at - status.issued_at <= interval


async def test_resources_made_together_are_renewed_apart(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    for number in range(4):
        await cluster_user.create_runner(f"runner-{number}")
    runners = [await cluster_user.runner_where(is_ready, f"runner-{it}") for it in range(4)]
    assert len({it.status.renew_at for it in runners}) == 4


async def test_the_token_before_stays_on_record_until_its_overlap_ends(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    first = await cluster_user.ready_runner(token={"lifetime": "3h", "overlap": "20m"})
    operator.advance_to(first.status.renew_at)
    renewed = await cluster_user.runner_where(is_ready_at(2))
    newer, older = renewed.status.tokens
    assert older.id == current(first).id
    assert older.valid_until == newer.issued_at + timedelta(minutes=20)
    assert older.expires_at == current(first).expires_at
    assert newer.valid_until == newer.expires_at == renewed.status.expires_at


async def test_nothing_is_written_when_an_overlap_ends_that_no_secret_shows(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    first = await cluster_user.ready_runner(token={"lifetime": "3h"})
    operator.advance_to(first.status.renew_at)
    renewed = await cluster_user.runner_where(is_ready_at(2))
    async with operator.writing(0):
        operator.advance_to(renewed.status.tokens[1].valid_until)


async def test_without_overlap_the_token_before_leaves_the_record_at_once(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    first = await cluster_user.ready_runner(token={"overlap": "0s"})
    operator.advance_to(first.status.renew_at)
    assert revisions(await cluster_user.runner_where(is_ready_at(2))) == [2]


async def test_the_previous_token_stands_in_the_secret_for_the_overlap_and_then_goes(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    first = await cluster_user.ready_runner(secret={"previousTokenKey": "previous"})
    assert await cluster_user.digests() == {"token": current(first).digest}

    operator.advance_to(first.status.renew_at)
    newer, older = (await cluster_user.runner_where(is_ready_at(2))).status.tokens
    assert older.valid_until is not None
    shown = {"token": newer.digest, "previous": older.digest}
    assert await cluster_user.digests() == shown

    operator.advance_to(older.valid_until - 2 * SECOND)
    await operator.at_rest()
    assert await cluster_user.digests() == shown
    operator.advance_to(older.valid_until)
    await cluster_user.secret_where(lambda it: it["data"] == ["token"])
    assert await cluster_user.digests() == {"token": newer.digest}


async def test_a_renewed_token_says_the_new_times_in_itself_and_on_its_secret(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    first = await cluster_user.ready_runner(token={"lifetime": "3h"})
    operator.advance_to(first.status.renew_at)
    renewed = await cluster_user.runner_where(is_ready_at(2))
    said = claims((await cluster_user.secret_data("runner-token"))["token"])
    assert renewed.status.expires_at is not None
    assert said["exp"] == int(renewed.status.expires_at.timestamp())
    assert said["exp"] - said["iat"] == 3 * 3600
    assert said["jti"] == current(renewed).id
    assert said["mintmaster.dev"]["revision"] == 2


async def test_a_suspended_resource_keeps_its_token_expires_and_gets_another_when_resumed(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    first = await cluster_user.ready_runner()
    await cluster_user.edit_runner(suspend=True)
    await cluster_user.runner_where(is_settled)
    operator.advance_to(first.status.renew_at)
    late = await cluster_user.runner_where(lambda it: condition(it, "RenewalFailing") is not None)
    assert is_ready(late)

    operator.advance_to(first.status.expires_at)
    expired = await cluster_user.runner_where(is_unready("Expired"))
    assert condition(expired, "RenewalFailing") is None

    await cluster_user.edit_runner(suspend=False)
    resumed = await cluster_user.runner_where(is_ready_at(2))
    assert resumed.status.state == "Active"
    assert revisions(resumed) == [2]


async def test_a_renewal_that_was_missed_happens_when_the_operator_is_back(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    first = await cluster_user.ready_runner()
    assert first.status.expires_at is not None
    operator.advance_to(first.status.expires_at + timedelta(days=400))
    renewed = await cluster_user.runner_where(is_ready_at(2))
    assert revisions(renewed) == [2]


async def test_a_clock_that_is_mistrusted_renews_nothing_and_prunes_nothing_until_it_is_right(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    first = await cluster_user.ready_runner()
    operator.skew.mistrusted = True
    operator.advance_to(first.status.renew_at)
    late = await cluster_user.runner_where(lambda it: condition(it, "RenewalFailing") is not None)
    assert condition(late, "RenewalFailing") == ("True", "ClockSkew")
    assert late.status.tokens == first.status.tokens

    operator.skew.mistrusted = False
    operator.advance(timedelta(seconds=10))
    renewed = await cluster_user.runner_where(is_ready_at(2))
    assert condition(renewed, "RenewalFailing") is None


async def test_a_rotation_happens_once_per_value_and_the_status_says_which_was_handled(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    await cluster_user.ready_runner()
    async with operator.writing(2):
        rotated = await cluster_user.rotate_runner("monday")
    assert condition(rotated, "Ready") == ("True", "Rotated")
    assert revisions(rotated) == [2, 1]
    async with operator.writing(0):
        await cluster_user.annotate(RUNNER_REGISTRATION, "runner", rotate="monday", note="edited")
    assert revisions(await cluster_user.rotate_runner("tuesday")) == [3, 2, 1]


async def test_a_rotation_asked_for_at_creation_is_met_by_the_first_token(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    async with operator.writing(2):
        await cluster_user.create_annotated_runner(rotate="at-creation")
        runner = await cluster_user.runner_where(is_ready)
    assert runner.status.last_rotate_request == "at-creation"
    assert runner.status.revision == 1


async def test_a_hundred_rotations_spend_the_budget_and_the_scheduled_renewal_still_happens(
    cluster_user: Cluster, operator: Running
) -> None:
    """Attack 80."""
    await cluster_user.ready_issuer(limits={"issuesPerHour": 3})
    await cluster_user.ready_runner(token={"lifetime": "3h"})
    # Met one by one: of wishes that follow each other faster than they are looked at, only the last is met.
    for number in range(3):
        await cluster_user.rotate_runner(f"wish-{number}")
    for number in range(3, 100):
        await cluster_user.annotate(RUNNER_REGISTRATION, "runner", rotate=f"wish-{number}")
    spent = await cluster_user.runner_where(
        lambda it: condition(it, "RenewalFailing") == ("True", "TooManyIssues")
    )
    await operator.at_rest()
    assert spent.status.revision == 4
    assert is_ready(spent)

    # What is asked for last is met when the budget has room again.
    operator.advance(timedelta(hours=1))
    met = await cluster_user.runner_where(lambda it: it.status.last_rotate_request == "wish-99")
    assert met.status.revision == 5
    operator.advance_to(met.status.renew_at)
    renewed = await cluster_user.runner_where(is_ready_at(6))
    assert condition(renewed, "Ready") == ("True", "Renewed")


async def test_a_spent_budget_does_not_keep_a_token_from_being_renewed_on_schedule(
    cluster_user: Cluster, operator: Running
) -> None:
    """Attack 81: a second writer edits the Secret all the time."""
    await cluster_user.ready_issuer(limits={"issuesPerHour": 1})
    first = await cluster_user.ready_runner(token={"lifetime": "10m"})
    await cluster_user.delete_secret("runner-token")
    second = await cluster_user.runner_where(is_ready_at(2))
    await cluster_user.delete_secret("runner-token")
    await cluster_user.runner_where(is_unready("TooManyIssues"))
    assert second.status.recent_issues[0] >= current(first).issued_at
    operator.advance_to(second.status.renew_at)
    renewed = await cluster_user.runner_where(is_ready_at(3))
    assert condition(renewed, "Ready") == ("True", "Renewed")
