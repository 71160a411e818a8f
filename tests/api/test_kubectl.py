"""What people see who install the CRDs and work with the resources by kubectl."""

import pytest

from api.api_server import CRDS, ApiServer
from api.resources import application, having, issuer, runner, user_token
from mintmaster.api.crd import to_yaml
from mintmaster.api.kinds import ALL_KINDS, Resource, ResourceKind

EVERY_KIND = [pytest.param(kind, id=kind.kind) for kind in ALL_KINDS]

STATUS = {
    "status": {
        "id": 42,
        "state": "Active",
        "observedGeneration": 1,
        "secretRef": {"name": "laptop-token"},
        "expiresAt": "2126-01-01T00:00:00Z",
        "conditions": [
            {
                "type": "Ready",
                "status": "True",
                "reason": "Issued",
                "message": "The token is in its Secret.",
                "lastTransitionTime": "2026-01-01T00:00:00Z",
                "observedGeneration": 1,
            }
        ],
    }
}


def table(text: str) -> tuple[list[str], list[str]]:
    """Return the headings and the cells of the first row."""
    head, row, *_ = text.splitlines()
    return head.split(), row.split()


def test_the_crds_are_applied_strictly_and_without_warnings(shared_api: ApiServer) -> None:
    applied = shared_api.kubectl(
        "apply", "--server-side", "--force-conflicts", "--validate=strict", "-f", str(CRDS)
    )

    assert (applied.returncode, applied.stderr) == (0, "")


@pytest.mark.parametrize("server_side", [True, False])
def test_an_unknown_field_is_refused_with_its_path(
    shared_api: ApiServer, *, server_side: bool
) -> None:
    resource = user_token(having("token.lifetme", "1h"))

    applied = shared_api.kubectl(
        "apply", f"--server-side={server_side}", "-f", "-", text=to_yaml(resource)
    )

    assert applied.returncode != 0
    assert "spec.token.lifetme" in applied.stderr


def test_a_template_cannot_set_the_type_or_the_owner_of_a_secret(shared_api: ApiServer) -> None:
    for field in ("type", "ownerReferences", "metadata"):
        resource = user_token(having(f"secret.template.{field}", "x"))
        applied = shared_api.kubectl("apply", "-f", "-", text=to_yaml(resource))
        assert applied.returncode != 0
        assert f"spec.secret.template.{field}" in applied.stderr


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_explain_describes_a_kind_and_its_fields(
    shared_api: ApiServer, kind: ResourceKind[Resource]
) -> None:
    explained = shared_api.kubectl("explain", f"{kind.short_name}.spec")

    assert explained.returncode == 0, explained.stderr
    assert "<no description>" not in explained.stdout


def test_explain_says_defaults_units_and_consequences(shared_api: ApiServer) -> None:
    explained = shared_api.kubectl("explain", "uat.spec.token.overlap").stdout

    text = " ".join(explained.split())
    assert "5m by default" in text
    assert "less than the lifetime" in text


def test_get_shows_the_columns_of_a_user_access_token(api: ApiServer) -> None:
    token = user_token(having("scopes", ["api"]), having("roles", ["Editor"]))
    api.create(token)
    api.patch(token, STATUS, "/status")

    head, row = table(api.kubectl("get", "uat", "-o", "wide").stdout)

    assert head == [
        "NAME", "USER", "STATE", "READY", "SECRET", "EXPIRES", "AGE", "SCOPES", "ROLES", "REASON",
    ]  # fmt: skip
    assert row[:6] == [
        "laptop", "ada@example.org", "Active", "True", "laptop-token", "2126-01-01T00:00:00Z",
    ]  # fmt: skip
    assert row[7:] == ['["api"]', '["Editor"]', "Issued"]


def test_get_shows_the_columns_of_a_runner_registration(api: ApiServer) -> None:
    api.create(runner())
    api.patch(runner(), STATUS, "/status")

    head, row = table(api.kubectl("get", "rr", "-o", "wide").stdout)

    assert head == [
        "NAME", "STATE", "READY", "TYPE", "SECRET", "EXPIRES", "AGE", "ID", "REASON",
    ]  # fmt: skip
    assert row[:6] == [
        "builder", "Active", "True", "Instance", "laptop-token", "2126-01-01T00:00:00Z",
    ]  # fmt: skip
    assert row[7:] == ["42", "Issued"]


def test_get_shows_the_columns_of_an_issuer(api: ApiServer) -> None:
    api.create(issuer(name=api.namespace))
    try:
        head, row = table(api.kubectl("get", "ti", api.namespace).stdout)
    finally:
        api.delete("TokenIssuer", api.namespace)

    assert head == ["NAME", "URL", "SIGNER", "ALGORITHM", "READY", "AGE"]
    assert row[1:4] == ["https://tokens.example.org", "Operator", "ES256"]


def test_get_minted_shows_all_namespaced_kinds(api: ApiServer) -> None:
    api.create(user_token())
    api.create(runner())
    api.create(application())

    names = api.kubectl("get", "minted", "-o", "name").stdout.split()

    assert sorted(names) == [
        "clientapplication.mintmaster.dev/portal",
        "runnerregistration.mintmaster.dev/builder",
        "useraccesstoken.mintmaster.dev/laptop",
    ]


def test_get_mintmaster_shows_issuers_too(api: ApiServer) -> None:
    api.create(issuer(name=api.namespace))
    try:
        names = api.kubectl("get", "mintmaster", "-o", "name").stdout.split()
    finally:
        api.delete("TokenIssuer", api.namespace)

    assert f"tokenissuer.mintmaster.dev/{api.namespace}" in names


def test_wait_works_on_the_standard_conditions(api: ApiServer) -> None:
    api.create(user_token())
    api.patch(user_token(), STATUS, "/status")

    waited = api.kubectl("wait", "--for=condition=Ready", "--timeout=10s", "uat/laptop")

    assert waited.returncode == 0, waited.stderr


def test_tokens_are_selected_by_user_issuer_and_state(api: ApiServer) -> None:
    api.create(user_token(name="hers"))
    api.create(
        user_token(
            having("user.email", "bob@example.org"), having("issuerRef.name", "team"), name="his"
        )
    )
    api.patch(user_token(name="his"), {"status": {"state": "Active"}}, "/status")

    for selector, expected in (
        ("spec.user.email=ada@example.org", "hers"),
        ("spec.issuerRef.name=team", "his"),
        ("status.state=Active", "his"),
    ):
        found = api.find("UserAccessToken", selector)
        assert [item["metadata"]["name"] for item in found] == [expected]
