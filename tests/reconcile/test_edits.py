"""Edits of a spec: which ones issue another token, which keep an overlap, and which only rewrite the Secret."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from mintmaster.api import names
from mintmaster.tokens import opaque
from reconcile.reading import claims, condition, current, is_ready, is_ready_at, revisions

if TYPE_CHECKING:
    from reconcile.harness import Cluster, Running

NAME = "user-token"
WIDE: dict[str, Any] = {
    "scopes": ["api", "read_api"],
    "roles": ["Researcher"],
    "projects": ["3", "7"],
}

SHRUNK: dict[str, dict[str, Any]] = {
    "a scope less": {"scopes": ["read_api"]},
    "no scope": {"scopes": []},
    "a role less": {"roles": []},
    "a project less": {"projects": ["3"]},
    "a project swapped": {"projects": ["3", "8"]},
    "a role swapped": {"roles": ["Administrator"]},
    "another audience": {"token": {"audiences": ["https://other.example.org"]}},
}
GROWN: dict[str, dict[str, Any]] = {
    "a scope more": {"scopes": ["api", "create_runner", "read_api"]},
    "a role more": {"roles": ["Administrator", "Researcher"]},
    "a project more": {"projects": ["3", "7", "8"]},
    "an audience more": {
        "token": {"audiences": ["https://other.example.org", "https://services.example.org"]}
    },
    "another format": {"token": {"format": "Opaque"}},
    "another lifetime": {"token": {"lifetime": "2h"}},
}


@pytest.mark.parametrize("what", GROWN)
async def test_an_edit_that_takes_nothing_away_is_a_new_issue_with_overlap(
    what: str, cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    first = await cluster_user.ready_user(**WIDE)
    async with operator.writing(2):
        await cluster_user.edit_user(**GROWN[what])
        second = await cluster_user.user_where(is_ready_at(2))
    newer, older = second.status.tokens
    assert older.id == current(first).id
    assert older.rights == current(first).rights
    assert older.valid_until == newer.issued_at + timedelta(minutes=5)
    assert condition(second, "Ready") == ("True", "Issued")


@pytest.mark.parametrize("what", SHRUNK)
async def test_an_edit_that_takes_rights_away_leaves_the_wider_token_no_overlap(
    what: str, cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    await cluster_user.ready_user(**WIDE)
    async with operator.writing(2):
        await cluster_user.edit_user(**SHRUNK[what])
        second = await cluster_user.user_where(is_ready_at(2))
    assert revisions(second) == [2]
    assert await cluster_user.digests(NAME) == {"token": current(second).digest}


async def test_a_token_narrowed_does_not_say_more_than_is_recorded(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    await cluster_user.ready_user(**WIDE)
    await cluster_user.edit_user(scopes=["read_api"], roles=[], projects=[])
    second = await cluster_user.user_where(is_ready_at(2))
    said = claims((await cluster_user.secret_data(NAME))["token"])
    assert said["scope"] == "read_api"
    assert not said.get("roles")
    assert not said.get("projects"), "no project must not become all of them (attack 90)"
    assert current(second).rights.scopes == ("read_api",)


async def test_an_earlier_wider_token_that_is_still_in_its_overlap_goes_too(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    await cluster_user.ready_user(scopes=["api", "read_api"])
    await cluster_user.edit_user(token={"lifetime": "2h"})
    await cluster_user.user_where(is_ready_at(2))
    await cluster_user.edit_user(scopes=["read_api"])
    assert revisions(await cluster_user.user_where(is_ready_at(3))) == [3]


async def test_a_prefix_is_put_before_an_opaque_token_and_changed_by_a_new_issue(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    await cluster_user.ready_runner(token={"format": "Opaque", "prefix": "glrt-"})
    assert opaque.checks_out((await cluster_user.secret_data("runner-token"))["token"], "glrt-")
    async with operator.writing(2):
        await cluster_user.edit_runner(token={"prefix": "mint-"})
        second = await cluster_user.runner_where(is_ready_at(2))
    assert opaque.checks_out((await cluster_user.secret_data("runner-token"))["token"], "mint-")
    assert revisions(second) == [2, 1]
    assert current(second).key_id == ""


async def test_an_opaque_token_becomes_a_jwt(cluster_user: Cluster, operator: Running) -> None:
    issuer = await cluster_user.ready_issuer()
    await cluster_user.ready_runner(token={"format": "Opaque"})
    await cluster_user.edit_runner(token={"format": "JWT"})
    second = await cluster_user.runner_where(is_ready_at(2))
    assert current(second).key_id == issuer.status.keys[0].id


KEPT: dict[str, tuple[dict[str, Any], int]] = {
    "a description that no template shows": ({"description": "edited"}, 1),
    "tags": ({"tags": ["linux"]}, 1),
    "an overlap": ({"token": {"overlap": "10m"}}, 1),
    "a time of renewal": ({"token": {"renewBefore": "24h"}}, 1),
    "a deletion policy": ({"secret": {"deletionPolicy": "Orphan"}}, 2),
    "the token key": ({"secret": {"tokenKey": "runner-token"}}, 2),
    "a template": ({"secret": {"template": {"data": {"id": "{{ id }}"}}}}, 2),
    "a label": ({"secret": {"template": {"labels": {"team": "blue"}}}}, 2),
    "an annotation": ({"secret": {"template": {"annotations": {"note": "blue"}}}}, 2),
}


@pytest.mark.parametrize("what", KEPT)
async def test_an_edit_of_anything_else_keeps_the_token_and_ends_in_a_status(
    what: str, cluster_user: Cluster, operator: Running
) -> None:
    edit, writes = KEPT[what]
    await cluster_user.ready_issuer()
    before = await cluster_user.ready_runner()
    async with operator.writing(writes):
        await cluster_user.edit_runner(**edit)
        after = await cluster_user.runner_where(is_ready)
    assert after.status.tokens == before.status.tokens
    assert after.status.observed_generation == 2
    assert current(after).digest in (await cluster_user.digests()).values()


async def test_a_renamed_token_key_leaves_no_second_copy(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    runner = await cluster_user.ready_runner()
    await cluster_user.edit_runner(secret={"tokenKey": "REANA_ACCESS_TOKEN"})
    await cluster_user.secret_where(lambda it: it["data"] == ["REANA_ACCESS_TOKEN"])
    assert await cluster_user.digests() == {"REANA_ACCESS_TOKEN": current(runner).digest}


async def test_an_edited_template_shows_in_the_labels_of_the_secret_beside_our_own(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    await cluster_user.ready_runner()
    await cluster_user.edit_runner(secret={"template": {"labels": {"team": "blue"}}})
    found = await cluster_user.secret_where(lambda it: "team" in it["metadata"]["labels"])
    assert found["metadata"]["labels"][names.LABEL_NAME] == "runner"


async def test_an_owner_goes_and_comes_with_the_deletion_policy(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    await cluster_user.ready_runner()
    await cluster_user.edit_runner(secret={"deletionPolicy": "Orphan"})
    await cluster_user.secret_where(lambda it: "ownerReferences" not in it["metadata"])
    await cluster_user.edit_runner(secret={"deletionPolicy": "Delete"})
    await cluster_user.secret_where(lambda it: "ownerReferences" in it["metadata"])


async def test_an_edit_that_cannot_be_had_is_told_at_once_and_taken_back_without_another_token(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    before = await cluster_user.ready_runner()
    await cluster_user.edit_runner(token={"lifetime": "9000h"})
    refused = await cluster_user.runner_where(lambda it: condition(it, "Stalled") is not None)
    assert condition(refused, "Ready") == ("False", "LifetimeTooLong")
    assert refused.status.tokens == before.status.tokens
    await cluster_user.edit_runner(token={"lifetime": None})
    after = await cluster_user.runner_where(is_ready)
    assert after.status.tokens == before.status.tokens
    assert condition(after, "Stalled") is None
