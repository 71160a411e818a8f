"""Who may write a status, and who a digest: what stands there makes tokens active."""

from collections.abc import Callable
from typing import Any

import pytest

from manifests.people import Object, Person, application, runner, user_token
from manifests.teams import Team
from mintmaster.api.names import API_VERSION, GROUP

DIGEST = "A" * 43
OTHER_DIGEST = "B" * 43
AT = "2026-11-22T10:00:00Z"
LATER = "2026-11-22T11:00:00Z"


def condition(type_: str, generation: int, status: str = "True") -> Object:
    return {
        "type": type_,
        "status": status,
        "reason": "Because",
        "message": "It is so.",
        "lastTransitionTime": AT,
        "observedGeneration": generation,
    }


def status_of(body: Object, *conditions: Object, **fields: Any) -> Object:
    """What an approver applies: the object's name, and the part of the status that is theirs."""
    names = {key: body["metadata"][key] for key in ("name", "namespace") if key in body["metadata"]}
    status = fields | ({"conditions": list(conditions)} if conditions else {})
    return {
        "apiVersion": body["apiVersion"],
        "kind": body["kind"],
        "metadata": names,
        "status": status,
    }


@pytest.fixture
def writer(team: Team) -> Team:
    """A team whose member may write all statuses, as far as RBAC goes."""
    team.rights.bind(team.user, "cluster-admin", team.namespace)
    team.rights.wait(
        team.user,
        verb="patch",
        group=GROUP,
        resource="runnerregistrations",
        subresource="status",
        namespace=team.namespace,
    )
    return team


@pytest.fixture
def approver(team: Team) -> Team:
    """A team whose member has the role of approvers."""
    team.bind("mintmaster-approver")
    team.rights.wait(team.user, verb="approve", group=GROUP, resource="useraccesstokens")
    return team


@pytest.fixture
def asked(approver: Team) -> Object:
    """A resource that waits for an approval; an operator has said so."""
    body = approver.admin.create(user_token(approver.namespace)).passed
    said = status_of(body, condition("Ready", 1, "False"), state="Requested", uid="1")
    return approver.admin.patch(body, {"status": said["status"]}, "/status").passed


@pytest.mark.parametrize("build", [runner, user_token, application])
def test_no_right_in_a_namespace_lets_anybody_write_a_status(
    writer: Team, build: Callable[..., Object]
) -> None:
    body = writer.admin.create(build(writer.namespace)).passed
    forged = writer.member.patch(body, {"status": {"revision": 7}}, "/status")
    assert forged.is_refused("status", "status.revision", "issue")
    forged = writer.member.patch(
        body, {"status": {"conditions": [condition("Approved", 1)]}}, "/status"
    )
    assert forged.is_refused("status", "status.conditions", "approve")


def test_the_status_of_an_issuer_is_the_operators(team: Team) -> None:
    team.bind("mintmaster-approver")
    team.give("patch", "tokenissuers/status")
    named = {"apiVersion": API_VERSION, "kind": "TokenIssuer", "metadata": {"name": "default"}}
    issuer = team.admin.read(named)
    forged = team.member.patch(issuer, {"status": {"observedGeneration": 7}}, "/status")
    assert forged.is_refused("status", "status.observedGeneration")
    team.give("issue", "tokenissuers")
    _ = team.member.patch(issuer, {"status": {"observedGeneration": 7}}, "/status").passed


def test_whoever_holds_the_verb_issue_writes_the_status(writer: Team) -> None:
    body = writer.admin.create(runner(writer.namespace)).passed
    writer.give("issue", "runnerregistrations")
    _ = writer.member.patch(body, {"status": {"revision": 7}}, "/status").passed
    other = writer.admin.create(user_token(writer.namespace)).passed
    assert writer.member.patch(other, {"status": {"revision": 7}}, "/status").is_refused("status")


def test_a_write_that_changes_nothing_is_nobodys_matter(writer: Team) -> None:
    body = writer.admin.create(runner(writer.namespace)).passed
    _ = writer.member.patch(body, {"status": {"observedGeneration": -1}}, "/status").passed


@pytest.mark.parametrize("decision", ["True", "False"])
def test_an_approver_decides_about_the_present_generation(
    approver: Team, asked: Object, decision: str
) -> None:
    generation = asked["metadata"]["generation"]
    decided = status_of(asked, condition("Approved", generation, decision))
    after = approver.member.apply(decided, "/status").passed["status"]
    assert {it["type"]: it["status"] for it in after["conditions"]} == {
        "Ready": "False",
        "Approved": decision,
    }
    assert after["state"] == "Requested"


def test_an_approval_of_what_was_asked_for_earlier_is_refused(
    approver: Team, asked: Object
) -> None:
    _ = approver.admin.patch(asked, {"spec": {"scopes": ["api"]}}).passed
    late = approver.member.apply(status_of(asked, condition("Approved", 1)), "/status")
    words = ("status.conditions", "observedGeneration 2", "approve that")
    assert late.is_refused("status", *words, status=422)


@pytest.mark.parametrize(
    ("forged", "named"),
    [
        ({"state": "Active"}, "status.state"),
        ({"revision": 7}, "status.revision"),
        ({"uid": None}, "status.uid"),
        ({"approvedRightsHash": "x"}, "status.approvedRightsHash"),
        ({"conditions": [condition("Ready", 1), condition("Approved", 1)]}, "server-side apply"),
        ({"conditions": [condition("Approved", 1)]}, "server-side apply"),
        ({"conditions": None}, "server-side apply"),
    ],
)
def test_an_approver_changes_nothing_else(
    approver: Team, asked: Object, forged: Object, named: str
) -> None:
    answer = approver.member.patch(asked, {"status": forged}, "/status")
    assert answer.is_refused("status", named)


def test_an_approver_of_one_namespace_approves_nowhere_else(team: Team) -> None:
    team.give("approve", "useraccesstokens")
    team.rights.bind(team.user, "mintmaster-approver", team.namespace)
    right = {
        "verb": "patch",
        "group": GROUP,
        "resource": "useraccesstokens",
        "subresource": "status",
    }
    team.rights.wait(team.user, **right, namespace=team.namespace)
    here, there = (
        team.admin.create(user_token(it, "eve")).passed for it in (team.namespace, "older")
    )
    _ = team.member.apply(status_of(here, condition("Approved", 1)), "/status").passed
    assert team.member.apply(status_of(there, condition("Approved", 1)), "/status").status == 403
    _ = team.admin.delete(there).passed


def test_an_approver_of_users_does_not_approve_runners(writer: Team) -> None:
    writer.give("approve", "useraccesstokens")
    body = writer.admin.create(runner(writer.namespace)).passed
    decided = status_of(body, condition("Approved", 1))
    assert writer.member.apply(decided, "/status").is_refused("status")


REVOKED = {"id": "u.1.a", "expiresAt": LATER}
REVOKED_TOO = {"id": "u.1.b", "expiresAt": LATER}
LAST_REVOKED = {"id": "u.1.c", "expiresAt": "2026-11-22T12:00:00Z"}


@pytest.fixture
def client(team: Team) -> Object:
    """An application of which one access token was revoked, with a limit on the age of others."""
    body = team.admin.create(application(team.namespace)).passed
    said = {"revokedTokens": [REVOKED], "notBefore": AT}
    return team.admin.patch(body, {"status": said}, "/status").passed


@pytest.mark.parametrize(
    "more",
    [
        {"revokedTokens": [REVOKED, REVOKED_TOO]},
        {"revokedTokens": [LAST_REVOKED]},
        {"notBefore": LATER},
        {"notBefore": LATER, "revokedTokens": [REVOKED_TOO]},
        {"notBefore": LATER, "revokedTokens": None},
    ],
)
def test_a_gate_adds_revocations(gate: Person, client: Object, more: Object) -> None:
    _ = gate.patch(client, {"status": more}, "/status").passed


def test_a_full_list_of_revocations_is_affordable(gate: Person, client: Object) -> None:
    expired = [{"id": f"expired.{number}", "expiresAt": AT} for number in range(128)]
    left = [{"id": f"left.{number}", "expiresAt": LATER} for number in range(128)]
    for entries in ([REVOKED, *expired, *left[1:]], [REVOKED, *left, LAST_REVOKED]):
        _ = gate.patch(client, {"status": {"revokedTokens": entries}}, "/status").passed


@pytest.mark.parametrize(
    ("forged", "named"),
    [
        ({"revokedTokens": [REVOKED_TOO]}, "status.revokedTokens"),
        ({"revokedTokens": []}, "status.revokedTokens"),
        ({"revokedTokens": None}, "status.revokedTokens"),
        ({"notBefore": "2026-11-22T09:00:00Z"}, "status.notBefore"),
        ({"notBefore": None}, "status.notBefore"),
        ({"state": "Active"}, "status.state"),
        ({"conditions": [condition("Approved", 1)]}, "status.conditions"),
        ({"revokedTokens": [REVOKED, REVOKED_TOO], "clientId": "other"}, "status.clientId"),
    ],
)
def test_a_gate_takes_no_revocation_back_and_writes_nothing_else(
    gate: Person, client: Object, forged: Object, named: str
) -> None:
    assert gate.patch(client, {"status": forged}, "/status").is_refused("status", named)


DELIVERED = [
    (user_token, {"token": {"format": "Opaque"}}, "token"),
    (runner, {"token": {"format": "Opaque"}}, "token"),
    (application, {}, "clientSecret"),
]


@pytest.mark.parametrize(("build", "spec", "field"), DELIVERED)
def test_a_digest_is_set_by_whoever_delivers(
    team: Team, build: Callable[..., Object], spec: Object, field: str
) -> None:
    body = team.admin.create(build(team.namespace, delivery="Caller", **spec)).passed

    def digest(value: str | None) -> Object:
        return {"spec": {field: {"valueDigest": value}}}

    refused = team.member.patch(body, digest(DIGEST))
    words = (f"spec.{field}.valueDigest", "deliver", "'digests'")
    assert refused.is_refused("deliver", *words)
    team.bind("mintmaster-deliverer")
    team.rights.wait(team.user, verb="deliver", group=GROUP, resource="digests")
    _ = team.member.patch(body, digest(DIGEST)).passed


def test_a_digest_is_kept_and_taken_away_by_anybody_who_may_update(team: Team) -> None:
    spec: Object = {"delivery": "Caller", "token": {"format": "Opaque", "valueDigest": DIGEST}}
    body = team.admin.create(user_token(team.namespace, **spec)).passed
    change = team.member.patch
    _ = change(body, {"spec": {"description": "as before"}}).passed
    other = {"spec": {"token": {"valueDigest": OTHER_DIGEST}}}
    assert change(body, other).is_refused("deliver")
    _ = change(body, {"spec": {"token": {"valueDigest": None}}}).passed
    assert change(body, {"spec": {"token": {"valueDigest": DIGEST}}}).is_refused("deliver")
    _ = change(body, {"spec": {"revoked": True}}).passed


def test_who_asked_is_said_by_whoever_delivers(team: Team) -> None:
    asked: Object = {"requestedBy": {"subject": "user:root@example.org"}}
    refused = team.member.create(runner(team.namespace, **asked))
    assert refused.is_refused("deliver", "spec.requestedBy", "deliver", "'digests'")
    body = team.admin.create(runner(team.namespace, **asked)).passed
    _ = team.member.patch(body, {"spec": {"description": "as before"}}).passed
    for forged in (None, {"subject": "user:ada@example.org"}):
        answer = team.member.patch(body, {"spec": {"requestedBy": forged}})
        assert answer.is_refused("deliver", "spec.requestedBy")
