"""What the accounts of our processes may do less than RBAC gives them, and what nobody else may do to Secrets."""

from collections.abc import Callable
from typing import Any

import pytest

from manifests.patience import until
from manifests.people import Object, Person, application, path_of, runner, user_token
from manifests.teams import Team
from mintmaster.api.names import API_VERSION, GROUP

OURS = {
    "app.kubernetes.io/managed-by": "mintmaster",
    f"{GROUP}/kind": "RunnerRegistration",
    f"{GROUP}/name": "builder",
    f"{GROUP}/uid": "1",
}
OWNER = {"apiVersion": API_VERSION, "kind": "RunnerRegistration", "name": "builder", "uid": "1"}
FOREIGN_OWNER = {"apiVersion": "v1", "kind": "ConfigMap", "name": "builder", "uid": "1"}
KEY_LABELS = OURS | {f"{GROUP}/kind": "TokenIssuer", f"{GROUP}/name": "new"}


def secret(namespace: str, name: str = "builder-token", **fields: Any) -> Object:
    metadata = {"name": name, "namespace": namespace} | fields.pop("metadata", {})
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata} | fields


def owner_of(resource: Object) -> Object:
    """A reference to an owner that stands: Kubernetes collects what names one that does not."""
    about = {key: resource[key] for key in ("apiVersion", "kind")}
    return about | {key: resource["metadata"][key] for key in ("name", "uid")}


def ours(namespace: str, **metadata: Any) -> Object:
    """A Secret as the operator writes it."""
    return secret(namespace, metadata={"labels": OURS} | metadata, data={"token": "dG9rZW4="})


# The gate -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("build", [runner, user_token])
def test_a_gate_revokes(gate: Person, team: Team, build: Callable[..., Object]) -> None:
    body = team.admin.create(build(team.namespace)).passed
    assert gate.patch(body, {"spec": {"revoked": True}}).passed["spec"]["revoked"]


def test_a_gate_changes_no_spec_of_an_application(gate: Person, team: Team) -> None:
    body = team.admin.create(application(team.namespace)).passed
    refused = gate.patch(body, {"spec": {"enabled": True}})
    assert (refused.status, "cannot patch" in refused.message) == (403, True)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"spec": {"paused": True}}, "spec.paused"),
        ({"spec": {"revoked": True, "suspend": True}}, "spec.suspend"),
        ({"spec": {"restart": [{"kind": "Deployment", "name": "x"}]}}, "spec.restart"),
        ({"metadata": {"labels": {"tier": "gold"}}}, "metadata"),
        ({"metadata": {"annotations": {"mintmaster.dev/rotate": "now"}}}, "metadata"),
        ({"metadata": {"finalizers": ["example.org/keep"]}}, "metadata"),
        ({"metadata": {"ownerReferences": [OWNER]}}, "metadata"),
    ],
)
def test_a_gate_changes_nothing_else(gate: Person, team: Team, change: Object, named: str) -> None:
    answer = gate.patch(team.admin.create(runner(team.namespace)).passed, change)
    assert answer.is_refused("gates", named, "revoked")


def test_a_gate_with_more_rights_than_it_ships_with_is_held_back(gate: Person, team: Team) -> None:
    account = gate.headers["Impersonate-User"]
    team.rights.bind(account, "cluster-admin", team.namespace)
    team.rights.wait(
        account,
        verb="create",
        group=GROUP,
        resource="runnerregistrations",
        namespace=team.namespace,
    )
    body = runner(team.namespace)
    assert gate.create(body).is_refused("gates", "API namespace")
    _ = team.admin.create(body).passed
    assert gate.delete(body).is_refused("gates", "API namespace")


def test_in_its_api_namespace_a_gate_makes_changes_and_ends_resources(
    gate: Person, team: Team
) -> None:
    asker = {"requestedBy": {"subject": "user:ada@example.org"}, "delivery": "Caller"}
    token = {"format": "Opaque", "valueDigest": "A" * 43, "audiences": ["https://x.example.org"]}
    made = asker | {"scopes": ["api"], "roles": ["Editor"], "projects": ["3"], "token": token}
    body = gate.create(user_token("mintmaster-api", team.namespace, **made)).passed
    _ = gate.patch(body, {"spec": {"token": {"valueDigest": "B" * 43}}}).passed
    _ = gate.delete(body).passed
    robot = application("mintmaster-api", team.namespace, clientId=team.namespace, **asker)
    _ = gate.patch(gate.create(robot).passed, {"spec": {"enabled": False}}).passed
    _ = gate.delete(robot).passed


def test_in_its_api_namespace_a_gate_writes_no_status(gate: Person, team: Team) -> None:
    body = gate.create(runner("mintmaster-api", team.namespace)).passed
    forged = gate.patch(body, {"status": {"state": "Active"}}, "/status")
    assert (forged.status, "cannot patch" in forged.message) == (403, True)
    _ = gate.delete(body).passed


def test_a_gate_of_another_namespace_is_bound_too(team: Team) -> None:
    account = f"system:serviceaccount:{team.namespace}:mintmaster-gate"
    team.rights.bind(account, "edit", team.namespace)
    team.rights.wait(
        account, verb="patch", group=GROUP, resource="runnerregistrations", namespace=team.namespace
    )
    body = team.admin.create(runner(team.namespace)).passed
    refused = team.admin.named(account).patch(body, {"spec": {"suspend": True}})
    assert refused.is_refused("gates")


def test_a_gate_has_no_right_to_secrets(gate: Person, team: Team) -> None:
    body = team.admin.create(secret(team.namespace)).passed
    for answer in (
        gate.send("GET", f"/api/v1/namespaces/{team.namespace}/secrets"),
        gate.delete(body),
    ):
        assert (answer.status, "cannot" in answer.message) == (403, True)


# The operator's account and Secrets ---------------------------------------------------------------


def test_the_operator_writes_secrets_of_ours(operator: Person, team: Team) -> None:
    owner = owner_of(team.admin.create(runner(team.namespace)).passed)
    labels = OURS | {f"{GROUP}/uid": owner["uid"]}
    for metadata in (
        {},
        {"ownerReferences": [owner | {"controller": True}]},
        {"labels": labels | {"tier": "gold"}, "annotations": {"note": "x"}},
    ):
        body = operator.create(ours(team.namespace, **({"labels": labels} | metadata))).passed
        _ = operator.patch(body, {"data": {"token": "bmV3"}}).passed
        _ = operator.delete(body).passed


@pytest.mark.parametrize(
    ("metadata", "fields", "named"),
    [
        ({}, {"type": "kubernetes.io/tls", "data": {"tls.crt": "", "tls.key": ""}}, "type"),
        (
            {"annotations": {"kubernetes.io/service-account.name": "default"}},
            {"type": "kubernetes.io/service-account-token"},
            "type",
        ),
        ({"annotations": {"kubernetes.io/service-account.name": "x"}}, {}, "metadata.annotations"),
        ({"labels": {}}, {}, "metadata.labels"),
        ({"labels": OURS | {f"{GROUP}/uid": ""}}, {}, "metadata.labels"),
        ({"labels": OURS | {f"{GROUP}/kind": "Pod"}}, {}, "metadata.labels"),
        ({"labels": KEY_LABELS}, {}, "mintmaster-issuer-<name>"),
        ({"ownerReferences": [OWNER | {"uid": "2"}]}, {}, "metadata.ownerReferences"),
        ({"ownerReferences": [OWNER, FOREIGN_OWNER]}, {}, "metadata.ownerReferences"),
    ],
)
def test_the_operator_writes_no_other_secret(
    operator: Person, team: Team, metadata: Object, fields: Object, named: str
) -> None:
    body = ours(team.namespace, **metadata) | fields
    assert operator.create(body, dry_run=True).is_refused("operator-secrets", named)


def test_the_operator_keeps_keys_at_home_under_their_name(operator: Person) -> None:
    def keys(namespace: str, name: str) -> Object:
        return secret(
            namespace, name, metadata={"name": name, "namespace": namespace, "labels": KEY_LABELS}
        )

    home = "mintmaster-system"
    _ = operator.create(keys(home, "mintmaster-issuer-new"), dry_run=True).passed
    for elsewhere in (keys("default", "mintmaster-issuer-new"), keys(home, "other")):
        assert operator.create(elsewhere, dry_run=True).is_refused("operator-secrets")


def test_the_operator_touches_no_secret_of_somebody_else(operator: Person, team: Team) -> None:
    body = team.admin.create(secret(team.namespace)).passed
    take = {"metadata": {"labels": OURS}, "data": {"token": "bmV3"}}
    words = ("somebody else", "mintmaster.dev/adopt-by")
    assert operator.patch(body, take).is_refused("operator-secrets", *words)
    assert operator.delete(body).is_refused("operator-secrets", *words)
    deleted = operator.send("DELETE", f"/api/v1/namespaces/{team.namespace}/secrets")
    assert deleted.status == 403


def test_the_operator_takes_what_is_offered_and_repairs_what_is_its_own(
    operator: Person, team: Team
) -> None:
    owner = owner_of(team.admin.create(runner(team.namespace)).passed)
    foreign = {"apiVersion": "v1", "kind": "ConfigMap"}
    about = {"metadata": {"name": "owner", "namespace": team.namespace}}
    labels = OURS | {f"{GROUP}/uid": owner["uid"]}
    for metadata in (
        {"annotations": {"mintmaster.dev/adopt-by": "builder"}},
        {"ownerReferences": [owner | {"controller": True}]},
        {
            "labels": labels,
            "ownerReferences": [owner_of(team.admin.create(foreign | about).passed)],
        },
    ):
        body = team.admin.create(secret(team.namespace, metadata=metadata)).passed
        _ = operator.patch(body, {"metadata": {"labels": labels}, "data": {"token": "bmV3"}}).passed
        _ = team.admin.delete(body).passed


# The operator's account and workloads -------------------------------------------------------------


def deployment(namespace: str, **annotations: str) -> Object:
    labels = {"app": "consumer"}
    container = {"name": "main", "image": "example.org/consumer:1"}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "consumer", "namespace": namespace, "annotations": annotations},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels, "annotations": {"note": "x"}},
                "spec": {"containers": [container]},
            },
        },
    }


ROLL = {"spec": {"template": {"metadata": {"annotations": {f"{GROUP}/token-revision": "1.2"}}}}}


def test_the_operator_rolls_workloads_whose_owner_consents(operator: Person, team: Team) -> None:
    body = team.member.create(deployment(team.namespace, **{f"{GROUP}/restart": "true"})).passed
    _ = operator.patch(body, ROLL).passed


def test_the_operator_rolls_no_other_workload(operator: Person, team: Team) -> None:
    body = team.member.create(deployment(team.namespace)).passed
    words = ("metadata.annotations", "consent", "mintmaster.dev/restart")
    assert operator.patch(body, ROLL).is_refused("operator-workloads", *words)


def template(**fields: Any) -> Object:
    return {"spec": {"template": fields}}


@pytest.mark.parametrize(
    "change",
    [
        {"spec": {"replicas": 3}},
        {"spec": {"minReadySeconds": 5}},
        {"metadata": {"annotations": {f"{GROUP}/restart": None}}},
        {"metadata": {"labels": {"tier": "gold"}}},
        template(metadata={"annotations": {"note": "y"}}),
        template(metadata={"annotations": {"note": None}}),
        template(metadata={"labels": {"tier": "gold"}}),
        template(spec={"serviceAccountName": "admin"}),
        template(spec={"containers": [{"name": "main", "image": "example.org/evil:1"}]}),
    ],
)
def test_the_operator_changes_nothing_else_of_a_workload(
    operator: Person, team: Team, change: Object
) -> None:
    body = team.member.create(deployment(team.namespace, **{f"{GROUP}/restart": "true"})).passed
    refused = operator.patch(body, change)
    assert refused.is_refused("operator-workloads", "mintmaster.dev/token-revision")


# Our labels on Secrets ----------------------------------------------------------------------------


@pytest.mark.parametrize("labels", [OURS, {f"{GROUP}/uid": "1"}, {f"{GROUP}/anything": ""}])
def test_nobody_else_puts_our_labels_on_a_secret(team: Team, labels: Object) -> None:
    team.own_everything_here()
    spoofed = secret(team.namespace, metadata={"labels": labels})
    words = ("metadata.labels", "issue", "'secrets'", "adopt-by")
    assert team.member.create(spoofed).is_refused("secret-labels", *words)
    plain = team.member.create(secret(team.namespace)).passed
    relabelled = team.member.patch(plain, {"metadata": {"labels": labels}})
    assert relabelled.is_refused("secret-labels")


def test_labels_of_others_are_theirs(team: Team) -> None:
    helm = {"app.kubernetes.io/managed-by": "Helm", "tier": "gold"}
    body = team.member.create(secret(team.namespace, metadata={"labels": helm})).passed
    _ = team.member.patch(body, {"metadata": {"labels": None}}).passed


def test_nobody_else_changes_our_labels(team: Team) -> None:
    body = team.admin.create(ours(team.namespace)).passed
    for labels in (
        None,
        {f"{GROUP}/uid": "2"},
        {f"{GROUP}/uid": None},
        {"app.kubernetes.io/managed-by": None},
        {"app.kubernetes.io/managed-by": "Helm"},
    ):
        answer = team.member.patch(body, {"metadata": {"labels": labels}})
        assert answer.is_refused("secret-labels", "metadata.labels"), labels


def collector_knows_every_secret(team: Team) -> None:
    """Wait until Kubernetes has collected a Secret whose owner never was: it hears of them in their order.

    A dependent that it has not heard of when the owner goes is not orphaned, but collected.
    """
    stray = secret(team.namespace, "stray", metadata={"ownerReferences": [OWNER]})
    _ = team.admin.create(stray).passed
    until(lambda: team.admin.send("GET", path_of(stray)).status == 404, "the stray is collected")


def test_kubernetes_takes_an_owner_off_a_secret(team: Team) -> None:
    resource = team.admin.create(runner(team.namespace)).passed
    body = team.admin.create(ours(team.namespace, ownerReferences=[owner_of(resource)])).passed
    collector_knows_every_secret(team)
    orphan = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Orphan"}
    _ = team.member.send("DELETE", path_of(resource), orphan).passed
    until(
        lambda: "ownerReferences" not in team.admin.read(body)["metadata"],
        "the Secret has no owner",
    )


def test_everything_else_about_a_secret_is_its_namespaces_matter(team: Team) -> None:
    body = team.admin.create(ours(team.namespace)).passed
    for change in (
        {"data": {"token": "bmV3"}},
        {"metadata": {"labels": {"tier": "gold"}, "annotations": {"note": "x"}}},
    ):
        _ = team.member.patch(body, change).passed
    _ = team.member.delete(body).passed
