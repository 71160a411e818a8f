"""What may be changed on a stored resource, what may not, and that no detour leads around it."""

import pytest

from api.api_server import ApiServer
from api.resources import Manifest, having, issuer, manifest, runner, user_token
from mintmaster.api.crd import to_yaml
from mintmaster.api.kinds import (
    CLIENT_APPLICATION,
    RUNNER_REGISTRATION,
    USER_ACCESS_TOKEN,
    Resource,
    ResourceKind,
)

TOKEN_KINDS = [
    pytest.param(kind, id=kind.kind)
    for kind in (RUNNER_REGISTRATION, USER_ACCESS_TOKEN, CLIENT_APPLICATION)
]


def stored(api: ApiServer, resource: Manifest) -> Manifest:
    answer = api.create(resource)
    assert answer.status == 201, answer.body
    return resource


def assert_refused(api: ApiServer, resource: Manifest, spec: Manifest, *fragments: str) -> None:
    answer = api.patch(resource, {"spec": spec})
    assert answer.status == 422, answer.body
    for fragment in fragments:
        assert fragment in answer.message


def assert_accepted(api: ApiServer, resource: Manifest, spec: Manifest) -> None:
    answer = api.patch(resource, {"spec": spec})
    assert answer.status == 200, answer.body


@pytest.mark.parametrize("kind", TOKEN_KINDS)
def test_a_revocation_cannot_be_taken_back(api: ApiServer, kind: ResourceKind[Resource]) -> None:
    resource = stored(api, manifest(kind, "a"))

    assert_accepted(api, resource, {"revoked": True})

    for detour in (False, None):
        assert_refused(
            api, resource, {"revoked": detour}, "spec.revoked", "revoked cannot be taken back"
        )


def test_a_revocation_cannot_be_removed_by_replacing_the_resource(api: ApiServer) -> None:
    resource = stored(api, user_token(having("revoked", True)))
    version = api.patch(resource, {}).body["metadata"]["resourceVersion"]
    without = user_token()
    without["metadata"]["resourceVersion"] = version

    answer = api.replace(without)

    assert answer.status == 422
    assert "revoked cannot be taken back" in answer.message


@pytest.mark.parametrize("kind", TOKEN_KINDS)
def test_the_name_of_the_secret_cannot_be_changed(
    api: ApiServer, kind: ResourceKind[Resource]
) -> None:
    resource = stored(api, manifest(kind, "a", having("secret.name", "mine")))

    for detour in ({"secret": {"name": "other"}}, {"secret": {"name": None}}, {"secret": None}):
        assert_refused(api, resource, detour, "spec.secret.name", "cannot be changed")


def test_the_derived_name_of_the_secret_cannot_be_changed(api: ApiServer) -> None:
    resource = stored(api, user_token(name="a"))

    assert_refused(api, resource, {"secret": {"name": "other"}}, "spec.secret.name")


def test_the_derived_name_of_the_secret_may_be_spelled_out(api: ApiServer) -> None:
    resource = stored(api, user_token(name="a"))

    assert_accepted(api, resource, {"secret": {"name": "a-token"}})
    assert_accepted(api, resource, {"secret": None})


@pytest.mark.parametrize("kind", TOKEN_KINDS)
def test_the_issuer_cannot_be_changed(api: ApiServer, kind: ResourceKind[Resource]) -> None:
    resource = stored(api, manifest(kind, "a", having("issuerRef.name", "team")))

    for detour in ({"name": "other"}, {"name": None}, None):
        assert_refused(
            api, resource, {"issuerRef": detour}, "spec.issuerRef.name", "cannot be changed"
        )


@pytest.mark.parametrize("kind", TOKEN_KINDS)
def test_the_delivery_cannot_be_changed(api: ApiServer, kind: ResourceKind[Resource]) -> None:
    opaque = () if kind is CLIENT_APPLICATION else (having("token.format", "Opaque"),)
    resource = stored(api, manifest(kind, "a", having("delivery", "Caller"), *opaque))

    for detour in ("Secret", None):
        assert_refused(
            api, resource, {"delivery": detour}, "spec.delivery", "delivery cannot be changed"
        )


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"user": {"email": "eve@example.org"}}, id="another address"),
        pytest.param({"user": {"email": "ada@example.com"}}, id="another domain"),
    ],
)
def test_the_user_cannot_be_changed(api: ApiServer, change: Manifest) -> None:
    resource = stored(api, user_token())

    assert_refused(api, resource, change, "spec.user.email", "user.email cannot be changed")


def test_the_user_cannot_be_removed(api: ApiServer) -> None:
    resource = stored(api, user_token())

    assert_refused(api, resource, {"user": None}, "spec.user: Required value")
    assert_refused(api, resource, {"user": {"email": None}}, "spec.user.email: Required value")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        pytest.param({"project": "4"}, "project", id="another project"),
        pytest.param({"type": "Instance", "project": None}, "type", id="another type"),
        pytest.param({"type": "Group", "project": None, "group": "7"}, "group", id="now a group"),
    ],
)
def test_the_subject_of_a_runner_cannot_be_changed(
    api: ApiServer, change: Manifest, field: str
) -> None:
    resource = stored(api, runner(having("type", "Project"), having("project", "3")))

    assert_refused(api, resource, change, f"spec.{field}", f"{field} cannot be changed")


def test_the_group_of_a_runner_cannot_be_changed(api: ApiServer) -> None:
    resource = stored(api, runner(having("type", "Group"), having("group", "7")))

    assert_refused(api, resource, {"group": "8"}, "spec.group", "group cannot be changed")


def test_rights_schedule_and_secret_may_be_changed(api: ApiServer) -> None:
    resource = stored(api, user_token())

    assert_accepted(
        api,
        resource,
        {
            "scopes": ["read_api"],
            "roles": ["Editor"],
            "user": {"fullName": "Ada Lovelace"},
            "token": {"format": "Opaque", "prefix": "x-", "lifetime": "24h"},
            "secret": {"tokenKey": "TOKEN", "deletionPolicy": "Orphan"},
            "suspend": True,
        },
    )


@pytest.mark.parametrize(
    ("field", "value"), [("url", "https://other.example.org"), ("signer", "Gate")]
)
def test_url_and_signer_of_an_issuer_cannot_be_changed(
    api: ApiServer, field: str, value: str
) -> None:
    hours = having("limits", {"defaultLifetime": "1h", "maxLifetime": "2h"})
    resource = stored(api, issuer(hours, name=api.namespace))
    try:
        assert_refused(api, resource, {field: value}, f"spec.{field}", f"{field} cannot be changed")
        assert_refused(api, resource, {field: None}, f"spec.{field}: Required value")
    finally:
        api.delete("TokenIssuer", api.namespace)


def test_status_takes_words_that_this_version_does_not_know(api: ApiServer) -> None:
    resource = stored(api, user_token())
    condition = {
        "type": "Ready",
        "status": "False",
        "reason": "SomethingNew",
        "message": "",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
        "observedGeneration": 1,
    }

    answer = api.patch(
        resource, {"status": {"state": "Novel", "conditions": [condition]}}, "/status"
    )

    assert answer.status == 200, answer.body
    assert answer.body["status"]["observedGeneration"] == -1


def test_status_of_null_falls_back_to_what_nobody_has_seen(api: ApiServer) -> None:
    resource = stored(api, user_token())
    api.patch(resource, {"status": {"observedGeneration": 1, "state": "Active"}}, "/status")

    answer = api.patch(resource, {"status": None}, "/status")

    assert answer.body["status"] == {"observedGeneration": -1}


def test_status_in_a_manifest_is_ignored(api: ApiServer) -> None:
    answer = api.create({**user_token(), "status": {"state": "Active", "observedGeneration": 1}})

    assert answer.body["status"] == {"observedGeneration": -1}


def test_status_holds_no_ninth_token(api: ApiServer) -> None:
    resource = stored(api, user_token())
    record = {
        "id": "uid.1.x",
        "revision": 1,
        "digest": "d" * 43,
        "issuedAt": "2026-01-01T00:00:00Z",
        "rights": {"subject": "user:ada@example.org"},
    }

    answer = api.patch(resource, {"status": {"tokens": [record] * 9}}, "/status")

    assert answer.status == 422
    assert "status.tokens: Too many: 9: must have at most 8 items" in answer.message


def test_an_entry_removed_from_a_list_is_gone(api: ApiServer) -> None:
    resource = stored(api, user_token(having("scopes", ["api", "sudo"])))

    applied = api.kubectl(
        "apply",
        "--server-side",
        "--force-conflicts",
        "-f",
        "-",
        text=to_yaml(user_token(having("scopes", ["api"]))),
    )

    assert applied.returncode == 0, applied.stderr
    assert api.patch(resource, {}).body["spec"]["scopes"] == ["api"]
