"""Tenants reach for rights that nobody gave them, while operator, gate and all policies are as they ship."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from manifests.asking import (
    client_of,
    credential_of_an_introspector,
    is_active,
    issuer_like,
    minted,
)
from manifests.attacking import await_reason, await_state, claims, token_of
from manifests.installation import Installation
from manifests.patience import until
from manifests.people import Object, Person, application, runner, user_token
from manifests.teams import Team
from mintmaster.api.names import GROUP

DIGEST = "A" * 43
ROUNDS = 25
"""How often somebody tries their luck in a race."""
FEWER_ROUNDS = 10
"""Where each takes an issue."""


@pytest.fixture(scope="module")
def gate_url(operating: Installation) -> Iterator[str]:
    """Where a gate listens."""
    with operating.gate_running() as running:
        yield running.address


@pytest.fixture
def attacker(operating: Installation, team: Team) -> Team:
    """A tenant with the role edit in a namespace of their own."""
    return team


@pytest.fixture
def granter(attacker: Team) -> Team:
    """A tenant whom no admission policy stops from asking for rights: the issuer's grants alone are left."""
    attacker.bind("mintmaster-granter")
    for resource in ("scopes", "roles", "users"):
        attacker.rights.wait(attacker.user, verb="grant", group=GROUP, resource=resource)
    return attacker


def test_51_52_nobody_gets_by_an_edit_what_they_did_not_get_by_a_creation(
    attacker: Team,
) -> None:
    body = attacker.member.create(runner(attacker.namespace)).passed
    await_state(attacker.admin, body, "Active")
    for field, change in (
        ("spec.scopes", {"scopes": ["api"]}),
        ("spec.token.audiences", {"token": {"audiences": ["https://other.example.org"]}}),
        ("spec.exchange.issuer", {"exchange": {"serviceAccounts": ["x"], "issuer": "elsewhere"}}),
    ):
        answer = attacker.member.patch(body, {"spec": change})
        assert answer.status == 403
        assert field in answer.message
    assert claims(token_of(attacker.admin, body)).get("scope", "") == ""


def test_56_a_status_that_a_tenant_writes_never_counts(attacker: Team, victim: Object) -> None:
    """Even with RBAC on the status, which no role of ours gives."""
    attacker.give("patch", "runnerregistrations/status")
    body = attacker.admin.create(runner(attacker.namespace)).passed
    await_state(attacker.admin, body, "Active")
    stolen = attacker.admin.read(victim)["status"]
    for forged in (
        {"tokens": stolen["tokens"]},
        {"uid": stolen["uid"]},
        {"secretRef": {"name": "password"}},
        {"approvedRightsHash": "x"},
    ):
        answer = attacker.member.patch(body, {"status": forged}, "/status")
        assert answer.is_refused("status", "issue")


WIDER: list[Object] = [
    {"scopes": ["sudo"]},
    {"scopes": ["api"], "token": {"audiences": ["https://other.example.org"]}},
    {"token": {"lifetime": "8760h"}, "scopes": ["admin_mode"]},
]


def test_74_whoever_races_with_an_issue_gets_no_right_that_the_issuer_does_not_grant(
    granter: Team,
) -> None:
    """No policy stops them, so that the spec is wide at one moment and narrow at the next."""
    body = granter.member.create(runner(granter.namespace)).passed
    seen: set[str] = set()
    for number in range(ROUNDS):
        narrow: Object = {"scopes": [], "token": {"audiences": [], "lifetime": None}}
        change = WIDER[number % len(WIDER)] if number % 2 else narrow
        _ = granter.member.patch(body, {"spec": change}).passed
        status = granter.admin.read(body)["status"]
        for record in status.get("tokens", []):
            assert record["rights"].get("scopes", []) == []
            assert record["rights"]["audiences"] == ["mintmaster"]
        if "secretRef" in status:
            seen.add(token_of(granter.admin, body))
    _ = granter.member.patch(body, {"spec": {"scopes": [], "token": {"audiences": []}}}).passed
    await_state(granter.admin, body, "Active")
    seen.add(token_of(granter.admin, body))
    assert {claims(it).get("scope", "") for it in seen} == {""}
    assert {tuple(claims(it)["aud"]) for it in seen} == {("mintmaster",)}


def test_69_a_tenant_speaks_for_nobody_outside_of_their_namespace(
    granter: Team, victim: Object
) -> None:
    body = granter.member.create(runner(granter.namespace)).passed
    await_state(granter.admin, body, "Active")
    assert claims(token_of(granter.admin, body))["sub"] == f"runner:{granter.namespace}:builder"
    user = granter.member.create(user_token(granter.namespace, "root")).passed
    await_reason(granter.admin, user, "NotGranted")
    assert granter.admin.read(user)["status"].get("tokens", []) == []


def test_90_a_token_without_projects_is_for_no_project(
    operating: Installation, granter: Team
) -> None:
    allow_users(granter)
    body = granter.member.create(user_token(granter.namespace)).passed
    await_state(granter.admin, body, "Active")
    assert claims(token_of(granter.admin, body)).get("projects", []) == []
    rights = granter.admin.read(body)["status"]["tokens"][0]["rights"]
    assert rights.get("projects", []) == []


def allow_users(team: Team) -> None:
    """Let a namespace have tokens of users, as its administrator may."""
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": team.namespace}}
    label = {f"{GROUP}/user-tokens": "allowed"}
    _ = team.admin.patch(namespace, {"metadata": {"labels": label}}).passed


def test_a_tenant_does_not_label_their_namespace(attacker: Team) -> None:
    """Which is what would let it have tokens of users."""
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": attacker.namespace}}
    label = {"metadata": {"labels": {f"{GROUP}/user-tokens": "allowed"}}}
    assert attacker.member.patch(namespace, label).status == 403


# Digests ------------------------------------------------------------------------------------------


def test_85_a_digest_of_somebody_else_is_copied_in_vain(
    attacker: Team, granter: Team, victim: Object
) -> None:
    admin, there = attacker.admin, victim["metadata"]["namespace"]
    caller: Object = {
        "delivery": "Caller",
        "token": {"format": "Opaque", "lifetime": "1h", "valueDigest": DIGEST},
    }
    first = admin.create(runner(there, "first", **caller)).passed
    await_state(admin, first, "Active")
    copied = runner(attacker.namespace, "copy", **caller)
    assert attacker.member.create(copied).is_refused("deliver", "spec.token.valueDigest")
    # A service that makes tokens for others, and copies what it saw.
    attacker.bind("mintmaster-deliverer")
    attacker.rights.wait(attacker.user, verb="deliver", group=GROUP, resource="digests")
    # Of two that were created in the same second, the UIDs decide who is the older.
    until(lambda: datetime.now(UTC) >= created(first) + timedelta(seconds=1), "the next second")
    second = attacker.member.create(copied).passed
    await_reason(admin, second, "DigestConflict")
    assert admin.read(second)["status"].get("tokens", []) == []
    assert admin.read(first)["status"]["tokens"][0]["digest"] == DIGEST


def created(body: Object) -> datetime:
    return datetime.fromisoformat(body["metadata"]["creationTimestamp"])


# Approvals and issuers ----------------------------------------------------------------------------


def approval_of(body: Object, generation: int = 1) -> Object:
    """What an approver applies, by default for the resource as it was created."""
    approved = {
        "type": "Approved",
        "status": "True",
        "reason": "Approved",
        "message": "Fine.",
        "observedGeneration": generation,
        "lastTransitionTime": "2026-11-22T10:00:00Z",
    }
    meta = {key: body["metadata"][key] for key in ("name", "namespace")}
    about = {"apiVersion": body["apiVersion"], "kind": body["kind"], "metadata": meta}
    return about | {"status": {"conditions": [approved]}}


def test_89_an_approval_is_void_once_somebody_asks_for_more(granter: Team) -> None:
    admin, here = granter.admin, granter.namespace
    issuer = issuer_like(admin, "default", "asking", approval={"userAccessTokens": "Manual"})
    body = granter.member.create(user_token(here, issuerRef={"name": "asking"})).passed
    await_state(admin, body, "Requested")
    approver = f"approver-of-{here}"
    granter.rights.bind(approver, "mintmaster-approver")
    granter.rights.wait(approver, verb="approve", group=GROUP, resource="useraccesstokens")
    decided = approval_of(body)
    assert granter.member.apply(decided, "/status").status == 403, "nobody approves for themselves"
    _ = admin.named(approver).apply(decided, "/status").passed
    await_state(admin, body, "Active")
    _ = granter.member.patch(body, {"spec": {"scopes": ["api"]}}).passed
    await_reason(admin, body, "AwaitingApproval")
    records = admin.read(body)["status"].get("tokens", [])
    assert all(it["rights"].get("scopes", []) == [] for it in records)
    _ = admin.delete(issuer).passed


def test_89_whoever_races_with_an_approval_gets_no_more_than_was_approved(granter: Team) -> None:
    """What was approved is widened before the operator has seen that it was approved."""
    admin, here, member = granter.admin, granter.namespace, granter.member
    issuer = issuer_like(admin, "default", "racing", approval={"userAccessTokens": "Manual"})
    body = member.create(user_token(here, issuerRef={"name": "racing"})).passed
    approver = f"approver-of-{here}"
    granter.rights.bind(approver, "mintmaster-approver")
    granter.rights.wait(approver, verb="approve", group=GROUP, resource="useraccesstokens")
    seen: set[str] = set()
    for number in range(FEWER_ROUNDS):
        # Another right each time, so that what was approved earlier does not cover it.
        asked = {"spec": {"projects": [str(number)], "scopes": []}}
        generation = member.patch(body, asked).passed["metadata"]["generation"]
        _ = admin.named(approver).apply(approval_of(body, generation), "/status", force=True).passed
        _ = member.patch(body, {"spec": {"scopes": ["api"]}}).passed
        seen |= scopes_on_record(admin, body)
    await_reason(admin, body, "AwaitingApproval")
    assert seen | scopes_on_record(admin, body) <= {""}
    approved = member.patch(body, {"spec": {"scopes": []}}).passed["metadata"]["generation"]
    _ = admin.named(approver).apply(approval_of(body, approved), "/status", force=True).passed
    await_state(admin, body, "Active")
    assert claims(token_of(admin, body)).get("scope", "") == ""
    _ = admin.delete(issuer).passed


def scopes_on_record(admin: Person, body: Object) -> set[str]:
    """The scopes of the tokens that are active."""
    records = admin.read(body)["status"].get("tokens", [])
    return {" ".join(it["rights"].get("scopes", [])) for it in records}


def test_86_a_narrowed_issuer_ends_tokens_at_gates(
    operating: Installation, gate_url: str, granter: Team
) -> None:
    admin = granter.admin
    issuer = issuer_like(admin, "default", "narrowed")
    asked = runner(granter.namespace, scopes=["api"], issuerRef={"name": "narrowed"})
    body = granter.member.create(asked).passed
    await_state(admin, body, "Active")
    token = token_of(admin, body)
    credential = credential_of_an_introspector(operating, granter.namespace)
    asked_at = f"{gate_url}/issuers/narrowed"
    until(lambda: is_active(asked_at, credential, token), "the token is active")
    denied = {"deniedSubjects": [f"runner:{granter.namespace}:*"]}
    _ = admin.patch(issuer, {"spec": denied}).passed
    until(lambda: not is_active(asked_at, credential, token), "the token is inactive")
    _ = admin.delete(issuer).passed


# Client ids ----------------------------------------------------------------------------------------


def test_84_the_client_id_of_a_deleted_application_is_nobodys_until_somebody_decides(
    operating: Installation, gate_url: str, team: Team, victim: Object
) -> None:
    admin, here, there = team.admin, team.namespace, victim["metadata"]["namespace"]
    issuer = issuer_like(admin, "applications", f"lending-{here[-40:].lstrip('-')}")
    name = issuer["metadata"]["name"]
    asked_at = f"{gate_url}/issuers/{name}"
    credential = credential_of_an_introspector(operating, here)
    batch = {"issuerRef": {"name": name}, "clientId": f"batch-of-{here}", "scopes": ["jobs"]}
    first = admin.create(application(there, "first", **batch)).passed
    await_state(admin, first, "Active")
    _ = operating.mount_keys(name)
    client = client_of(admin, first)
    until(lambda: minted(asked_at, client)[0] == 200, "the gate mints for it")
    _, token = minted(asked_at, client)
    assert is_active(asked_at, credential, token)

    # Nobody claims it who was not given it.
    second = application(here, "second", **batch)
    refused = team.member.create(second)
    assert refused.status == 403
    team.bind("mintmaster-granter")
    for resource in ("clientids", "scopes"):
        team.rights.wait(team.user, verb="grant", group=GROUP, resource=resource)
    _ = team.member.create(second).passed
    await_reason(admin, second, "ClientIdConflict")

    # It becomes free, and whoever waits for it does not get it by that.
    _ = admin.delete(first).passed
    until(lambda: not is_active(asked_at, credential, token), "its tokens end")
    assert minted(asked_at, client)[0] == 401
    rest = admin.create(application(here, "rest", issuerRef={"name": name})).passed
    await_state(admin, rest, "Active")
    _ = team.member.patch(second, {"metadata": {"annotations": {f"{GROUP}/rotate": "1"}}}).passed
    later = admin.create(application(here, "later", issuerRef={"name": name})).passed
    await_state(admin, later, "Active")
    waiting = admin.read(second)["status"]
    assert (waiting.get("clientId", ""), "secretRef" in waiting) == ("", False)
    await_reason(admin, second, "ClientIdConflict")

    # Somebody decides, by an edit; what was minted before stays inactive.
    _ = team.member.patch(second, {"spec": {"description": "Ours, from now on."}}).passed
    await_state(admin, second, "Active")
    heir = client_of(admin, second)
    assert heir["client_id"] == client["client_id"]
    until(lambda: minted(asked_at, heir)[0] == 200, "the gate mints for the heir")
    assert minted(asked_at, client)[0] == 401
    assert not is_active(asked_at, credential, token)
    for body in (second, rest, later, issuer):
        _ = admin.delete(body).passed
