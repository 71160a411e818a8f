"""Tenants and stolen accounts reach for Secrets of others, while operator and all policies are as they ship.

The API server keeps a record of every request about Secrets, so that these tests see what was not touched, too.
"""

import json
from collections.abc import Callable

import pytest

from manifests.attacking import labels_of, secret
from manifests.audit import AuditLog
from manifests.installation import SYSTEM, Installation
from manifests.patience import until
from manifests.people import Object, runner
from manifests.reaching import (
    ATTEMPTS,
    Attempt,
    is_settled_or_gone,
    operator_has_seen_everything,
    race_for_secrets,
)
from manifests.teams import Team

OPERATOR = f"system:serviceaccount:{SYSTEM}:mintmaster-operator"


@pytest.fixture
def attacker(operating: Installation, team: Team) -> Team:
    """A tenant with the role edit in a namespace of their own."""
    return team


@pytest.mark.parametrize("attempt", ATTEMPTS, ids=lambda it: it.__name__)
def test_54_58_69_no_resource_leads_the_operator_to_a_secret_elsewhere(
    attacker: Team, victim: Object, audit: AuditLog, attempt: Attempt
) -> None:
    there = victim["metadata"]["namespace"]
    before = audit.accesses(there)
    body = attempt(attacker.namespace, attacker.admin.read(victim))
    _ = attacker.member.create(body).passed
    until(lambda: is_settled_or_gone(attacker.admin, body), "the operator has done what it does")
    operator_has_seen_everything(attacker.admin, attacker.namespace)
    assert audit.accesses(there) == before


REFUSED: dict[str, Callable[[str, Object], Object]] = {
    "a Secret by a path": lambda there, _: {"secret": {"name": f"../{there}/password"}},
    "a workload": lambda there, _: {"restart": [{"kind": "Deployment", "name": f"{there}/x"}]},
    "an account": lambda there, _: {"exchange": {"serviceAccounts": [f"{there}:default"]}},
    "its labels": lambda _, victim: {"secret": {"template": {"labels": labels_of(victim)}}},
}


@pytest.mark.parametrize("name", REFUSED)
def test_55_what_points_elsewhere_is_refused(attacker: Team, victim: Object, name: str) -> None:
    spec = REFUSED[name](victim["metadata"]["namespace"], victim)
    answer = attacker.member.create(runner(attacker.namespace, **spec))
    assert answer.status == 422
    (field,) = spec
    assert f"spec.{field}" in answer.message


def test_58_nobody_writes_in_another_namespace_nor_our_labels_in_their_own(
    attacker: Team, victim: Object
) -> None:
    assert attacker.member.create(runner(victim["metadata"]["namespace"], "x")).status == 403
    labelled = secret(attacker.namespace, "x", metadata={"labels": labels_of(victim)})
    assert attacker.member.create(labelled).is_refused("secret-labels")


def test_the_record_shows_who_reads_a_secret(
    operating: Installation, victim: Object, audit: AuditLog
) -> None:
    """What the other tests find empty would not be, had somebody looked."""
    there = victim["metadata"]["namespace"]
    before = audit.accesses(there)
    assert {(it.user, it.name) for it in before} >= {(OPERATOR, "builder-token")}
    _ = operating.administrator.read(secret(there, "password"))
    (access,) = audit.accesses(there)[len(before) :]
    assert (access.verb, access.name) == ("get", "password")


def test_69_whoever_races_with_the_operator_reaches_no_secret_elsewhere(
    attacker: Team, victim: Object, audit: AuditLog
) -> None:
    there = victim["metadata"]["namespace"]
    before = audit.accesses(there)
    race_for_secrets(attacker, victim)
    operator_has_seen_everything(attacker.admin, attacker.namespace)
    assert audit.accesses(there) == before


# Stolen accounts, by their real tokens ------------------------------------------------------------


def test_67_a_stolen_token_of_the_operator_makes_no_token_of_a_service_account(
    installation: Installation, victim: Object
) -> None:
    thief = installation.service_account(SYSTEM, "mintmaster-operator")
    there = victim["metadata"]["namespace"]
    account = {"kubernetes.io/service-account.name": "default"}
    body = secret(there, "x", type="kubernetes.io/service-account-token")
    body["metadata"] |= {"annotations": account, "labels": labels_of(victim)}
    for forged in (body, secret(there, "password"), secret("kube-system", "x")):
        done = thief.try_kubectl("apply", "--server-side", "-f", "-", text=json.dumps(forged))
        assert "operator-secrets.mintmaster.dev" in done.stderr, forged["metadata"]
    for refused in (
        ("create", "token", "-n", "kube-system", "default"),
        ("create", "clusterrolebinding", "x", "--clusterrole=cluster-admin", "--user=x"),
        ("patch", "rr/builder", "-n", there, "--type=merge", '--patch={"spec": {"scopes": []}}'),
    ):
        assert "forbidden" in thief.try_kubectl(*refused).stderr.lower(), refused


def test_68_a_stolen_token_of_a_gate_reads_no_secret_and_gives_no_right(
    installation: Installation, victim: Object
) -> None:
    thief = installation.service_account(SYSTEM, "mintmaster-gate")
    there = victim["metadata"]["namespace"]
    more = '--patch={"spec": {"scopes": ["sudo"]}}'
    for refused in (
        ("get", "secret", "-n", there, "password"),
        ("get", "secret", "-n", SYSTEM, "mintmaster-issuer-default"),
        ("get", "secrets", "--all-namespaces"),
        ("patch", "rr/builder", "-n", there, "--type=merge", more),
        ("patch", "tokenissuer/default", "--type=merge", more),
        ("delete", "rr/builder", "-n", there),
    ):
        done = thief.try_kubectl(*refused)
        assert done.returncode == 1, refused
        assert "forbidden" in done.stderr.lower(), done.stderr
    thief.kubectl(
        "patch", "rr/builder", "-n", there, "--type=merge", '--patch={"spec": {"revoked": true}}'
    )
