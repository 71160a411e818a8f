"""Approval where the issuer wants it: bound to the rights that it was given for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mintmaster.api.kinds import USER_ACCESS_TOKEN
from reconcile.reading import (
    condition,
    current,
    is_ready,
    is_ready_at,
    is_settled,
    is_unready,
    revisions,
)

if TYPE_CHECKING:
    from mintmaster.api.user_access_token import UserAccessToken
    from reconcile.harness import Cluster, Running

MANUAL = {"userAccessTokens": "Manual"}


async def _requested(user: Cluster) -> UserAccessToken:
    await user.ready_issuer(approval=MANUAL)
    await user.create_user(scopes=["read_api"])
    return await user.user_where(is_unready("AwaitingApproval"))


async def _approved(user: Cluster) -> UserAccessToken:
    await _requested(user)
    await user.decide(USER_ACCESS_TOKEN, "user", approved=True)
    return await user.user_where(is_ready)


async def test_a_request_is_issued_for_once_it_is_approved(
    cluster_user: Cluster, operator: Running
) -> None:
    requested = await _requested(cluster_user)
    assert requested.status.state == "Requested"
    assert requested.status.approved_rights_hash is None
    assert await cluster_user.secret("user-token") is None

    await cluster_user.decide(USER_ACCESS_TOKEN, "user", approved=True)
    issued = await cluster_user.user_where(is_ready)
    assert issued.status.approved_rights_hash
    assert condition(issued, "Approved") == ("True", "Approved")


async def test_only_the_kind_that_the_issuer_names_waits(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer(approval=MANUAL)
    await cluster_user.ready_runner()


async def test_a_denied_request_gets_nothing_and_an_approval_afterwards_heals_it(
    cluster_user: Cluster, operator: Running
) -> None:
    await _requested(cluster_user)
    await cluster_user.decide(USER_ACCESS_TOKEN, "user", approved=False)
    denied = await cluster_user.user_where(is_unready("Denied"))
    assert condition(denied, "Stalled") == ("True", "Denied")
    assert await cluster_user.secret("user-token") is None
    await cluster_user.decide(USER_ACCESS_TOKEN, "user", approved=True)
    assert condition(await cluster_user.user_where(is_ready), "Stalled") is None


async def test_an_approval_of_an_earlier_generation_is_none(
    cluster_user: Cluster, operator: Running
) -> None:
    await _requested(cluster_user)
    await cluster_user.edit_user(scopes=["api"])
    await cluster_user.user_where(is_settled)
    await cluster_user.decide(USER_ACCESS_TOKEN, "user", approved=True, generation=1)
    waiting = await cluster_user.user_where(
        lambda it: condition(it, "Approved") == ("Unknown", "AwaitingApproval")
    )
    assert waiting.status.state == "Requested"
    assert waiting.status.tokens == ()


async def test_changed_rights_void_an_approval_and_ask_anew(
    cluster_user: Cluster, operator: Running
) -> None:
    """Attack 89: what was approved stays good; what was not is not issued."""
    before = await _approved(cluster_user)
    await cluster_user.edit_user(scopes=["api", "read_api"])
    asked = await cluster_user.user_where(is_unready("AwaitingApproval"))
    assert condition(asked, "Approved") == ("Unknown", "AwaitingApproval")
    assert asked.status.approved_rights_hash is None
    assert asked.status.tokens == before.status.tokens
    assert await cluster_user.digests("user-token") == {"token": current(before).digest}

    await cluster_user.decide(USER_ACCESS_TOKEN, "user", approved=True)
    widened = await cluster_user.user_where(is_ready_at(2))
    assert widened.status.approved_rights_hash not in {None, before.status.approved_rights_hash}
    assert current(widened).rights.scopes == ("api", "read_api")


async def test_narrowed_rights_cut_the_wider_token_before_anybody_approves_the_rest(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer(approval=MANUAL)
    await cluster_user.create_user(scopes=["api", "read_api"])
    await cluster_user.user_where(is_unready("AwaitingApproval"))
    await cluster_user.decide(USER_ACCESS_TOKEN, "user", approved=True)
    await cluster_user.user_where(is_ready)
    await cluster_user.edit_user(scopes=["read_api"])
    narrowed = await cluster_user.user_where(is_unready("AwaitingApproval"))
    valid_until = current(narrowed).valid_until
    assert valid_until is not None
    assert valid_until <= operator.clock.now()


async def test_an_edit_that_leaves_the_rights_alone_leaves_the_approval_standing(
    cluster_user: Cluster, operator: Running
) -> None:
    before = await _approved(cluster_user)
    await cluster_user.edit_user(description="edited", token={"lifetime": "2h"})
    after = await cluster_user.user_where(is_ready_at(2))
    assert after.status.approved_rights_hash == before.status.approved_rights_hash
    assert revisions(after) == [2, 1]


async def test_an_approval_holds_for_the_renewals_that_follow(
    cluster_user: Cluster, operator: Running
) -> None:
    operator.advance_to((await _approved(cluster_user)).status.renew_at)
    await cluster_user.user_where(is_ready_at(2))


async def test_an_issuer_that_comes_to_want_approval_lets_what_is_issued_work(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    before = await cluster_user.ready_user(scopes=["read_api"])
    await cluster_user.edit_issuer(approval=MANUAL)
    await cluster_user.issuer_where(is_ready)
    await operator.at_rest()
    assert is_ready(await cluster_user.user())
    operator.advance_to(before.status.renew_at)
    late = await cluster_user.user_where(lambda it: condition(it, "RenewalFailing") is not None)
    assert condition(late, "RenewalFailing") == ("True", "AwaitingApproval")
    await cluster_user.decide(USER_ACCESS_TOKEN, "user", approved=True)
    await cluster_user.user_where(is_ready_at(2))
