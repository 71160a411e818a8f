"""Every admission policy: what it lets through, what it refuses, what it costs, and what was there before it.

One table, which has to name all policies. Everything is tried without being stored.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import yaml

from manifests.installation import ROOT, Installation
from manifests.people import (
    Answer,
    Object,
    Person,
    Rights,
    application,
    path_of,
    runner,
    user_token,
)
from mintmaster.api.names import GROUP

HERE, OLDER = "policies", "older"
DIGEST = "A" * 43


def longest(count: int, size: int, start: str = "r") -> list[str]:
    """As many different values as a list takes, each as long as it may be."""
    return [f"{start}{number}".ljust(size, "x") for number in range(count)]


# What stands in the cluster ----------------------------------------------------------------------

LABELS = {f"example.org/label-{number}": "x" for number in range(300)}
"""More than anybody has."""
OURS = {
    "app.kubernetes.io/managed-by": "mintmaster",
    f"{GROUP}/kind": "RunnerRegistration",
    f"{GROUP}/name": "builder",
    f"{GROUP}/uid": "1",
}
BUILDER, ADA, ROBOT = runner(OLDER), user_token(OLDER), application(OLDER)


def secret(name: str, namespace: str = HERE, **fields: Any) -> Object:
    metadata = {"name": name, "namespace": namespace} | fields.pop("metadata", {})
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata} | fields


def workload(name: str, namespace: str = HERE, containers: int = 1) -> Object:
    """A Deployment whose owner lets the operator roll it."""
    labels = {"app": name}
    environment = [{"name": f"VARIABLE_{number}", "value": "x" * 50} for number in range(20)]
    pod = [
        {"name": f"c{number}", "image": "example.org/c", "env": environment}
        for number in range(containers)
    ]
    notes = {f"example.org/note-{number}": "x" * 50 for number in range(20 * containers)}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "annotations": {f"{GROUP}/restart": "true"},
        },
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels, "annotations": notes},
                "spec": {"containers": pod},
            },
        },
    }


LARGE = runner(
    HERE,
    "large",
    tags=longest(50, 64),
    scopes=longest(16, 128),
    description="x" * 1024,
    maintenanceNote="x" * 1024,
    restart=[{"kind": "Deployment", "name": f"d{number}"} for number in range(16)],
    token={"audiences": longest(8, 256)},
    secret={"template": {"data": {f"k{number}": "x" * 1024 for number in range(32)}}},
    exchange={"serviceAccounts": longest(16, 253), "issuer": "default"},
) | {"metadata": {"name": "large", "namespace": HERE, "labels": LABELS}}
NEW = runner(HERE, "new")
FULL = application(HERE, "full")
REVOKED = [
    {"id": f"{number}".ljust(64, "x"), "expiresAt": "2030-01-01T00:00:00Z"} for number in range(256)
]
LATER = {"id": "later", "expiresAt": "2031-01-01T00:00:00Z"}
PLAIN = secret("plain")
OUR_SECRET = secret("ours", metadata={"labels": OURS}, data={"token": "eA=="})
LARGE_SECRET = secret(
    "large",
    metadata={"labels": OURS | LABELS, "annotations": LABELS},
    data={f"key-{number}": "eHh4" * 300 for number in range(100)},
)
CONSUMER, LARGE_CONSUMER = workload("consumer"), workload("large", containers=40)

STANDING = (LARGE, NEW, FULL, PLAIN, OUR_SECRET, LARGE_SECRET, CONSUMER, LARGE_CONSUMER)


# Who tries something -----------------------------------------------------------------------------

ROLES = {
    "editor": ["edit"],
    "granter": ["edit", "mintmaster-granter"],
    "deliverer": ["edit", "mintmaster-granter", "mintmaster-deliverer"],
    "approver": ["mintmaster-approver"],
}
"""The shipped and built-in roles that people have everywhere."""
ACCOUNTS = ("gate", "operator")


@pytest.fixture(scope="module")
def people(installation: Installation) -> Iterator[dict[str, Person]]:
    """All of them, and what they try their hands at."""
    admin = installation.administrator
    home = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": HERE}}
    for body in (home, *STANDING):
        _ = admin.create(body).passed
    _ = admin.patch(FULL, {"status": {"revokedTokens": REVOKED}}, "/status").passed
    rights = Rights(admin)
    for name, roles in ROLES.items():
        for role in roles:
            rights.bind(user(name), role)
    rights.give(user("editor"), "grant", "users", "ada@example.org")
    rights.give(user("editor"), "use", "tokenissuers", "applications")
    rights.wait(user("granter"), verb="grant", group=GROUP, resource="scopes")
    rights.wait(user("deliverer"), verb="deliver", group=GROUP, resource="digests")
    rights.wait(user("approver"), verb="approve", group=GROUP, resource="useraccesstokens")
    # Whoever is not authenticated has no right by that, and no grant on runners.
    stranger = admin.named(user("stranger"), "system:unauthenticated")
    rights.bind(user("stranger"), "edit")
    rights.give(user("stranger"), "use", "tokenissuers", "default")
    accounts = {
        name: admin.named(f"system:serviceaccount:mintmaster-system:mintmaster-{name}")
        for name in ACCOUNTS
    }
    yield {name: admin.named(user(name)) for name in ROLES} | accounts | {"stranger": stranger}
    _ = admin.delete(home).passed


def user(name: str) -> str:
    return f"{name}-of-policies"


@dataclass(frozen=True)
class Attempt:
    """Somebody creates or changes something."""

    who: str
    body: Object
    change: Object | None = None
    part: str = ""

    def by(self, people: dict[str, Person]) -> Answer:
        """What the API server says to it."""
        person = people[self.who]
        if self.change is None:
            return person.create(self.body, dry_run=True)
        if self.part == APPLIED:
            head = {key: self.body[key] for key in ("apiVersion", "kind", "metadata")}
            path = f"{path_of(self.body)}/status?dryRun=All&force=true&fieldManager=policies"
            return person.send("PATCH", path, head | self.change, "application/apply-patch+yaml")
        return person.patch(self.body, self.change, self.part, dry_run=True)


STATUS, APPLIED = "/status", "/status, applied"


@dataclass(frozen=True)
class Cases:
    """What is tried with one policy."""

    passes: Attempt
    refuses: Attempt
    dearest: Attempt
    """The most that it has to look at; it passes all the same."""
    dear_but_refused: Attempt
    """As much, which shows that it was looked at."""
    kept: Attempt
    """A change to what was there before the policy, which passes."""
    added: Attempt | None = None
    """One that does not; None where the schema lets nobody make it."""


def scopes(*values: str) -> Object:
    return runner(HERE, scopes=list(values))


def person_token(**spec: Any) -> Object:
    return user_token(HERE, **spec)


def condition(generation: int) -> Object:
    said = {"type": "Approved", "status": "True", "reason": "Fine", "message": "Fine."}
    said |= {"lastTransitionTime": "2026-11-22T10:00:00Z"}
    return {"status": {"conditions": [said | {"observedGeneration": generation}]}}


def spec(**fields: Any) -> Object:
    return {"spec": fields}


def rolled(**more: Any) -> Object:
    annotations = {f"{GROUP}/token-revision": "1.2"}
    return spec(template={"metadata": {"annotations": annotations}}, **more)


def grant_of(build: Any, field: str, size: int, added: Object, older: Object) -> Cases:
    """The cases of a list of rights with 16 entries at most."""
    one: Object = {field: ["r"]}
    most: Object = {field: longest(16, size)}
    return Cases(
        passes=Attempt("granter", build(HERE, **one)),
        refuses=Attempt("editor", build(HERE, **one)),
        dearest=Attempt("granter", build(HERE, **most)),
        dear_but_refused=Attempt("editor", build(HERE, **most)),
        kept=Attempt("editor", older, spec(**{field: [], "description": "x"})),
        added=Attempt("editor", older, added),
    )


DIGESTED: Object = {"delivery": "Caller", "token": {"format": "Opaque", "valueDigest": DIGEST}}
ASKER = {"subject": "s" * 320, "uid": "u" * 128, "jti": "j" * 256}
LONG_NAME, FAR = "i" * 63, {"serviceAccounts": ["default"], "issuer": "i" * 63}
AUDIENCES = longest(8, 256, "https://r")
LONG_ADDRESS = "a" * 242 + "@example.org"
OTHER = workload("other", OLDER)

POLICIES = {
    "grant-scopes": grant_of(runner, "scopes", 128, spec(scopes=["api", "sudo"]), BUILDER),
    "grant-roles": grant_of(user_token, "roles", 63, spec(roles=["Editor", "Root"]), ADA),
    "grant-projects": grant_of(application, "projects", 63, spec(projects=["3", "*"]), ROBOT),
    "grant-audiences": Cases(
        passes=Attempt("granter", runner(HERE, token={"audiences": ["x"]})),
        refuses=Attempt("editor", runner(HERE, token={"audiences": ["x"]})),
        dearest=Attempt("granter", runner(HERE, token={"audiences": AUDIENCES})),
        dear_but_refused=Attempt("editor", runner(HERE, token={"audiences": AUDIENCES})),
        kept=Attempt("editor", BUILDER, spec(token={"audiences": []})),
        added=Attempt("editor", BUILDER, spec(token={"audiences": ["https://new"]})),
    ),
    "grant-users": Cases(
        passes=Attempt("editor", person_token()),
        refuses=Attempt("editor", person_token(user={"email": "bob@example.org"})),
        dearest=Attempt("granter", person_token(user={"email": LONG_ADDRESS})),
        dear_but_refused=Attempt("editor", person_token(user={"email": LONG_ADDRESS})),
        kept=Attempt("stranger", ADA, spec(description="x")),
        added=Attempt("stranger", ADA, spec(user={"username": "root"})),
    ),
    "grant-runners": Cases(
        passes=Attempt("editor", runner(HERE, type="Project", project="3")),
        refuses=Attempt("stranger", runner(HERE, type="Project", project="3")),
        dearest=Attempt("editor", runner(HERE, type="Group", group="g" * 63)),
        dear_but_refused=Attempt("stranger", runner(HERE, type="Group", group="g" * 63)),
        kept=Attempt("stranger", BUILDER, spec(description="x")),
    ),
    "grant-clientids": Cases(
        passes=Attempt("editor", application(HERE, clientId=f"{HERE}.robot")),
        refuses=Attempt("editor", application(HERE, clientId="robot")),
        dearest=Attempt("granter", application(HERE, clientId="c" * 128)),
        dear_but_refused=Attempt("editor", application(HERE, clientId="c" * 128)),
        kept=Attempt("editor", ROBOT, spec(description="x")),
    ),
    "use-issuers": Cases(
        passes=Attempt("editor", runner(HERE, issuerRef={"name": "applications"})),
        refuses=Attempt("editor", runner(HERE, issuerRef={"name": "other"})),
        dearest=Attempt("granter", runner(HERE, issuerRef={"name": LONG_NAME}, exchange=FAR)),
        dear_but_refused=Attempt("editor", runner(HERE, exchange=FAR)),
        kept=Attempt("editor", BUILDER, spec(exchange={"serviceAccounts": ["other"]})),
        added=Attempt("editor", BUILDER, spec(exchange={"issuer": "other"})),
    ),
    "deliver": Cases(
        passes=Attempt("deliverer", runner(HERE, **DIGESTED)),
        refuses=Attempt("granter", runner(HERE, **DIGESTED)),
        dearest=Attempt("deliverer", person_token(**DIGESTED, requestedBy=ASKER)),
        dear_but_refused=Attempt("granter", person_token(requestedBy=ASKER)),
        kept=Attempt("editor", ADA, spec(token={"valueDigest": None})),
        added=Attempt("editor", ADA, spec(token={"valueDigest": "B" * 43})),
    ),
    "status": Cases(
        passes=Attempt("approver", NEW, condition(1), APPLIED),
        refuses=Attempt("approver", NEW, {"status": {"state": "Active"}}, STATUS),
        dearest=Attempt("gate", FULL, {"status": {"revokedTokens": [*REVOKED[1:], LATER]}}, STATUS),
        dear_but_refused=Attempt("gate", FULL, {"status": {"revokedTokens": REVOKED[1:]}}, STATUS),
        kept=Attempt("gate", ROBOT, {"status": {"revokedTokens": [LATER]}}, STATUS),
        added=Attempt("gate", ROBOT, {"status": {"state": "Active"}}, STATUS),
    ),
    "gates": Cases(
        passes=Attempt("gate", NEW, spec(revoked=True)),
        refuses=Attempt("gate", NEW, spec(paused=True)),
        dearest=Attempt("gate", LARGE, spec(revoked=True)),
        dear_but_refused=Attempt("gate", LARGE, spec(revoked=True, paused=True)),
        kept=Attempt("gate", BUILDER, spec(revoked=True)),
        added=Attempt("gate", BUILDER, spec(scopes=[])),
    ),
    "operator-secrets": Cases(
        passes=Attempt("operator", secret("new", metadata={"labels": OURS})),
        refuses=Attempt("operator", secret("new")),
        dearest=Attempt("operator", LARGE_SECRET, {"data": {"key-0": "eA=="}}),
        dear_but_refused=Attempt(
            "operator", LARGE_SECRET, {"metadata": {"labels": {f"{GROUP}/kind": "Pod"}}}
        ),
        kept=Attempt("operator", secret("copied", OLDER), {"data": {"token": "bmV3"}}),
        added=Attempt("operator", secret("foreign", OLDER), {"metadata": {"labels": OURS}}),
    ),
    "operator-workloads": Cases(
        passes=Attempt("operator", CONSUMER, rolled()),
        refuses=Attempt("operator", CONSUMER, rolled(replicas=1)),
        dearest=Attempt("operator", LARGE_CONSUMER, rolled()),
        dear_but_refused=Attempt("operator", LARGE_CONSUMER, rolled(replicas=1)),
        kept=Attempt("operator", workload("consumer", OLDER), rolled()),
        added=Attempt("operator", OTHER, rolled()),
    ),
    "secret-labels": Cases(
        passes=Attempt("editor", PLAIN, {"metadata": {"labels": {"tier": "gold"}}}),
        refuses=Attempt("editor", PLAIN, {"metadata": {"labels": OURS}}),
        dearest=Attempt("editor", LARGE_SECRET, {"data": {"key-0": "eA=="}}),
        dear_but_refused=Attempt(
            "editor", LARGE_SECRET, {"metadata": {"labels": {f"{GROUP}/uid": None}}}
        ),
        kept=Attempt("editor", secret("copied", OLDER), {"data": {"token": "bmV3"}}),
        added=Attempt("editor", secret("copied", OLDER), {"metadata": {"labels": None}}),
    ),
}


@pytest.fixture(params=POLICIES)
def policy(request: pytest.FixtureRequest) -> str:
    """Each policy in turn."""
    return str(request.param)


def test_every_policy_that_is_shipped_stands_in_the_table() -> None:
    files = (ROOT / "manifests" / "base" / "admission").glob("*.yaml")
    bodies = [body for file in files for body in yaml.safe_load_all(file.read_text())]
    kind = "ValidatingAdmissionPolicy"
    shipped = {it["metadata"]["name"] for it in bodies if it["kind"] == kind}
    assert shipped == {f"{name}.{GROUP}" for name in POLICIES}
    bound = [it["spec"] for it in bodies if it["kind"] == f"{kind}Binding"]
    assert {it["policyName"] for it in bound} == shipped
    assert all(it["validationActions"] == ["Deny"] for it in bound)


def test_it_lets_through_what_it_should(people: dict[str, Person], policy: str) -> None:
    _ = POLICIES[policy].passes.by(people).passed


def test_it_refuses_what_it_should(people: dict[str, Person], policy: str) -> None:
    assert POLICIES[policy].refuses.by(people).is_refused(policy)


def test_it_can_afford_the_most_that_it_has_to_look_at(
    people: dict[str, Person], policy: str
) -> None:
    """An expression that costs more than the API server pays for would refuse the first, and say so of the second."""
    cases = POLICIES[policy]
    _ = cases.dearest.by(people).passed
    refused = cases.dear_but_refused.by(people)
    assert refused.is_refused(policy)
    assert "cost" not in refused.message


def test_what_was_there_before_it_is_kept_and_not_widened(
    people: dict[str, Person], policy: str
) -> None:
    cases = POLICIES[policy]
    _ = cases.kept.by(people).passed
    if cases.added is not None:
        assert cases.added.by(people).is_refused(policy)
