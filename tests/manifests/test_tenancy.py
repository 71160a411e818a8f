"""Somebody who may do everything in one namespace reaches no Secret of another, and no right that was not granted."""

import pytest

from manifests.attacking import await_state, labels_of
from manifests.installation import Installation
from manifests.people import Object, Person, collection, runner
from manifests.reaching import ADMIN_TOKEN, TO_RIGHTS, TO_SECRETS, WORDS, assert_wish_is_in_vain
from manifests.teams import Team
from mintmaster.api.names import API_VERSION, GROUP

SECRET = {"apiVersion": "v1", "kind": "Secret"}


@pytest.fixture
def owner(operating: Installation, team: Team) -> Team:
    """A team whose member may do everything in their namespace, while the operator runs."""
    team.own_everything_here()
    return team


def secrets_of(admin: Person, namespace: str) -> dict[str, str]:
    """The Secrets of a namespace with their versions."""
    found = admin.send("GET", collection("Secret", "v1", namespace)).passed["items"]
    return {it["metadata"]["name"]: it["metadata"]["resourceVersion"] for it in found}


def labelled(namespace: str, victim: Object, name: str) -> Object:
    """A Secret that claims to belong to the victim's resource."""
    metadata = {"name": name, "namespace": namespace, "labels": labels_of(victim)}
    return SECRET | {"metadata": metadata}


def test_what_is_refused_at_once(owner: Team, victim: Object) -> None:
    here, there = owner.namespace, victim["metadata"]["namespace"]
    create = owner.member.create
    for stranger in (runner(there), labelled(there, victim, "x")):
        assert create(stranger).status == 403
    assert create(labelled(here, victim, "builder-token")).is_refused("secret-labels")
    for name in (f"../{there}/password", f"{there}/password", "Password", ""):
        assert create(runner(here, secret={"name": name})).status == 422, name
    elsewhere = {"kind": "Deployment", "name": f"{there}/consumer"}
    assert create(runner(here, restart=[elsewhere])).status == 422
    reserved = {"template": {"labels": {f"{GROUP}/uid": victim["metadata"]["uid"]}}}
    assert create(runner(here, secret=reserved)).status == 422
    token_of_account = {"annotations": {"kubernetes.io/service-account.name": "default"}}
    assert create(runner(here, secret={"template": token_of_account})).status == 422


def test_what_is_accepted_does_no_harm(owner: Team, victim: Object) -> None:
    here, there = owner.namespace, victim["metadata"]["namespace"]
    before = secrets_of(owner.admin, there)
    assert set(before) == {"password", "builder-token"}
    attempts = [
        runner(here, "same-name", secret={"name": "password"}),
        runner(
            here, "same-secret", secret={"name": "builder-token", "adoptionPolicy": "IfUnowned"}
        ),
        runner(here, "owned"),
    ]
    whose = {key: victim["metadata"][key] for key in ("name", "uid")}
    owned = {"apiVersion": API_VERSION, "kind": "RunnerRegistration", **whose}
    attempts[-1]["metadata"]["ownerReferences"] = [owned]
    for attempt in attempts[:2]:
        await_state(owner.admin, owner.member.create(attempt).passed, "Active")
    _ = owner.member.create(attempts[-1]).passed
    assert secrets_of(owner.admin, there) == before
    assert set(secrets_of(owner.admin, here)) >= {"password", "builder-token"}
    subject = owner.admin.read(attempts[0])["status"]["tokens"][0]["rights"]["subject"]
    assert subject == f"runner:{here}:same-name"


def test_a_secret_of_somebody_else_in_the_same_namespace_is_left_alone(
    owner: Team, operating: Installation
) -> None:
    here = owner.namespace
    foreign = SECRET | {"metadata": {"name": "password", "namespace": here}, "data": {"x": "eA=="}}
    _ = owner.admin.create(foreign).passed
    before = secrets_of(owner.admin, here)
    body = owner.member.create(runner(here, secret={"name": "password"})).passed
    await_state(owner.admin, body, "Failed", "Pending")
    ready = owner.admin.read(body)["status"]["conditions"]
    assert "SecretConflict" in {it["reason"] for it in ready}
    assert secrets_of(owner.admin, here) == before


def test_every_way_is_tried() -> None:
    """Races are below, and in the tests of attacks."""
    assert tuple(TO_SECRETS) == tuple(TO_RIGHTS) == WORDS


@pytest.mark.parametrize("word", TO_RIGHTS)
def test_no_right_is_had_without_its_grant(owner: Team, word: str) -> None:
    admin_token = owner.admin.read(ADMIN_TOKEN)
    for wish in TO_RIGHTS[word]:
        assert_wish_is_in_vain(owner, wish, admin_token)


def test_no_right_is_had_by_an_edit(owner: Team) -> None:
    body = owner.member.create(runner(owner.namespace)).passed
    patch = owner.member.patch
    for answer, policy in (
        (patch(body, {"spec": {"scopes": ["sudo"]}}), "grant-scopes"),
        (patch(body, {"status": {"tokens": []}}, "/status"), "status"),
        (patch(body, {"status": {"uid": "x"}}, "/status"), "status"),
    ):
        assert answer.is_refused(policy)
