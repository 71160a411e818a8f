"""What somebody else does to a Secret, and what it costs: the same token where it can be, else the next revision."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from mintmaster.api import names
from mintmaster.lifecycle.secret_view import digest_of_data
from reconcile.builders import secret
from reconcile.harness import running
from reconcile.reading import condition, current, is_ready_at, is_settled, is_unready, revisions

if TYPE_CHECKING:
    from pathlib import Path

    from mintmaster.api.runner_registration import RunnerRegistration
    from reconcile.harness import Cluster, Running

NAME = "runner-token"
TEMPLATE = {"template": {"data": {"config.toml": "token = {{ token | toml }}\n"}}}


def _metadata(**fields: Any) -> dict[str, Any]:
    return {"metadata": fields}


REPAIRED = {
    "the managed-by label is removed": _metadata(labels={names.LABEL_MANAGED_BY: None}),
    "the managed-by label is changed": _metadata(labels={names.LABEL_MANAGED_BY: "helm"}),
    "the kind label is removed": _metadata(labels={names.LABEL_KIND: None}),
    "the name label names another": _metadata(labels={names.LABEL_NAME: "other"}),
    "the UID label is removed": _metadata(labels={names.LABEL_UID: None}),
    "all labels are removed": _metadata(labels=None),
    "the revision is edited": _metadata(annotations={names.ANNOTATION_REVISION: "99"}),
    "the expiry is edited": _metadata(annotations={names.ANNOTATION_EXPIRES_AT: "never"}),
    "the digest is removed": _metadata(annotations={names.ANNOTATION_DIGEST: None}),
    "all annotations are removed": _metadata(annotations=None),
    "the owner is stripped": _metadata(ownerReferences=None),
    "a key is added": {"stringData": {"extra": "mine"}},
    "a rendered key is edited": {"stringData": {"config.toml": "mine"}},
    "a rendered key is removed": {"data": {"config.toml": None}},
}


@pytest.mark.parametrize("what", REPAIRED)
async def test_all_but_the_token_is_put_right_around_the_same_token_in_one_write(
    what: str, cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    before = await cluster_user.ready_runner(secret=TEMPLATE)
    data, wanted = await cluster_user.digests(), await _shape(cluster_user)
    async with operator.writing(1):
        await cluster_user.patch_secret(NAME, REPAIRED[what])
        await cluster_user.secret_where(lambda it: _shape_of(it) == wanted)
    assert await cluster_user.digests() == data
    assert (await cluster_user.runner()).status.tokens == before.status.tokens


async def _shape(user: Cluster) -> dict[str, Any]:
    return _shape_of(await user.secret_where(lambda _: True))


def _shape_of(found: dict[str, Any]) -> dict[str, Any]:
    """All of a Secret that the operator sets, without the values."""
    meta = found["metadata"]
    return {
        "labels": meta.get("labels"),
        "annotations": meta.get("annotations"),
        "owners": meta.get("ownerReferences"),
        "keys": found["data"],
    }


async def test_a_secret_without_owner_and_labels_is_nobodys_and_left_alone(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    await cluster_user.ready_runner()
    stripped = _metadata(ownerReferences=None, labels={names.LABEL_UID: None})
    async with operator.writing(1):
        await cluster_user.patch_secret(NAME, stripped)
        await cluster_user.runner_where(is_unready("SecretConflict"))
    assert names.LABEL_UID not in (await _shape(cluster_user))["labels"]


async def test_labels_and_annotations_of_others_stay_and_cost_nothing(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    await cluster_user.ready_runner()
    theirs = _metadata(labels={"team": "blue"}, annotations={"note": "keep me"})
    async with operator.writing(0):
        await cluster_user.patch_secret(NAME, theirs)
    await cluster_user.rotate_runner("now")
    meta = (await cluster_user.secret_where(lambda _: True))["metadata"]
    assert meta["labels"]["team"] == "blue"
    assert meta["annotations"]["note"] == "keep me"


async def test_a_secret_made_immutable_is_deleted_and_made_anew_with_the_same_token(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    before = await cluster_user.ready_runner()
    uid = (await cluster_user.secret_where(lambda _: True))["metadata"]["uid"]
    async with operator.writing(2):
        await cluster_user.patch_secret(NAME, {"immutable": True})
        await cluster_user.secret_where(lambda it: it["metadata"]["uid"] != uid)
    assert await cluster_user.digests() == {"token": current(before).digest}
    assert (await cluster_user.runner()).status.tokens == before.status.tokens
    assert "immutable" not in await cluster_user.secret_where(lambda _: True)


async def test_a_token_moved_to_another_key_is_moved_back(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    before = await cluster_user.ready_runner()
    token = (await cluster_user.secret_data(NAME))["token"]
    await cluster_user.write_secret_data(NAME, token=None, moved=token)
    await cluster_user.secret_where(lambda it: it["data"] == ["token"])
    assert await cluster_user.digests() == {"token": current(before).digest}
    assert (await cluster_user.runner()).status.revision == 1


LOST: dict[str, dict[str, str | None]] = {
    "the token is edited": {"token": "mine"},
    "the token is emptied": {"token": ""},
    "the token key is removed": {"token": None},
}


@pytest.mark.parametrize("what", LOST)
async def test_a_lost_token_is_followed_by_the_next_revision_and_keeps_its_overlap(
    what: str, cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    first = await cluster_user.ready_runner()
    async with operator.writing(2):
        await cluster_user.write_secret_data(NAME, **LOST[what])
        second = await cluster_user.runner_where(is_ready_at(2))
    assert await cluster_user.digests() == {"token": current(second).digest}
    _has_overlap(first, second)


async def test_a_deleted_secret_is_followed_by_the_next_revision_in_two_writes(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    first = await cluster_user.ready_runner()
    async with operator.writing(2):
        await cluster_user.delete_secret(NAME)
        second = await cluster_user.runner_where(is_ready_at(2))
    assert await cluster_user.digests() == {"token": current(second).digest}
    _has_overlap(first, second)


def _has_overlap(first: RunnerRegistration, second: RunnerRegistration) -> None:
    newer, older = second.status.tokens
    assert older.id == current(first).id
    assert older.valid_until == newer.issued_at + timedelta(minutes=5)
    assert condition(second, "Ready") == ("True", "Renewed")


async def test_a_deleted_secret_of_a_suspended_resource_stays_deleted_and_says_why(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    await cluster_user.ready_runner()
    await cluster_user.edit_runner(suspend=True)
    await cluster_user.runner_where(is_settled)
    await cluster_user.delete_secret(NAME)
    await cluster_user.runner_where(is_unready("Suspended"))
    await operator.at_rest()
    assert await cluster_user.secret(NAME) is None


async def test_a_token_with_a_tampered_signature_is_replaced(
    cluster_user: Cluster, operator: Running
) -> None:
    """The digest is that of the signing input, so it alone would not tell."""
    await cluster_user.ready_issuer()
    await cluster_user.ready_runner()
    tampered = await _tampered(cluster_user)
    await cluster_user.write_secret_data(NAME, token=tampered)
    second = await cluster_user.runner_where(is_ready_at(2))
    assert await cluster_user.digests() == {"token": current(second).digest}


async def test_a_tampered_signature_with_a_forged_digest_is_found_too(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    await cluster_user.ready_runner()
    await cluster_user.patch_secret(NAME, await _forgery(cluster_user))
    await cluster_user.runner_where(is_ready_at(2))


async def test_what_was_forged_while_no_operator_ran_is_found_by_the_audit_after_its_start(
    cluster_user: Cluster, kubeconfig: Path
) -> None:
    async with running(kubeconfig):
        await cluster_user.ready_issuer()
        await cluster_user.ready_runner()
    await cluster_user.patch_secret(NAME, await _forgery(cluster_user))
    async with running(kubeconfig):
        await cluster_user.runner_where(is_ready_at(2))


async def _forgery(user: Cluster) -> dict[str, Any]:
    """A tampered token together with the digest annotation that fits it."""
    tampered = await _tampered(user)
    forged = digest_of_data({"token": tampered.encode()})
    return {
        "stringData": {"token": tampered},
        **_metadata(annotations={names.ANNOTATION_DIGEST: forged}),
    }


async def _tampered(user: Cluster) -> str:
    signed, _, signature = (await user.secret_data(NAME))["token"].rpartition(".")
    return f"{signed}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}"


async def test_a_tenants_own_older_token_is_not_taken_back(
    cluster_user: Cluster, operator: Running
) -> None:
    """Attack 75: it is still valid in its overlap, and yet not the current one."""
    await cluster_user.ready_issuer()
    await cluster_user.ready_runner()
    older = (await cluster_user.secret_data(NAME))["token"]
    await cluster_user.rotate_runner("now")
    await cluster_user.write_secret_data(NAME, token=older)
    third = await cluster_user.runner_where(is_ready_at(3))
    assert await cluster_user.digests() == {"token": current(third).digest}
    assert revisions(third) == [3, 2, 1]


async def test_a_secret_that_came_back_with_another_type_is_left_alone_until_it_goes(
    cluster_user: Cluster, kubeconfig: Path
) -> None:
    async with running(kubeconfig):
        await cluster_user.ready_issuer()
        await cluster_user.ready_runner()
    await cluster_user.delete_secret(NAME)
    fields = {"username": "mine", "password": "mine"}
    theirs = secret(NAME, type="kubernetes.io/basic-auth", stringData=fields)
    version = (await cluster_user.create(theirs))["metadata"]["resourceVersion"]
    async with running(kubeconfig) as operator:
        await cluster_user.runner_where(is_unready("SecretConflict"))
        await operator.at_rest()
        found = await cluster_user.secret_where(lambda _: True)
        assert found["metadata"]["resourceVersion"] == version
        await cluster_user.delete_secret(NAME)
        operator.advance(timedelta(seconds=30))
        await cluster_user.runner_where(is_ready_at(2))
