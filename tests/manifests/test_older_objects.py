"""What stood in the cluster before the policies came: it is kept, narrowed and revoked freely, and nothing is added."""

import pytest

from manifests.installation import Installation
from manifests.people import Object, Person, application, runner, user_token
from manifests.teams import Team, team_in

BUILDER = runner("older")
ADA = user_token("older")
ROBOT = application("older")


@pytest.fixture(scope="module")
def heirs(installation: Installation) -> Team:
    """Somebody who may edit where the older objects are."""
    return team_in(installation.administrator, "older")


def secret(name: str) -> Object:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": "older"}}


@pytest.mark.parametrize(
    ("body", "change"),
    [
        (BUILDER, {"spec": {"description": "x", "suspend": True, "tags": ["linux"]}}),
        (BUILDER, {"spec": {"scopes": [], "token": {"audiences": []}, "exchange": None}}),
        (ADA, {"spec": {"description": "x"}, "metadata": {"labels": {"tier": "gold"}}}),
        (ADA, {"spec": {"scopes": [], "roles": [], "projects": []}}),
        (ADA, {"spec": {"token": {"valueDigest": None}}}),
        (ROBOT, {"spec": {"enabled": False, "scopes": [], "roles": [], "projects": []}}),
        *((body, {"spec": {"revoked": True}}) for body in (BUILDER, ADA, ROBOT)),
        (secret("copied"), {"data": {"token": "bmV3"}}),
        (secret("foreign"), {"metadata": {"labels": {"tier": "gold"}}}),
    ],
)
def test_it_is_kept_narrowed_and_revoked_freely(heirs: Team, body: Object, change: Object) -> None:
    _ = heirs.member.patch(body, change, dry_run=True).passed


@pytest.mark.parametrize(
    ("policy", "body", "change"),
    [
        ("grant-scopes", BUILDER, {"spec": {"scopes": ["api", "sudo"]}}),
        ("grant-roles", ADA, {"spec": {"roles": ["Editor", "Administrator"]}}),
        ("grant-projects", ROBOT, {"spec": {"projects": ["3", "*"]}}),
        ("grant-audiences", BUILDER, {"spec": {"token": {"audiences": ["https://new"]}}}),
        ("grant-users", ADA, {"spec": {"user": {"username": "root"}}}),
        ("use-issuers", BUILDER, {"spec": {"exchange": {"issuer": "other"}}}),
        ("deliver", ADA, {"spec": {"token": {"valueDigest": "B" * 43}}}),
        ("deliver", ADA, {"spec": {"requestedBy": None}}),
        ("secret-labels", secret("copied"), {"metadata": {"labels": None}}),
    ],
)
def test_nothing_is_added(heirs: Team, policy: str, body: Object, change: Object) -> None:
    assert heirs.member.patch(body, change, dry_run=True).is_refused(policy)


@pytest.mark.parametrize("body", [BUILDER, ADA, ROBOT], ids=lambda body: str(body["kind"]))
def test_the_operator_goes_on_with_it(operator: Person, body: Object) -> None:
    status = {"state": "Pending", "revision": 1}
    _ = operator.patch(body, {"status": status}, "/status", dry_run=True).passed


def test_gates_go_on_with_applications(gate: Person) -> None:
    revoked = [{"id": "1", "expiresAt": "2030-01-01T00:00:00Z"}]
    _ = gate.patch(ROBOT, {"status": {"revokedTokens": revoked}}, "/status", dry_run=True).passed
    forged = gate.patch(ROBOT, {"status": {"state": "Active"}}, "/status", dry_run=True)
    assert forged.is_refused("status")


@pytest.mark.parametrize("body", [BUILDER, ADA], ids=lambda body: str(body["kind"]))
def test_gates_go_on_with_it(gate: Person, body: Object) -> None:
    _ = gate.patch(body, {"spec": {"revoked": True}}, dry_run=True).passed
    assert gate.patch(body, {"spec": {"scopes": []}}, dry_run=True).is_refused("gates")


def test_the_operator_takes_up_a_secret_that_was_ours_and_no_other(operator: Person) -> None:
    whole = {"mintmaster.dev/uid": "new"}
    change = {"metadata": {"labels": whole}, "data": {"token": "bmV3"}}
    _ = operator.patch(secret("copied"), change, dry_run=True).passed
    foreign = operator.patch(secret("foreign"), change, dry_run=True)
    assert foreign.is_refused("operator-secrets")
