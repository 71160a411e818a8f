"""What status lists say of each token, and how little is written for it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from mintmaster.api.kinds import RUNNER_REGISTRATION
from mintmaster.lifecycle import status_lists
from reconcile.faults.tampering import Interruption, Target, process_with
from reconcile.harness import running
from reconcile.reading import claims, is_ready_at, is_unready, message
from reconcile.status_list_reading import (
    INVALID,
    VALID,
    config_map,
    place_of,
    status_of,
    until_status,
)
from reconcile.status_list_terms import (
    SETTINGS,
    Refusal,
    listed_runner,
    term,
    token,
    version_of,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from reconcile.harness import Cluster, Running, SettableClock


@pytest.fixture
async def operator(cluster_user: Cluster, clock: SettableClock) -> AsyncIterator[Running]:
    """An operator that looks at its lists often, and an issuer that keeps lists."""
    async with term(cluster_user, clock) as started:
        await cluster_user.ready_issuer(statusList=True)
        yield started


# What a list says ---------------------------------------------------------------------------------


async def test_a_token_names_its_entry_in_a_signed_list_which_says_that_it_is_valid(
    operator: Running, cluster_user: Cluster
) -> None:
    place = await listed_runner(cluster_user)
    record = (await cluster_user.runner()).status.tokens[0]
    assert (record.status_list, record.status_index) == place
    issuer = await cluster_user.own_issuer()
    assert place.uri.startswith(f"{issuer.spec.url}/status-lists/")
    assert await status_of(cluster_user, place) == VALID
    found = await config_map(cluster_user, place.uri)
    assert found is not None
    assert len(found["data"]["status-list.jwt"]) < 32 * 1024
    assert operator.metric("mintmaster_status_lists_behind") == 0
    assert (operator.metric("mintmaster_status_lists") or 0) >= 1


async def test_opaque_tokens_and_issuers_without_lists_have_no_entries(
    operator: Running, cluster_user: Cluster
) -> None:
    await cluster_user.ready_runner("opaque", token={"format": "Opaque"})
    await cluster_user.edit_issuer(statusList=False)
    await cluster_user.issuer_where(lambda it: not it.spec.status_list)
    await operator.at_rest()
    await cluster_user.ready_runner("unlisted")
    assert "status" not in claims(await token(cluster_user, "unlisted"))
    for name in ("opaque", "unlisted"):
        record = (await cluster_user.runner(name)).status.tokens[0]
        assert (record.status_list, record.status_index) == (None, None)


async def test_tokens_keep_their_entries_when_the_issuer_gives_no_more(
    operator: Running, cluster_user: Cluster
) -> None:
    place = await listed_runner(cluster_user)
    await cluster_user.edit_issuer(statusList=False)
    assert await status_of(cluster_user, place) == VALID
    await cluster_user.delete(RUNNER_REGISTRATION, "runner")
    await until_status(cluster_user, place, INVALID)


async def test_a_revocation_shows_in_the_list_and_nothing_else_changes(
    operator: Running, cluster_user: Cluster
) -> None:
    place, other = await listed_runner(cluster_user), await listed_runner(cluster_user, "other")
    assert place.uri == other.uri
    await cluster_user.edit_runner(revoked=True)
    await until_status(cluster_user, place, INVALID)
    assert await status_of(cluster_user, other) == VALID


@pytest.mark.parametrize("propagation", ["Background", "Foreground"])
async def test_a_deletion_shows_in_the_list(
    operator: Running, cluster_user: Cluster, propagation: str
) -> None:
    place = await listed_runner(cluster_user)
    await cluster_user.delete(RUNNER_REGISTRATION, "runner", propagation)
    await until_status(cluster_user, place, INVALID)


async def test_a_suspended_resource_keeps_its_token(
    operator: Running, cluster_user: Cluster
) -> None:
    place = await listed_runner(cluster_user)
    await cluster_user.edit_runner(suspend=True)
    await cluster_user.runner_where(lambda it: it.status.state == "Suspended")
    other = await listed_runner(cluster_user, "other")
    await cluster_user.edit_runner("other", revoked=True)
    await until_status(cluster_user, other, INVALID)
    assert await status_of(cluster_user, place) == VALID


async def test_a_superseded_token_is_valid_until_its_overlap_ends(
    operator: Running, cluster_user: Cluster
) -> None:
    former = await listed_runner(cluster_user)
    await cluster_user.rotate_runner("now")
    latter = place_of(await token(cluster_user))
    assert latter != former
    assert await status_of(cluster_user, former) == VALID
    operator.advance(timedelta(minutes=5, seconds=1))
    await until_status(cluster_user, former, INVALID)
    assert await status_of(cluster_user, latter) == VALID


async def test_86_what_the_issuer_does_not_grant_any_more_shows_in_the_list(
    operator: Running, cluster_user: Cluster
) -> None:
    place = await listed_runner(cluster_user)
    await cluster_user.edit_issuer(deniedSubjects=["runner:*"])
    await until_status(cluster_user, place, INVALID)


async def test_an_issue_that_comes_to_nothing_leaves_an_entry_that_is_invalid(
    cluster_user: Cluster, clock: SettableClock
) -> None:
    interruption = Interruption(Target("PATCH", "runnerregistrations/status", "/runner/"))
    process = process_with(interruption)
    async with running(
        cluster_user.kubeconfig, clock=clock, settings=SETTINGS, process_type=process
    ):
        await cluster_user.ready_issuer(statusList=True)
        await cluster_user.create_runner(scopes=["api", "read_api"])
        await interruption.reached.wait()
        lost = place_of(await token(cluster_user))
        assert await status_of(cluster_user, lost) == VALID
        await cluster_user.edit_runner(scopes=["read_api"])
        interruption.release()
        await cluster_user.runner_where(is_ready_at(1))
        assert place_of(await token(cluster_user)) != lost
        await until_status(cluster_user, lost, INVALID)


# Entries ------------------------------------------------------------------------------------------


async def test_47_a_hundred_issues_at_once_share_no_entry_and_open_one_list(
    operator: Running, cluster_user: Cluster
) -> None:
    runners = [f"runner-{number}" for number in range(100)]
    for name in runners:
        await cluster_user.create_runner(name)
    for name in runners:
        await cluster_user.runner_where(is_ready_at(1), name)
    places = [place_of(await token(cluster_user, name)) for name in runners]
    assert len(set(places)) == len(runners)
    assert len({place.uri for place in places}) == 1
    # Their order tells nothing of the order of the issues.
    assert sorted(places) != places


async def test_an_issue_costs_no_write_of_the_list(
    operator: Running, cluster_user: Cluster
) -> None:
    place = await listed_runner(cluster_user)
    before = await version_of(cluster_user, place.uri)
    async with operator.writing(2):
        assert (await listed_runner(cluster_user, "other")).uri == place.uri
    assert await version_of(cluster_user, place.uri) == before


async def test_the_next_list_is_opened_when_one_is_full(
    operator: Running, cluster_user: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status_lists, "CAPACITY", 2)
    places = [await listed_runner(cluster_user, f"runner-{number}") for number in range(4)]
    assert places[0].uri == places[1].uri != places[2].uri == places[3].uri
    for place in places:
        assert await status_of(cluster_user, place) == VALID


async def test_a_list_that_cannot_be_published_holds_up_issues_and_says_why(
    cluster_user: Cluster, clock: SettableClock
) -> None:
    refusal = Refusal(Target("POST", "configmaps"))
    async with term(cluster_user, clock, refusal):
        await cluster_user.ready_issuer(statusList=True)
        await cluster_user.create_runner()
        held_up = await cluster_user.runner_where(is_unready("WriteFailed"))
        assert "refused to write a status list: configmaps is forbidden" in message(held_up)
        assert await cluster_user.secret("runner-token") is None
        refusal.over = True
        await cluster_user.runner_where(is_ready_at(1))
        place = place_of(await token(cluster_user))
        assert await status_of(cluster_user, place) == VALID
