"""Installed for listed namespaces, and hardened: processes with just those rights, and what the API server recorded."""

import json
from collections.abc import Iterator
from itertools import chain
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest

from manifests.attacking import await_reason, await_state, secret, token_of
from manifests.confinement import (
    OUTSIDE,
    SERVED,
    TEAMS,
    Confined,
    Mode,
    confined,
    role_bindings,
)
from manifests.installation import SYSTEM, Installation
from manifests.patience import until
from manifests.people import Object, Person, path_of, runner, user_token
from manifests.reaching import (
    ADMIN_TOKEN,
    ATTEMPTS,
    TO_RIGHTS,
    assert_wish_is_in_vain,
    is_settled_or_gone,
    operator_has_seen_everything,
    race_for_secrets,
)
from manifests.teams import team_in
from manifests.test_accounts import GOLDEN, rules
from mintmaster.kube.shard_leases import ANNOTATION_SHARDS
from mintmaster.lifecycle.shard import Shard

MODES: tuple[Mode, ...] = ("listed", "hardened")
FIRST, SECOND = TEAMS


@pytest.fixture(scope="module")
def confinement(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Confined]:
    """A cluster on which Mintmaster serves two teams."""
    with confined(tmp_path_factory.mktemp("confined")) as made:
        yield made


@pytest.fixture
def admin(confinement: Confined) -> Person:
    return confinement.installation.administrator


@pytest.fixture(params=MODES)
def either(confinement: Confined, request: pytest.FixtureRequest) -> Confined:
    """The installation, once for listed namespaces and once hardened."""
    confinement.put_into(request.param)
    return confinement


@pytest.fixture
def listed(confinement: Confined) -> Confined:
    confinement.put_into("listed")
    return confinement


@pytest.fixture
def hardened(confinement: Confined) -> Confined:
    confinement.put_into("hardened")
    return confinement


def made(admin: Person, body: Object) -> Object:
    """Create a resource anew, whatever another test left."""
    _ = admin.delete(body)
    until(lambda: admin.send("GET", path_of(body)).status == 404, "the former one is gone")
    _ = admin.create(body).passed
    return body


# Rights -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("namespace", [SYSTEM, "mintmaster-api", FIRST, "default", OUTSIDE])
@pytest.mark.parametrize("process", ["operator", "gate"])
def test_an_account_may_do_what_its_process_needs_and_no_more(
    either: Confined, process: str, namespace: str
) -> None:
    account = either.installation.service_account(SYSTEM, f"mintmaster-{process}")
    allowed = account.kubectl("auth", "can-i", "--list", "-n", namespace)
    golden = GOLDEN / either.mode / f"{process}-in-{namespace}.txt"
    assert rules(allowed) == golden.read_text().splitlines()


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"/api/v1/namespaces/{OUTSIDE}/secrets/left", {"listed": 403, "hardened": 403}),
        (f"/api/v1/namespaces/{OUTSIDE}/secrets", {"listed": 403, "hardened": 403}),
        ("/api/v1/secrets", {"listed": 403, "hardened": 403}),
        (f"/api/v1/namespaces/{FIRST}/secrets", {"listed": 200, "hardened": 403}),
        (f"/api/v1/namespaces/{SYSTEM}/secrets", {"listed": 200, "hardened": 403}),
        (f"/api/v1/namespaces/{FIRST}/secrets/none", {"listed": 404, "hardened": 404}),
    ],
)
def test_67_a_stolen_account_reads_secrets_where_the_mode_says_so(
    either: Confined, admin: Person, path: str, status: dict[str, int]
) -> None:
    operator = admin.named(f"system:serviceaccount:{SYSTEM}:mintmaster-operator")
    assert operator.send("GET", path).status == status[either.mode]


# What is served, and what is not looked at ---------------------------------------------------------


def test_what_is_listed_is_served_and_nothing_else_is_read(either: Confined, admin: Person) -> None:
    installation = either.installation
    body = runner(FIRST)
    before = {process: len(either.asked_by(process)) for process in ("operator", "gate")}
    with installation.operator_running():
        await_state(admin, made(admin, body), "Active")
        await_state(admin, made(admin, runner(SECOND)), "Active")
        with installation.gate_running() as gate:
            assert gate.address
            until(lambda: is_ready(gate.address), "the gate is ready")
    outside = installation.admin.read("runnerregistrations", "-n", OUTSIDE)["items"]
    assert [it["status"].get("state") for it in outside] == [None]
    for process in ("operator", "gate"):
        asked = either.asked_by(process)[before[process] :]
        assert {it.namespace for it in asked} - {*SERVED, "default", ""} == set()
        of_all = {(it.verb, it.resource) for it in asked if not it.namespace}
        assert of_all <= WHOLE_CLUSTER[process], process
        elsewhere = {(it.verb, it.resource) for it in asked if it.namespace == "default"}
        assert elsewhere <= {("create", "events")}


def is_ready(gate: str) -> bool:
    try:
        with urlopen(f"{gate}/readyz", timeout=30) as answer:
            return bool(answer.status == 200)
    except HTTPError:
        return False


WHOLE_CLUSTER = {
    "operator": {
        ("list", "tokenissuers"),
        ("watch", "tokenissuers"),
        ("get", "tokenissuers"),
        ("patch", "tokenissuers"),
    },
    "gate": {
        ("list", "tokenissuers"),
        ("watch", "tokenissuers"),
        ("create", "tokenreviews"),
        ("create", "subjectaccessreviews"),
    },
}
"""What processes ask about what is in no namespace."""


def test_grants_select_listed_namespaces_by_their_labels(listed: Confined, admin: Person) -> None:
    label = {"metadata": {"labels": {"mintmaster.dev/user-tokens": "allowed"}}}
    _ = admin.patch(namespace(SECOND), label).passed
    with listed.installation.operator_running():
        await_state(admin, made(admin, user_token(SECOND, projects=["3"])), "Active")
        await_reason(admin, made(admin, user_token(FIRST, projects=["3"])), "NotGranted")


def namespace(name: str) -> Object:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def test_a_namespace_whose_roles_are_gone_stops_nobody_else(
    listed: Confined, admin: Person
) -> None:
    (binding,) = role_bindings(SECOND)
    _ = admin.delete(binding).passed
    try:
        with listed.installation.operator_running(lacking=f'in the namespace "{SECOND}"'):
            await_state(admin, made(admin, runner(FIRST, "first")), "Active")
            waiting = made(admin, runner(SECOND, "second"))
            _ = admin.create(binding).passed
            await_state(admin, waiting, "Active")
    finally:
        _ = admin.create(binding)


# Tenants of one namespace that is listed, and another ----------------------------------------------


def test_69_no_tenant_reaches_a_secret_of_another_namespace_or_a_right(
    either: Confined, admin: Person
) -> None:
    team = team_in(admin, FIRST)
    _ = admin.create(secret(SECOND, "password"))
    with either.installation.operator_running():
        await_state(admin, made(admin, runner(SECOND)), "Active")
        victim = admin.read(runner(SECOND))
        versions = [version_of(admin, SECOND, it) for it in ("password", "builder-token")]
        before = len(either.asked_by("operator"))
        for attempt in ATTEMPTS:
            body = attempt(FIRST, victim)
            _ = team.member.delete(body)
            _ = team.member.create(body).passed
            until(lambda body=body: is_settled_or_gone(admin, body), "the operator has acted")  # type: ignore[misc]
            _ = team.member.delete(body)
        race_for_secrets(team, victim)
        for wish in chain.from_iterable(TO_RIGHTS.values()):
            assert_wish_is_in_vain(team, wish, admin.read(ADMIN_TOKEN))
        operator_has_seen_everything(admin, FIRST)
    about = [it for it in either.asked_by("operator")[before:] if it.resource == "secrets"]
    assert {it.namespace for it in about} <= {*SERVED}
    there = [it for it in about if it.namespace == SECOND]
    # Its own turn: a watch that goes on, and one Secret after the other that is its own, by name.
    assert {it.verb for it in there} <= {"list", "watch", "get"}
    assert {it.name for it in there if it.verb == "get"} <= secrets_of_resources(admin, SECOND)
    assert [version_of(admin, SECOND, it) for it in ("password", "builder-token")] == versions


def secrets_of_resources(admin: Person, namespace: str) -> set[str]:
    """The names of the Secrets that the operator made in a namespace."""
    ours = "labelSelector=app.kubernetes.io/managed-by=mintmaster"
    found = admin.send("GET", f"/api/v1/namespaces/{namespace}/secrets?{ours}").passed["items"]
    return {it["metadata"]["name"] for it in found}


def version_of(admin: Person, namespace: str, name: str) -> str:
    return str(admin.read(secret(namespace, name))["metadata"]["resourceVersion"])


# Shards ------------------------------------------------------------------------------------------


@pytest.fixture
def sharded(listed: Confined) -> Iterator[Confined]:
    """With the rights of shards, and as if it had run as three of them before.

    A change of their number takes as long as a Lease lasts, for leaders of before; here there are none.
    """
    admin = listed.installation.admin
    admin.kubectl("apply", "--server-side", "-f", "manifests/components/shards/rbac.yaml")
    say_count(listed.installation, "3")
    yield listed
    say_count(listed.installation, "1")


def say_count(installation: Installation, count: str) -> None:
    lease = {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {
            "name": "mintmaster-operator",
            "namespace": SYSTEM,
            "annotations": {ANNOTATION_SHARDS: count},
        },
    }
    apply = ("apply", "--server-side", "--force-conflicts", "-f", "-")
    installation.admin.kubectl(*apply, text=json.dumps(lease))


def test_each_shard_serves_its_share_of_what_is_listed(sharded: Confined, admin: Person) -> None:
    installation = sharded.installation
    assert Shard(1, 3).owns(FIRST)
    assert Shard(3, 3).owns(SECOND)
    with installation.operator_running("--shard=1/3"):
        await_state(admin, made(admin, runner(FIRST, "shared")), "Active")
        waiting = made(admin, runner(SECOND, "shared"))
        before = len(sharded.asked_by("operator"))
        operator_has_seen_everything(admin, FIRST)
        assert admin.read(waiting)["status"].get("state") is None
        with installation.operator_running("--shard=3/3"):
            await_state(admin, waiting, "Active")
            _ = admin.delete(secret(SECOND, "shared-token")).passed
            until(lambda: admin.read(waiting)["status"]["revision"] == 2, "the next is issued")
            _ = admin.patch(runner(FIRST, "shared"), {"spec": {"revoked": True}}).passed
            await_state(admin, runner(FIRST, "shared"), "Revoked")
    asked = sharded.asked_by("operator")[before:]
    assert {it.namespace for it in asked} - {*SERVED, "default", ""} == set()
    assert admin.read(runner(SECOND, "shared"))["status"]["state"] == "Active"


# Secrets that nobody watches ----------------------------------------------------------------------

SHORT = "--secrets-interval=10s"
"""As an administrator may set it, who has few Secrets; the rest of the settings are those of the Deployment."""


def test_a_secret_is_put_right_without_a_list_or_a_watch(hardened: Confined, admin: Person) -> None:
    before = len(hardened.asked_by("operator"))
    with hardened.installation.operator_running(SHORT):
        body = made(admin, runner(FIRST, "healed"))
        await_state(admin, body, "Active")
        first = token_of(admin, body)
        delivered = secret(FIRST, "healed-token")
        _ = admin.patch(delivered, {"data": {"extra": "eA=="}}).passed
        until(lambda: set(admin.read(delivered)["data"]) == {"token"}, "the edit is undone")
        assert token_of(admin, body) == first
        _ = admin.delete(delivered).passed
        until(lambda: admin.read(body)["status"]["revision"] == 2, "the next token is issued")
        assert token_of(admin, body) != first
    about = [it for it in hardened.asked_by("operator")[before:] if it.resource == "secrets"]
    assert {it.verb for it in about} == {"get", "create", "patch"}


# Gates --------------------------------------------------------------------------------------------


def test_a_gate_answers_for_the_namespaces_that_are_listed(listed: Confined, admin: Person) -> None:
    installation = listed.installation
    body = made(admin, runner(FIRST, "asked"))
    caller = installation.service_account(SYSTEM, "default")
    path = "jsonpath={.users[0].user.token}"
    credential = caller.kubectl("config", "view", "--raw", "-o", path)
    installation.admin.kubectl(
        *("create", "clusterrolebinding", "asker", "--clusterrole=mintmaster-introspector"),
        f"--serviceaccount={SYSTEM}:default",
    )
    with installation.operator_running(), installation.gate_running() as gate:
        await_state(admin, body, "Active")
        until(lambda: is_ready(gate.address), "the gate is ready")
        token = token_of(admin, body)

        def is_active() -> bool:
            headers = {"Authorization": f"Bearer {credential}"}
            form = urlencode({"token": token}).encode()
            request = Request(f"{gate.address}/oauth2/introspect", form, headers)
            with urlopen(request, timeout=30) as answer:
                return bool(json.loads(answer.read())["active"])

        until(is_active, "the token is active")
        holder = {"Authorization": f"Bearer {token}"}
        form = urlencode({"token": token}).encode()
        with urlopen(Request(f"{gate.address}/oauth2/revoke", form, holder), timeout=30):
            pass
        await_state(admin, body, "Revoked")
        assert not is_active()
