"""What an edit of an issuer means for the tokens that it has issued: narrowed at once, widened when next issued."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from mintmaster.api.kinds import TOKEN_ISSUER
from reconcile.builders import grant
from reconcile.reading import (
    condition,
    current,
    is_ready,
    is_ready_at,
    is_unready,
    message,
    revisions,
)

if TYPE_CHECKING:
    from mintmaster.api.user_access_token import UserAccessToken
    from reconcile.harness import Cluster, Running

SCOPES = [{"name": scope} for scope in ("api", "read_api", "create_runner")]

NARROWED: dict[str, dict[str, Any]] = {
    "no grants at all": {"grants": []},
    "a grant of other scopes": {"grants": [grant("*", scopes=["api"])]},
    "a grant of other subjects": {"grants": [grant("*", subjects=["user:*@other.example"])]},
    "a grant for another namespace": {"grants": [grant("another")]},
    "a grant of another kind": {"grants": [grant("*", kinds=["RunnerRegistration"])]},
    "a grant without the project": {"grants": [grant("*", projects=["8"])]},
    "the subject is denied": {"deniedSubjects": ["user:*@team.example"]},
}


@pytest.mark.parametrize("how", NARROWED)
async def test_a_narrowed_issuer_cuts_the_token_short_and_a_widened_one_heals_it(
    how: str, cluster_user: Cluster, operator: Running
) -> None:
    """Attack 86."""
    await cluster_user.ready_issuer()
    before = await cluster_user.ready_user(scopes=["read_api"], projects=["3"])
    operator.advance(timedelta(minutes=1))
    await cluster_user.edit_issuer(**NARROWED[how])
    cut = await cluster_user.user_where(is_unready("NotGranted"))
    _is_cut(before, cut, operator)

    await cluster_user.edit_issuer(grants=[grant(cluster_user.namespace)], deniedSubjects=[])
    healed = await cluster_user.user_where(is_ready_at(2))
    assert revisions(healed) == [2]
    assert condition(healed, "Stalled") is None


def _is_cut(before: UserAccessToken, cut: UserAccessToken, operator: Running) -> None:
    token = current(cut)
    assert token.id == current(before).id
    assert token.valid_until is not None
    assert token.valid_until <= operator.clock.now()
    assert condition(cut, "Stalled") == ("True", "NotGranted")


async def test_a_scope_that_the_issuer_forgets_makes_its_tokens_inactive(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    before = await cluster_user.ready_user(scopes=["create_runner"])
    operator.advance(timedelta(minutes=1))
    await cluster_user.edit_issuer(scopes=SCOPES[:2])
    cut = await cluster_user.user_where(is_unready("ScopeUnknown"))
    token = current(cut)
    assert token.id == current(before).id
    assert token.valid_until is not None
    assert token.valid_until <= operator.clock.now()


async def test_a_scope_taken_from_a_role_is_taken_from_its_tokens_without_overlap(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    await cluster_user.ready_user(roles=["Administrator"])
    await cluster_user.edit_issuer(roles=[{"name": "Administrator", "scopes": ["read_api"]}])
    narrowed = await cluster_user.user_where(is_ready_at(2))
    assert revisions(narrowed) == [2]
    assert current(narrowed).rights.scopes == ("read_api",)


WIDENED: dict[str, dict[str, Any]] = {
    "a longer default lifetime": {"limits": {"defaultLifetime": "900h"}},
    "a shorter default lifetime": {"limits": {"defaultLifetime": "24h"}},
    "a default audience more": {
        "audiences": ["https://services.example.org", "https://more.example.org"]
    },
    "a scope more in a role": {
        "roles": [{"name": "Researcher", "scopes": ["read_api", "create_runner"]}]
    },
    "another budget": {"limits": {"issuesPerHour": 3}},
}


@pytest.mark.parametrize("what", WIDENED)
async def test_changed_defaults_of_an_issuer_apply_at_the_next_issue_and_not_before(
    what: str, cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    before = await cluster_user.ready_user(roles=["Researcher"])
    status_of_the_issuer_alone = 1
    async with operator.writing(status_of_the_issuer_alone):
        await cluster_user.edit_issuer(**WIDENED[what])
        await cluster_user.issuer_where(is_ready)
    assert (await cluster_user.user()).status.tokens == before.status.tokens


async def test_the_next_issue_takes_up_the_defaults_of_its_day(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    before = await cluster_user.ready_user()
    await cluster_user.edit_issuer(limits={"defaultLifetime": "24h"})
    await cluster_user.issuer_where(is_ready)
    await operator.at_rest()
    operator.advance_to(before.status.renew_at)
    token = current(await cluster_user.user_where(is_ready_at(2)))
    assert token.expires_at == token.issued_at + timedelta(hours=24)


async def test_what_is_as_old_as_the_issuer_voids_is_issued_anew_without_overlap(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    await cluster_user.ready_user()
    operator.advance(timedelta(minutes=1))
    now = operator.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    await cluster_user.edit_issuer(notBefore=now)
    renewed = await cluster_user.user_where(is_ready_at(2))
    assert revisions(renewed) == [2]
    assert condition(renewed, "Ready") == ("True", "Renewed")


async def test_namespace_labels_that_change_change_what_is_granted(
    cluster_user: Cluster, operator: Running
) -> None:
    labelled = grant(cluster_user.namespace)
    labelled["namespaces"] = {"selector": {"matchLabels": {"tokens": "allowed"}}}
    await cluster_user.ready_issuer(grants=[labelled])
    await cluster_user.create_user()
    await cluster_user.user_where(is_unready("NotGranted"))
    await cluster_user.label_namespace(tokens="allowed")
    await cluster_user.user_where(is_ready)
    await cluster_user.label_namespace(tokens=None)
    await cluster_user.user_where(is_unready("NotGranted"))


async def test_tokens_outlive_their_issuer_and_the_resource_says_that_it_is_gone(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    before = await cluster_user.ready_user()
    await cluster_user.delete(TOKEN_ISSUER, cluster_user.issuer)
    gone = await cluster_user.user_where(is_unready("IssuerNotFound"))
    assert gone.status.tokens == before.status.tokens
    assert condition(gone, "Stalled") is None


async def test_an_issuer_created_again_takes_up_its_keys_and_its_tokens_stay_current(
    cluster_user: Cluster, operator: Running
) -> None:
    """Attack 87."""
    keys = (await cluster_user.ready_issuer()).status.keys
    before = await cluster_user.ready_user()
    await cluster_user.delete(TOKEN_ISSUER, cluster_user.issuer)
    await cluster_user.user_where(is_unready("IssuerNotFound"))
    again = await cluster_user.ready_issuer()
    after = await cluster_user.user_where(is_ready)
    assert [key.id for key in again.status.keys] == [key.id for key in keys]
    assert after.status.tokens == before.status.tokens


async def test_of_two_issuers_with_one_url_the_older_goes_on_and_the_second_is_stalled(
    cluster_user: Cluster, operator: Running
) -> None:
    """Attack 87."""
    first = await cluster_user.create_issuer()
    await cluster_user.until_younger(first)
    second, url = f"{cluster_user.issuer}-second", first["spec"]["url"]
    await cluster_user.create_issuer(second, url=url)
    refused = await cluster_user.issuer_where(is_unready("IssuerConflict"), second)
    assert condition(refused, "Stalled") == ("True", "IssuerConflict")
    assert repr(cluster_user.issuer) in message(refused)
    assert refused.status.keys == ()
    await cluster_user.issuer_where(is_ready)


async def test_the_second_issuer_of_a_url_takes_over_when_the_first_is_deleted(
    cluster_user: Cluster, operator: Running
) -> None:
    first = await cluster_user.create_issuer()
    await cluster_user.until_younger(first)
    second = f"{cluster_user.issuer}-second"
    await cluster_user.create_issuer(second, url=first["spec"]["url"])
    await cluster_user.issuer_where(is_unready("IssuerConflict"), second)
    await cluster_user.delete(TOKEN_ISSUER, cluster_user.issuer)
    heir = await cluster_user.issuer_where(is_ready, second)
    assert condition(heir, "Stalled") is None
