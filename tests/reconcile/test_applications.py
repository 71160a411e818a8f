"""The life of ClientApplications: client id and client secret in a Secret, and what gates write beside it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from mintmaster.api import names
from mintmaster.api.kinds import CLIENT_APPLICATION
from mintmaster.api.names import CLIENT_SECRET_PREFIX
from mintmaster.kube.errors import Conflict
from mintmaster.tokens import opaque
from mintmaster.tokens.digests import digest
from reconcile.builders import deployment, grant
from reconcile.harness import running
from reconcile.reading import (
    condition,
    current,
    is_ready,
    is_ready_at,
    is_settled,
    is_unready,
    message,
    revisions,
)

if TYPE_CHECKING:
    from pathlib import Path

    from mintmaster.api.client_application import ClientApplication
    from reconcile.harness import Cluster, Running

SECRET = "portal-token"
HOURS = {"defaultLifetime": "10h", "maxLifetime": "10h"}
CLIENT_IDS = {"clientIds": ["batch"]}


async def gate_issuer(user: Cluster, **spec: Any) -> None:
    """The test's issuer, signed by gates."""
    await user.ready_issuer(signer="Gate", limits=HOURS, **spec)


async def rotated(user: Cluster, value: str) -> ClientApplication:
    await user.annotate(CLIENT_APPLICATION, "portal", rotate=value)
    return await user.application_where(lambda it: it.status.last_rotate_request == value)


async def test_client_id_and_client_secret_come_in_two_writes(
    cluster_user: Cluster, operator: Running
) -> None:
    await gate_issuer(cluster_user)
    async with operator.writing(2):
        portal = await cluster_user.ready_application(roles=["Researcher"], projects=["atlas"])
    data = await cluster_user.secret_data(SECRET)
    assert data.keys() == {"client-id", "client-secret"}
    assert data["client-id"] == f"{cluster_user.namespace}.portal" == portal.status.client_id
    assert opaque.checks_out(data["client-secret"], CLIENT_SECRET_PREFIX)

    status, record = portal.status, current(portal)
    assert record.digest == digest(data["client-secret"])
    assert (status.expires_at, status.renew_at, record.valid_until) == (None, None, None)
    assert status.state == "Active"
    assert record.rights.subject == f"app:{portal.client_id}"
    assert record.rights.scopes == ("read_api",)
    assert (record.rights.roles, record.rights.projects) == (("Researcher",), ("atlas",))
    raw = (await cluster_user.raw(CLIENT_APPLICATION, "portal"))["status"]
    assert raw["secrets"][0]["digest"] == record.digest
    assert "tokens" not in raw


async def test_the_secret_is_as_other_systems_want_it(
    cluster_user: Cluster, operator: Running
) -> None:
    await gate_issuer(cluster_user)
    keys = {"clientIdKey": "ID", "clientSecretKey": "SECRET"}
    template = {"data": {"oauth.env": "{{ client_id }}:{{ token }}"}}
    await cluster_user.ready_application(clientId="batch", secret={**keys, "template": template})
    data = await cluster_user.secret_data(SECRET)
    assert data["ID"] == "batch"
    assert data["oauth.env"] == f"batch:{data['SECRET']}"


async def test_a_client_secret_with_a_lifetime_is_renewed_and_two_are_good_for_the_overlap(
    cluster_user: Cluster, operator: Running
) -> None:
    await gate_issuer(cluster_user)
    first = await cluster_user.ready_application(
        clientSecret={"lifetime": "2160h", "overlap": "1h"},
        secret={"previousClientSecretKey": "previous"},
    )
    async with operator.writing(2):
        operator.advance_to(first.status.renew_at)
        renewed = await cluster_user.application_where(is_ready_at(2))
    newer, older = renewed.status.tokens
    assert condition(renewed, "Ready") == ("True", "Renewed")
    assert older.id == current(first).id
    assert older.valid_until == newer.issued_at + timedelta(hours=1)
    shown = await cluster_user.digests(SECRET)
    assert (shown["client-secret"], shown["previous"]) == (newer.digest, older.digest)

    operator.advance_to(older.valid_until)
    await cluster_user.secret_where(lambda it: "previous" not in it["data"], SECRET)


async def test_a_rotation_is_counted_told_and_gives_the_former_client_secret_its_overlap(
    cluster_user: Cluster, operator: Running
) -> None:
    await gate_issuer(cluster_user)
    await cluster_user.ready_application()
    async with operator.writing(2):
        again = await rotated(cluster_user, "monday")
    assert condition(again, "Ready") == ("True", "Rotated")
    assert revisions(again) == [2, 1]
    kind = CLIENT_APPLICATION.kind
    assert operator.metric("mintmaster_issues_total", kind=kind, reason="Rotated") == 1
    assert operator.metric("mintmaster_resources", kind=kind, state="Active") == 1
    await cluster_user.until(
        lambda: cluster_user.events("portal"),
        lambda events: [it["reason"] for it in events] == ["Issued", "Rotated"],
    )


async def test_rotations_spend_the_budget_of_the_issuer(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer(signer="Gate", limits={**HOURS, "issuesPerHour": 1})
    await cluster_user.ready_application()
    await rotated(cluster_user, "monday")
    await cluster_user.annotate(CLIENT_APPLICATION, "portal", rotate="tuesday")
    spent = await cluster_user.application_where(lambda it: condition(it, "RenewalFailing"))
    assert condition(spent, "RenewalFailing") == ("True", "TooManyIssues")
    assert is_ready(spent)


async def test_a_deleted_secret_is_followed_by_the_next_client_secret(
    cluster_user: Cluster, operator: Running
) -> None:
    await gate_issuer(cluster_user)
    await cluster_user.ready_application()
    async with operator.writing(2):
        await cluster_user.delete_secret(SECRET)
        second = await cluster_user.application_where(is_ready_at(2))
    shown = await cluster_user.digests(SECRET)
    assert shown["client-secret"] == current(second).digest
    assert revisions(second) == [2, 1]


@pytest.mark.parametrize("value", ["mine", None])
async def test_an_edited_client_id_is_put_right_around_the_same_client_secret(
    value: str | None, cluster_user: Cluster, operator: Running
) -> None:
    await gate_issuer(cluster_user)
    before = await cluster_user.ready_application()
    data = await cluster_user.digests(SECRET)
    async with operator.writing(1):
        await cluster_user.write_secret_data(SECRET, client_id=value)
        await cluster_user.until(lambda: cluster_user.digests(SECRET), lambda it: it == data)
    assert (await cluster_user.application()).status.tokens == before.status.tokens


async def test_narrowed_rights_end_the_former_client_secret_at_once(
    cluster_user: Cluster, operator: Running
) -> None:
    await gate_issuer(cluster_user)
    await cluster_user.ready_application(scopes=["api", "read_api"])
    await cluster_user.edit_application(scopes=["read_api"])
    narrowed = await cluster_user.application_where(is_ready_at(2))
    assert [it.rights.scopes for it in narrowed.status.tokens] == [("read_api",)]


async def test_switched_off_it_keeps_its_client_secret_and_says_so(
    cluster_user: Cluster, operator: Running
) -> None:
    await gate_issuer(cluster_user)
    before = await cluster_user.ready_application()
    async with operator.writing(1):
        await cluster_user.edit_application(enabled=False)
        off = await cluster_user.application_where(lambda it: it.status.state == "Suspended")
    assert is_ready(off)
    assert "spec.enabled is false" in message(off)
    assert off.status.tokens == before.status.tokens
    await cluster_user.edit_application(enabled=True)
    await cluster_user.application_where(lambda it: it.status.state == "Active")


async def test_a_revocation_removes_the_secret_and_all_client_secrets(
    cluster_user: Cluster, operator: Running
) -> None:
    await gate_issuer(cluster_user)
    await cluster_user.ready_application()
    async with operator.writing(2):
        await cluster_user.edit_application(revoked=True)
        revoked = await cluster_user.application_where(lambda it: it.status.state == "Revoked")
        await cluster_user.secret_gone(SECRET)
    assert revoked.status.tokens == ()
    assert condition(revoked, "Ready") is None


async def test_a_deleted_application_takes_its_secret_along(
    cluster_user: Cluster, operator: Running
) -> None:
    await gate_issuer(cluster_user)
    await cluster_user.ready_application()
    await cluster_user.delete(CLIENT_APPLICATION, "portal")
    await cluster_user.secret_gone(SECRET)
    await operator.at_rest()
    kind = CLIENT_APPLICATION.kind
    assert operator.metric("mintmaster_resources", kind=kind, state="Active") is None


async def test_a_client_secret_that_its_owner_made_is_recorded_without_a_secret(
    cluster_user: Cluster, operator: Running
) -> None:
    await gate_issuer(cluster_user)
    await cluster_user.create_application(delivery="Caller")
    waiting = await cluster_user.application_where(is_settled)
    assert waiting.status.state == "Requested"
    assert "spec.clientSecret.valueDigest" in message(waiting)

    first, second = (digest(opaque.mint(CLIENT_SECRET_PREFIX)) for _ in range(2))
    async with operator.writing(1):
        await cluster_user.edit_application(clientSecret={"valueDigest": first})
        active = await cluster_user.application_where(is_ready)
    assert (current(active).digest, active.status.expires_at) == (first, None)
    assert active.status.client_id == active.client_id
    assert await cluster_user.secret(SECRET) is None

    await cluster_user.edit_application(clientSecret={"valueDigest": second})
    replaced = await cluster_user.application_where(is_ready_at(2))
    assert [it.digest for it in replaced.status.tokens] == [second, first]


async def test_consumers_are_restarted_with_the_next_client_secret(
    cluster_user: Cluster, operator: Running
) -> None:
    await gate_issuer(cluster_user)
    await cluster_user.create(deployment("web", {names.ANNOTATION_RESTART: "true"}))
    await cluster_user.ready_application(restart=[{"kind": "Deployment", "name": "web"}])
    await rotated(cluster_user, "monday")
    restarted = await cluster_user.application_where(
        lambda it: condition(it, "RestartsSucceeded") == ("True", "Rotated")
    )
    path = f"/apis/apps/v1/namespaces/{cluster_user.namespace}/deployments/web"
    template = (await cluster_user.get(path))["spec"]["template"]["metadata"]
    wanted = f"{restarted.metadata.uid}.2"
    assert template["annotations"][names.ANNOTATION_TOKEN_REVISION] == wanted


async def test_it_waits_for_approval_where_the_issuer_wants_that_of_applications(
    cluster_user: Cluster, operator: Running
) -> None:
    await gate_issuer(cluster_user, approval={"clientApplications": "Manual"})
    await cluster_user.create_application(scopes=["api"])
    waiting = await cluster_user.application_where(is_unready("AwaitingApproval"))
    assert waiting.status.client_id == ""
    await cluster_user.decide(CLIENT_APPLICATION, "portal", approved=True)
    await cluster_user.application_where(is_ready)


async def test_an_issuer_that_the_operator_signs_is_none_for_applications(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    await cluster_user.create_application()
    await cluster_user.application_where(is_unready("SignerMismatch"))


async def test_a_client_id_of_its_own_choice_has_to_be_granted(
    cluster_user: Cluster, operator: Running
) -> None:
    namespace = cluster_user.namespace
    await gate_issuer(cluster_user, grants=[grant(namespace, clientIds=[], unlimited=False)])
    await cluster_user.ready_application("by-default")
    await cluster_user.create_application(clientId="batch")
    refused = await cluster_user.application_where(is_unready("NotGranted"))
    assert "client id 'batch'" in message(refused)
    await cluster_user.edit_issuer(grants=[grant(namespace, **CLIENT_IDS)])
    assert (await cluster_user.application_where(is_ready)).status.client_id == "batch"


@pytest.mark.parametrize(
    ("spec", "reason", "told"),
    [
        ({"accessTokenLifetime": "11h"}, "LifetimeTooLong", "spec.accessTokenLifetime"),
        ({"scopes": ["fly"]}, "ScopeUnknown", "'fly'"),
        ({"roles": ["King"]}, "RoleUnknown", "'King'"),
        (
            {"clientSecret": {"lifetime": "1h", "renewBefore": "54m", "overlap": "30m"}},
            "ScheduleInvalid",
            "spec.clientSecret.overlap",
        ),
    ],
)
async def test_what_cannot_be_had_is_told_with_its_field(
    spec: dict[str, Any], reason: str, told: str, cluster_user: Cluster, operator: Running
) -> None:
    await gate_issuer(cluster_user)
    await cluster_user.create_application(**spec)
    assert told in message(await cluster_user.application_where(is_unready(reason)))


async def test_of_two_with_one_client_id_the_older_keeps_it(
    cluster_user: Cluster, operator: Running
) -> None:
    await gate_issuer(cluster_user)
    born = await cluster_user.create_application("first", clientId="batch")
    await cluster_user.until_younger(born)
    await cluster_user.create_application("second", clientId="batch")
    second = await cluster_user.application_where(is_unready("ClientIdConflict"), "second")
    assert condition(second, "Stalled") == ("True", "ClientIdConflict")
    assert (second.status.client_id, second.status.tokens) == ("", ())
    assert await cluster_user.secret("second-token") is None
    first = await cluster_user.application_where(is_ready, "first")
    assert first.status.client_id == "batch"


async def test_a_client_id_that_becomes_free_waits_for_an_edit(
    cluster_user: Cluster, operator: Running
) -> None:
    await gate_issuer(cluster_user)
    await cluster_user.ready_application("first", clientId="batch")
    await cluster_user.create_application("second", clientId="batch")
    await cluster_user.application_where(is_unready("ClientIdConflict"), "second")
    await cluster_user.delete(CLIENT_APPLICATION, "first")
    await cluster_user.gone(CLIENT_APPLICATION, "first")
    async with operator.writing(0):
        operator.advance(timedelta(days=1))
        await cluster_user.annotate(CLIENT_APPLICATION, "second", rotate="please")
    await cluster_user.edit_issuer(audiences=["https://others.example.org"])
    await operator.at_rest()
    waiting = await cluster_user.application("second")
    assert condition(waiting, "Ready") == ("False", "ClientIdConflict")

    await cluster_user.edit_application("second", description="The batch jobs, from now on.")
    heir = await cluster_user.application_where(is_ready, "second")
    assert heir.status.client_id == "batch"


async def test_an_application_made_anew_goes_before_one_that_was_refused(
    cluster_user: Cluster, operator: Running
) -> None:
    await gate_issuer(cluster_user)
    await cluster_user.ready_application("first", clientId="batch")
    await cluster_user.create_application("second", clientId="batch")
    await cluster_user.application_where(is_unready("ClientIdConflict"), "second")
    await cluster_user.delete(CLIENT_APPLICATION, "first")
    await cluster_user.gone(CLIENT_APPLICATION, "first")
    await operator.at_rest()
    await cluster_user.ready_application("first", clientId="batch")
    assert is_unready("ClientIdConflict")(await cluster_user.application("second"))


async def test_of_two_that_both_have_a_client_id_on_record_the_younger_loses_it(
    cluster_user: Cluster, kubeconfig: Path
) -> None:
    """As after a restore of one of them from a backup, or when an operator saw the younger first."""
    async with running(kubeconfig):
        await gate_issuer(cluster_user)
        born = await cluster_user.create_application("first", clientId="batch")
        await cluster_user.application_where(is_ready, "first")
    await cluster_user.until_younger(born)
    await cluster_user.create_application("second", clientId="batch")
    second = (await cluster_user.application("second")).metadata
    status = (await cluster_user.raw(CLIENT_APPLICATION, "first"))["status"]
    forged = {**status, "uid": second.uid, "observedGeneration": second.generation}
    await cluster_user.patch(CLIENT_APPLICATION, "second", {"status": forged}, "status")
    async with running(kubeconfig) as operator:
        loser = await cluster_user.application_where(is_unready("ClientIdConflict"), "second")
        assert loser.status.client_id == ""
        ends = [it.valid_until for it in loser.status.tokens]
        assert all(end is not None and end <= operator.clock.now() for end in ends)
        assert is_ready(await cluster_user.application("first"))


async def test_what_gates_revoke_is_never_overwritten(
    cluster_user: Cluster, operator: Running
) -> None:
    await gate_issuer(cluster_user, grants=[grant(cluster_user.namespace)])
    await cluster_user.edit_issuer(limits={**HOURS, "issuesPerHour": 360})
    await cluster_user.ready_application(clientSecret={"overlap": "0s"})
    expires_at = (operator.clock.now() + timedelta(hours=10)).strftime("%Y-%m-%dT%H:%M:%SZ")
    revoking = asyncio.create_task(_revoke(cluster_user, 20, expires_at))
    for number in range(20):
        await cluster_user.annotate(CLIENT_APPLICATION, "portal", rotate=f"wish-{number}")
    await revoking
    last = await cluster_user.application_where(
        lambda it: it.status.last_rotate_request == "wish-19"
    )
    assert [it.id for it in last.status.revoked_tokens] == [f"jti-{number}" for number in range(20)]


async def _revoke(user: Cluster, count: int, expires_at: str) -> None:
    """Write as a gate does: on the version that was read, and again after a conflict."""
    for number in range(count):
        entry = {"id": f"jti-{number}", "expiresAt": expires_at}
        while True:
            found = await user.raw(CLIENT_APPLICATION, "portal")
            entries = [*found["status"].get("revokedTokens", []), entry]
            version = {"resourceVersion": found["metadata"]["resourceVersion"]}
            patch = {"metadata": version, "status": {"revokedTokens": entries}}
            try:
                await user.patch(CLIENT_APPLICATION, "portal", patch, "status")
            except Conflict:
                continue
            break


async def test_what_gates_revoked_is_forgotten_with_a_later_issue_once_it_has_expired(
    cluster_user: Cluster, operator: Running
) -> None:
    await gate_issuer(cluster_user)
    await cluster_user.ready_application()
    now = operator.clock.now().replace(microsecond=0)
    entries = [
        {"id": name, "expiresAt": (now + timedelta(hours=hours)).isoformat()}
        for name, hours in (("soon", 1), ("late", 10))
    ]
    status = {"revokedTokens": entries, "notBefore": now.isoformat()}
    async with operator.writing(0):
        await cluster_user.patch(CLIENT_APPLICATION, "portal", {"status": status}, "status")
        operator.advance(timedelta(hours=2))
    again = await rotated(cluster_user, "monday")
    assert [it.id for it in again.status.revoked_tokens] == ["late"]
    assert again.status.not_before == now


async def test_a_restart_of_the_operator_writes_nothing(
    cluster_user: Cluster, kubeconfig: Path
) -> None:
    async with running(kubeconfig) as operator:
        await gate_issuer(cluster_user)
        await cluster_user.ready_application("first", clientId="batch")
        await cluster_user.create_application("second", clientId="batch")
        await cluster_user.application_where(is_unready("ClientIdConflict"), "second")
        await cluster_user.ready_application("expiring", clientSecret={"lifetime": "24h"})
        await cluster_user.ready_application("off", enabled=False)
        await cluster_user.ready_application("revoked")
        await cluster_user.edit_application("revoked", revoked=True)
        await cluster_user.secret_gone("revoked-token")
        await cluster_user.create_application("requested", delivery="Caller")
        await cluster_user.application_where(is_settled, "requested")
        await operator.at_rest()
    before = await cluster_user.versions()
    async with running(kubeconfig) as operator:
        await operator.at_rest(quiet=1.0)
        assert operator.writes() == 0
    assert await cluster_user.versions() == before
