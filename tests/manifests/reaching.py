"""How a tenant may reach beyond their namespace.

By the spec, the status, labels, owners, the template or the name of a resource, or by being quick.
What is here is accepted by the API server, unless a policy is named, and the operator does what it does about it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from manifests.attacking import await_state, labels_of, secret
from manifests.patience import until
from manifests.people import Object, Person, application, path_of, runner, user_token
from manifests.teams import Team
from mintmaster.api.names import API_VERSION, GROUP

WORDS = ("spec", "status", "labels", "owner references", "templates", "names")
ROUNDS = 25
"""How often somebody tries their luck in a race."""

Attempt = Callable[[str, Object], Object]
"""Makes a resource for the tenant's own namespace; the victim's resource is shown to it."""


def with_its_account(here: str, victim: Object) -> Object:
    account = {"serviceAccounts": ["default"], "issuer": "default"}
    return runner(here, "exchange", exchange=account)


def with_its_status(here: str, victim: Object) -> Object:
    """A status in a manifest is ignored."""
    return runner(here, "status") | {"status": victim["status"]}


def labelled_as_its_resource(here: str, victim: Object) -> Object:
    body = runner(here, "labelled")
    body["metadata"]["labels"] = labels_of(victim)
    body["metadata"]["annotations"] = {f"{GROUP}/adopt-by": victim["metadata"]["name"]}
    return body


def owned(here: str, owner: Object) -> Object:
    """A runner that says it belongs to another resource."""
    body = runner(here, "owned")
    whose = {key: owner["metadata"][key] for key in ("name", "uid")}
    reference = {"apiVersion": API_VERSION, "kind": owner["kind"], **whose}
    body["metadata"]["ownerReferences"] = [reference | {"controller": True}]
    return body


def with_a_path_in_its_template(here: str, victim: Object) -> Object:
    there = victim["metadata"]["namespace"]
    path = f"/api/v1/namespaces/{there}/secrets/password"
    return runner(here, "template", secret={"template": {"data": {"config": path}}})


def named_like_it(here: str, victim: Object) -> Object:
    return runner(here, "password", secret={"name": "password"})


def in_its_place(here: str, victim: Object) -> Object:
    return runner(here, secret={"name": "builder-token", "adoptionPolicy": "IfUnowned"})


TO_SECRETS: dict[str, tuple[Attempt, ...]] = {
    "spec": (with_its_account,),
    "status": (with_its_status,),
    "labels": (labelled_as_its_resource,),
    "owner references": (owned,),
    "templates": (with_a_path_in_its_template,),
    "names": (named_like_it, in_its_place),
}
"""By what, to a Secret of the victim's."""

ATTEMPTS = [attempt for attempts in TO_SECRETS.values() for attempt in attempts]


@dataclass(frozen=True)
class Wish:
    """A resource by which somebody wants a right that they were not granted."""

    body: Attempt
    """For the tenant's namespace; the admin token's resource is shown to it, which may do everything."""
    policies: tuple[str, ...] = ()
    """One of these refuses it; where none is named, it has to come to nothing."""


def relabelled(here: str, admin_token: Object) -> Object:
    body = runner(here, "relabelled")
    allowed = {f"{GROUP}/user-tokens": "allowed"}
    body["metadata"]["labels"] = labels_of(admin_token) | allowed
    body["metadata"]["annotations"] = {f"{GROUP}/approved-by": "admin"}
    return body


def with_the_admins_status(here: str, admin_token: Object) -> Object:
    return runner(here, "admins-status") | {"status": admin_token["status"]}


def with_rights_in_its_template(here: str, admin_token: Object) -> Object:
    data = {"scope": "sudo", "claims": '{"scope": "sudo", "roles": ["Administrator"]}'}
    annotations = {"example.org/scopes": "sudo"}
    template = {"data": data, "annotations": annotations}
    return runner(here, "rights-template", secret={"template": template})


def named_like_the_admin_token(here: str, admin_token: Object) -> Object:
    name = admin_token["metadata"]["name"]
    return runner(here, name, secret={"name": admin_token["spec"]["secret"]["name"]})


def _with(**spec: Any) -> Attempt:
    return lambda here, _: runner(here, "wide", **spec)


def _administrator(here: str, admin_token: Object) -> Object:
    return user_token(here, **admin_token["spec"] | {"secret": {}})


def _client_id(here: str, admin_token: Object) -> Object:
    return application(here, clientId="mintmaster-system.admin")


_ELSEWHERE = {"serviceAccounts": ["default"], "issuer": "applications"}
_OF_SOMEBODY = {"format": "Opaque", "valueDigest": "A" * 43}

TO_RIGHTS: dict[str, tuple[Wish, ...]] = {
    "spec": (
        Wish(_with(scopes=["sudo"]), ("grant-scopes",)),
        Wish(_with(token={"audiences": ["x"]}), ("grant-audiences",)),
        Wish(_with(issuerRef={"name": "applications"}), ("use-issuers",)),
        Wish(_with(exchange=_ELSEWHERE), ("use-issuers",)),
        Wish(_with(delivery="Caller", token=_OF_SOMEBODY), ("deliver",)),
        Wish(_with(requestedBy={"subject": "user:root@example.org"}), ("deliver",)),
        Wish(lambda here, _: user_token(here), ("grant-users",)),
        Wish(_administrator, ("grant-users", "grant-roles", "grant-projects")),
        Wish(_client_id, ("grant-clientids", "use-issuers")),
    ),
    "status": (Wish(with_the_admins_status),),
    "labels": (Wish(relabelled),),
    "owner references": (Wish(owned),),
    "templates": (Wish(with_rights_in_its_template),),
    "names": (Wish(named_like_the_admin_token),),
}
"""By what, to a scope, role, audience or subject."""

ADMIN_TOKEN = user_token("mintmaster-system", "mintmaster-admin")


def is_settled_or_gone(admin: Person, body: Object) -> bool:
    """Whether the operator has acted on it; what has an owner that is not there is collected."""
    answer = admin.send("GET", path_of(body))
    if answer.status == 404:
        return True
    return bool(answer.passed["status"]["observedGeneration"] >= 1)


def operator_has_seen_everything(admin: Person, namespace: str) -> None:
    """What comes last is served last, as far as one namespace goes."""
    last = admin.create(runner(namespace, "last")).passed
    await_state(admin, last, "Active")
    _ = admin.delete(last)


def race_for_secrets(team: Team, victim: Object) -> None:
    """Resources come, change owners and Secrets, and go, faster than the operator looks at them."""
    here, member = team.namespace, team.member
    for number in range(ROUNDS):
        body = ATTEMPTS[number % len(ATTEMPTS)](here, victim)
        _ = member.create(secret(here, "builder-token"))
        if number % 2:
            _ = member.create(body)
        _ = member.patch(body, {"metadata": {"labels": labels_of(victim)}})
        _ = member.delete(secret(here, "builder-token"))
        _ = member.delete(body)


def assert_wish_is_in_vain(team: Team, wish: Wish, admin_token: Object) -> None:
    """It is refused, or gives a token for a runner of that namespace, and nothing beyond that."""
    body = wish.body(team.namespace, admin_token)
    answer = team.member.create(body)
    if wish.policies:
        assert answer.status == 403
        assert any(f"ValidatingAdmissionPolicy '{it}" in answer.message for it in wish.policies)
        return
    _ = answer.passed
    until(lambda: is_settled_or_gone(team.admin, body), "the operator has done what it does")
    standing = team.admin.send("GET", path_of(body))
    if standing.status != 404:
        assert_plain(standing.passed)
        _ = team.member.delete(body)


def assert_plain(body: Object) -> None:
    """What it was given, it was given as a runner of its namespace."""
    name, namespace = (body["metadata"][key] for key in ("name", "namespace"))
    for record in body["status"].get("tokens", []):
        rights = record["rights"]
        assert rights["subject"] == f"runner:{namespace}:{name}"
        assert rights["audiences"] == ["mintmaster"]
        assert [rights.get(key, []) for key in ("scopes", "roles", "projects")] == [[], [], []]
