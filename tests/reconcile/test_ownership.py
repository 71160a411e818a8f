"""Whose a Secret is: what is somebody else's is never touched, and what nobody owns only when it may be."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from mintmaster.api import names
from mintmaster.api.kinds import RUNNER_REGISTRATION, USER_ACCESS_TOKEN
from mintmaster.operator.inbox import Inbox
from reconcile.builders import secret
from reconcile.harness import running
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
    from pathlib import Path

    from reconcile.harness import Cluster, Object, Running

NAME = "runner-token"
RETRY = timedelta(seconds=30)
DEAD_UID = "00000000-0000-4000-8000-000000000000"


async def _foreign(user: Cluster, **fields: Any) -> str:
    """Somebody's Secret of the name that the runner wants; returns its version."""
    created = await user.create(secret(NAME, stringData={"token": "mine"}, **fields))
    return str(created["metadata"]["resourceVersion"])


async def _version(user: Cluster) -> str:
    return str((await user.secret_where(lambda _: True))["metadata"]["resourceVersion"])


def _labels(uid: str, *, kind: str = RUNNER_REGISTRATION.kind, name: str = "runner") -> Object:
    return {
        names.LABEL_MANAGED_BY: names.MANAGED_BY,
        names.LABEL_KIND: kind,
        names.LABEL_NAME: name,
        names.LABEL_UID: uid,
    }


async def test_a_foreign_secret_stays_untouched_and_the_message_names_both(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    version = await _foreign(cluster_user)
    await cluster_user.create_runner()
    runner = await cluster_user.runner_where(is_unready("SecretConflict"))
    operator.advance(RETRY)
    await operator.at_rest()
    assert await _version(cluster_user) == version
    assert "'runner'" in message(runner)
    assert repr(NAME) in message(runner)
    assert runner.status.tokens == ()
    assert (
        operator.metric("mintmaster_issues_total", kind="RunnerRegistration", reason="Issued")
        is None
    )


async def test_the_resource_heals_when_the_foreign_secret_goes(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    await _foreign(cluster_user)
    await cluster_user.create_runner()
    await cluster_user.runner_where(is_unready("SecretConflict"))
    await cluster_user.delete_secret(NAME)
    operator.advance(RETRY)
    healed = await cluster_user.runner_where(is_ready)
    assert condition(healed, "Stalled") is None
    assert await cluster_user.digests() == {"token": current(healed).digest}


async def test_of_two_resources_that_want_one_secret_the_second_is_told_who_has_it(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    first = await cluster_user.ready_runner()
    version = await _version(cluster_user)
    await cluster_user.create_user(secret={"name": NAME})
    second = await cluster_user.user_where(is_unready("SecretConflict"))
    assert "UserAccessToken 'user'" in message(second)
    assert "RunnerRegistration 'runner'" in message(second)
    await operator.at_rest()
    assert await _version(cluster_user) == version
    assert (await cluster_user.runner()).status.tokens == first.status.tokens


async def test_the_second_gets_the_secret_when_the_first_is_deleted(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    await cluster_user.ready_runner()
    await cluster_user.create_user(secret={"name": NAME})
    await cluster_user.user_where(is_unready("SecretConflict"))
    await cluster_user.delete(RUNNER_REGISTRATION, "runner")
    await cluster_user.secret_gone()
    operator.advance(RETRY)
    user = await cluster_user.user_where(is_ready)
    assert await cluster_user.digests() == {"token": current(user).digest}


async def test_a_secret_of_a_foreign_controller_is_never_taken_even_when_it_is_offered(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    holder = await cluster_user.create(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "holder"}}
    )
    owner = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "name": "holder",
        "uid": holder["metadata"]["uid"],
        "controller": True,
    }
    offered = {names.ANNOTATION_ADOPT_BY: "runner"}
    version = await _foreign(
        cluster_user, metadata={"ownerReferences": [owner], "annotations": offered}
    )
    await cluster_user.create_runner(secret={"adoptionPolicy": "IfUnowned"})
    runner = await cluster_user.runner_where(is_unready("SecretConflict"))
    assert "ConfigMap 'holder'" in message(runner)
    assert await _version(cluster_user) == version


@pytest.mark.parametrize(
    ("policy", "annotations"),
    [
        ("IfUnowned", {}),
        ("IfUnowned", {names.ANNOTATION_ADOPT_BY: "another"}),
        ("Never", {names.ANNOTATION_ADOPT_BY: "runner"}),
    ],
    ids=["the Secret offers nothing", "it is offered to another", "the resource does not ask"],
)
async def test_a_secret_is_adopted_only_when_both_sides_agree(
    policy: str, annotations: Object, cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    version = await _foreign(cluster_user, metadata={"annotations": annotations})
    await cluster_user.create_runner(secret={"adoptionPolicy": policy})
    await cluster_user.runner_where(is_unready("SecretConflict"))
    assert await _version(cluster_user) == version


async def test_a_secret_that_is_offered_and_wanted_is_adopted(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    offered = {"annotations": {names.ANNOTATION_ADOPT_BY: "runner"}, "labels": {"team": "blue"}}
    await _foreign(cluster_user, metadata=offered)
    uid = (await cluster_user.secret_where(lambda _: True))["metadata"]["uid"]
    runner = await cluster_user.ready_runner(secret={"adoptionPolicy": "IfUnowned"})
    adopted = (await cluster_user.secret_where(lambda _: True))["metadata"]
    assert adopted["uid"] == uid
    assert adopted["labels"].items() >= {"team": "blue", **_labels(runner.metadata.uid)}.items()
    assert adopted["ownerReferences"][0]["uid"] == runner.metadata.uid
    assert await cluster_user.digests() == {"token": current(runner).digest}


async def test_what_a_tenant_put_into_a_secret_with_spoofed_labels_never_gets_into_the_status(
    cluster_user: Cluster, operator: Running
) -> None:
    """Attack 58: the labels name the resource to come, and yet its own token is minted and delivered."""
    await cluster_user.ready_issuer()
    await _foreign(cluster_user, metadata={"labels": _labels(DEAD_UID)})
    spoofed = (await cluster_user.digests())["token"]
    runner = await cluster_user.ready_runner()
    assert spoofed not in {it.digest for it in runner.status.tokens}
    assert await cluster_user.digests() == {"token": current(runner).digest}


async def test_labels_of_a_dead_resource_of_another_name_do_not_open_a_secret(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    version = await _foreign(cluster_user, metadata={"labels": _labels(DEAD_UID, name="other")})
    await cluster_user.create_runner()
    await cluster_user.runner_where(is_unready("SecretConflict"))
    assert await _version(cluster_user) == version


async def test_a_secret_restored_without_its_owner_is_taken_over_and_issued_for_anew(
    cluster_user: Cluster, operator: Running
) -> None:
    """Attack 71: a backup tool brings back the Secret of a former life, before or after the resource."""
    await cluster_user.ready_issuer()
    await _foreign(cluster_user, metadata={"labels": _labels(DEAD_UID)})
    runner = await cluster_user.ready_runner()
    meta = (await cluster_user.secret_where(lambda _: True))["metadata"]
    assert meta["labels"][names.LABEL_UID] == runner.metadata.uid
    assert meta["ownerReferences"][0]["uid"] == runner.metadata.uid
    assert revisions(runner) == [1]


async def test_a_status_restored_from_another_life_is_void(
    cluster_user: Cluster, kubeconfig: Path
) -> None:
    """I10: backup tools may restore statuses, and objects move between clusters; their UIDs do not."""
    async with running(kubeconfig):
        await cluster_user.ready_issuer()
        await cluster_user.ready_runner()
        await cluster_user.rotate_runner("now")
    former = await cluster_user.raw(RUNNER_REGISTRATION, "runner")
    former_secret = await cluster_user.secret_data(NAME)
    await cluster_user.delete(RUNNER_REGISTRATION, "runner")
    await cluster_user.secret_gone()

    await cluster_user.create_runner()
    status = {"status": former["status"]}
    await cluster_user.patch(RUNNER_REGISTRATION, "runner", status, "status")
    labels = _labels(former["metadata"]["uid"])
    await cluster_user.create(secret(NAME, stringData=former_secret, metadata={"labels": labels}))
    async with running(kubeconfig):
        runner = await cluster_user.runner_where(
            lambda it: is_ready(it) and it.status.uid == it.metadata.uid
        )
    assert revisions(runner) == [1]
    assert current(runner).id.startswith(f"{runner.metadata.uid}.1.")
    assert runner.status.last_rotate_request is None
    assert await cluster_user.digests() == {"token": current(runner).digest}


async def test_a_resource_created_again_under_its_name_has_a_life_of_its_own(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    first = await cluster_user.ready_runner()
    await cluster_user.delete(RUNNER_REGISTRATION, "runner")
    await cluster_user.create_runner()

    def is_second(secret_: Object) -> bool:
        return bool(secret_["metadata"]["labels"][names.LABEL_UID] != first.metadata.uid)

    await cluster_user.secret_where(is_second)
    second = await cluster_user.runner_where(is_ready)
    assert second.metadata.uid != first.metadata.uid
    assert revisions(second) == [1]
    assert current(second).id != current(first).id
    assert await cluster_user.digests() == {"token": current(second).digest}


async def test_the_secret_of_a_former_life_that_is_still_being_collected_is_waited_for(
    cluster_user: Cluster, kubeconfig: Path
) -> None:
    async with running(kubeconfig):
        await cluster_user.ready_issuer()
        await cluster_user.ready_runner()
    await cluster_user.patch_secret(NAME, {"metadata": {"finalizers": ["example.org/hold"]}})
    await cluster_user.delete(RUNNER_REGISTRATION, "runner")
    held = await cluster_user.secret_where(lambda it: "deletionTimestamp" in it["metadata"])
    await cluster_user.create_runner()
    async with running(kubeconfig) as operator:
        waiting = await cluster_user.runner_where(is_unready("SecretMissing"))
        assert condition(waiting, "Stalled") is None
        await cluster_user.patch_secret(NAME, {"metadata": {"finalizers": None}})
        # The next one may stand before anybody sees that this one is gone.
        await cluster_user.until(
            lambda: cluster_user.secret(NAME),
            lambda it: it is None or it["metadata"]["uid"] != held["metadata"]["uid"],
        )
        await operator.at_rest()
        operator.advance(timedelta(seconds=1))
        await cluster_user.runner_where(is_ready_at(1))


async def test_an_orphan_stays_when_its_resource_goes_and_its_tokens_with_it(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    await cluster_user.ready_runner(secret={"deletionPolicy": "Orphan"})
    found = await cluster_user.secret_where(lambda _: True)
    assert "ownerReferences" not in found["metadata"]
    await cluster_user.delete(RUNNER_REGISTRATION, "runner")
    await cluster_user.gone(RUNNER_REGISTRATION, "runner")
    await operator.at_rest()
    assert (await _version(cluster_user)) == found["metadata"]["resourceVersion"]


async def test_an_orphan_is_taken_over_by_the_next_resource_of_its_name(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    await cluster_user.ready_runner(secret={"deletionPolicy": "Orphan"})
    former = await cluster_user.digests()
    await cluster_user.delete(RUNNER_REGISTRATION, "runner")
    second = await cluster_user.ready_runner()
    assert await cluster_user.digests() == {"token": current(second).digest} != former


async def test_a_revocation_removes_the_secret_even_of_an_orphan(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    await cluster_user.ready_runner(secret={"deletionPolicy": "Orphan"})
    await cluster_user.edit_runner(revoked=True)
    revoked = await cluster_user.runner_where(lambda it: it.status.state == "Revoked")
    await cluster_user.secret_gone()
    assert revoked.status.tokens == ()


async def test_a_revocation_leaves_a_foreign_secret_alone(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    version = await _foreign(cluster_user)
    await cluster_user.create_runner(revoked=True)
    await cluster_user.runner_where(lambda it: it.status.state == "Revoked")
    await operator.at_rest()
    assert await _version(cluster_user) == version


async def test_foreground_deletion_ends_and_is_never_healed(
    cluster_user: Cluster, operator: Running
) -> None:
    """Attack 77: the garbage collector deletes the Secret while the resource still stands."""
    await cluster_user.ready_issuer()
    await cluster_user.ready_user()
    async with operator.writing(0):
        await cluster_user.delete(USER_ACCESS_TOKEN, "user", "Foreground")
        await cluster_user.gone(USER_ACCESS_TOKEN, "user")
    assert await cluster_user.secret("user-token") is None


async def test_a_resource_held_by_a_finalizer_is_not_issued_for_any_more(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    await cluster_user.ready_runner()
    hold = {"metadata": {"finalizers": ["example.org/hold"]}}
    await cluster_user.patch(RUNNER_REGISTRATION, "runner", hold)
    await cluster_user.delete(RUNNER_REGISTRATION, "runner")
    async with operator.writing(0):
        await cluster_user.delete_secret(NAME)
        operator.advance(timedelta(days=40))
    assert await cluster_user.secret(NAME) is None
    await cluster_user.patch(RUNNER_REGISTRATION, "runner", {"metadata": {"finalizers": None}})
    await cluster_user.gone(RUNNER_REGISTRATION, "runner")


async def test_an_orphaned_secret_gets_no_owner_back_although_the_deletion_is_seen_late(
    cluster_user: Cluster, operator: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    await cluster_user.ready_issuer()
    await cluster_user.ready_runner()
    held = {"metadata": {"finalizers": ["example.org/held"]}}
    await cluster_user.patch(RUNNER_REGISTRATION, "runner", held)
    await operator.at_rest()
    monkeypatch.setattr(Inbox, "saw", lambda *_, **__: None)
    orphan = msgspec.json.encode({"propagationPolicy": "Orphan"})
    path = cluster_user.path(RUNNER_REGISTRATION, "runner")
    await cluster_user.client.request("DELETE", path, body=orphan)
    await cluster_user.secret_where(lambda it: "ownerReferences" not in it["metadata"])
    await operator.at_rest()
    await cluster_user.patch(RUNNER_REGISTRATION, "runner", {"metadata": {"finalizers": None}})
    await operator.at_rest()
    left = await cluster_user.secret(NAME)
    assert left is not None
    assert "ownerReferences" not in left["metadata"]
