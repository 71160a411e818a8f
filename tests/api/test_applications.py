"""What the API server accepts, refuses and shows of ClientApplications."""

import pytest

from api.api_server import ApiServer
from api.resources import Manifest, application, called, having
from mintmaster.api.client_application import ClientApplicationStatus, RevokedToken
from mintmaster.api.decoding import decode
from mintmaster.api.kinds import CLIENT_APPLICATION

CALLER = having("delivery", "Caller")
JTI = "9f2b.1.00112233445566778899aabbccddeeff"


def case(sentence: str, resource: Manifest, *fragments: str) -> object:
    return pytest.param(resource, fragments, id=sentence)


SIXTEEN = [f"s{n}" for n in range(16)]

REFUSED = [
    case("name of 64 characters", application(called("a" * 64)), "at most 63 characters"),
    *(
        case(
            f"client id {text[:20]!r}",
            application(having("clientId", text)),
            "spec.clientId",
            "should match",
        )
        for text in ("a b", "user:ci:laptop", "ключ", "a%20b", "*", "a\n")
    ),
    case("empty client id", application(having("clientId", "")), "spec.clientId", "at least 1"),
    case(
        "client id of 129 characters",
        application(having("clientId", "a" * 129)),
        "spec.clientId: Too long: may not be more than 128 bytes",
    ),
    case(
        "enabled in words", application(having("enabled", "yes")), "spec.enabled", "of type boolean"
    ),
    *(
        case(
            f"17 {field}",
            application(having(field, [*SIXTEEN, "x"])),
            f"spec.{field}: Too many: 17: must have at most 16 items",
        )
        for field in ("scopes", "roles", "projects")
    ),
    *(
        case(
            f"the same of {field} twice",
            application(having(field, ["a", "b", "a"])),
            f"spec.{field}",
            f"{field} must not contain the same entry twice",
        )
        for field in ("scopes", "roles", "projects")
    ),
    case("scope with a blank", application(having("scopes", ["a b"])), "spec.scopes[0]"),
    case(
        "description of 1025 characters",
        application(having("description", "a" * 1025)),
        "spec.description: Too long",
    ),
    *(
        case(
            f"access tokens for {text!r}",
            application(having("accessTokenLifetime", text)),
            "spec.accessTokenLifetime",
            "accessTokenLifetime must be a duration of at least 1m",
        )
        for text in ("0s", "59s", "1 day", "P1D", "-1h")
    ),
    case(
        "client secret for 9m59s",
        application(having("clientSecret.lifetime", "9m59s")),
        "spec.clientSecret.lifetime",
        "lifetime must be a duration of at least 10m",
    ),
    case(
        "both forms of renewBefore",
        application(
            having("clientSecret.lifetime", "24h"),
            having("clientSecret.renewBefore", "8h"),
            having("clientSecret.renewBeforePercentage", 30),
        ),
        "spec.clientSecret.renewBefore",
        "renewBefore and renewBeforePercentage exclude each other",
    ),
    case(
        "renewBefore as long as the lifetime",
        application(
            having("clientSecret.lifetime", "1h"), having("clientSecret.renewBefore", "60m")
        ),
        "spec.clientSecret.renewBefore",
        "renewBefore must be at least 5m shorter than lifetime",
    ),
    *(
        case(
            f"{field} without a lifetime",
            application(having(f"clientSecret.{field}", value)),
            "spec.clientSecret.lifetime",
            "renewBefore and renewBeforePercentage need a lifetime",
        )
        for field, value in (("renewBefore", "1h"), ("renewBeforePercentage", 30))
    ),
    case(
        "overlap as long as the lifetime",
        application(having("clientSecret.lifetime", "10m"), having("clientSecret.overlap", "600s")),
        "spec.clientSecret.overlap",
        "overlap must be shorter than lifetime",
    ),
    case(
        "digest of a client secret in a Secret",
        application(having("clientSecret.valueDigest", "a" * 43)),
        "spec.clientSecret.valueDigest",
        "clientSecret.valueDigest is possible with delivery Caller only",
    ),
    case(
        "Caller with a renewal",
        application(
            CALLER,
            having("clientSecret.lifetime", "24h"),
            having("clientSecret.renewBefore", "1h"),
        ),
        "spec.clientSecret.renewBefore",
        "delivery Caller has no renewal",
    ),
    case(
        "Caller with a Secret",
        application(CALLER, having("secret.clientIdKey", "id")),
        "spec.secret",
        "delivery Caller has no Secret",
    ),
    case(
        "client id and client secret under one key",
        application(having("secret.clientIdKey", "client-secret")),
        "spec.secret.clientSecretKey",
        "clientSecretKey must differ from clientIdKey",
    ),
    *(
        case(
            f"superseded client secret under {key}",
            application(having("secret.previousClientSecretKey", key)),
            "spec.secret.previousClientSecretKey",
            "previousClientSecretKey must differ from clientIdKey and clientSecretKey",
        )
        for key in ("client-id", "client-secret")
    ),
    *(
        case(
            f"template over {key}",
            application(
                having("secret.previousClientSecretKey", "old"),
                having("secret.template.data", {key: "x"}),
            ),
            "spec.secret.template.data",
            "template.data must not have the keys of clientIdKey, clientSecretKey and",
        )
        for key in ("client-id", "client-secret", "old")
    ),
    *(
        case(
            f"key {key!r}",
            application(having("secret.clientSecretKey", key)),
            "spec.secret.clientSecretKey",
            "should match",
        )
        for key in ("", "..data", "a/b")
    ),
    case(
        "17 restarts",
        application(
            having("restart", [{"kind": "Deployment", "name": f"a{n}"} for n in range(17)])
        ),
        "spec.restart: Too many: 17",
    ),
]


@pytest.mark.parametrize(("resource", "fragments"), REFUSED)
def test_is_refused_with_a_message_that_names_field_and_rule(
    shared_api: ApiServer, resource: Manifest, fragments: tuple[str, ...]
) -> None:
    answer = shared_api.create(resource, dry_run=True)

    assert answer.status == 422, answer.body
    for fragment in fragments:
        assert fragment in answer.message


ACCEPTED = [
    case("nothing said", application()),
    case("longest name", application(called("a" * 63))),
    *(
        case(f"client id {text[:20]}", application(having("clientId", text)))
        for text in ("portal", "A.b_c~d@e/f-g", "3b241101-e2bb-4255-8caf-4136c566a962", "c" * 128)
    ),
    case("16 scopes", application(having("scopes", SIXTEEN))),
    case("all projects", application(having("projects", ["*"]))),
    case("shortest access tokens", application(having("accessTokenLifetime", "1m"))),
    case(
        "renewal every 5m",
        application(
            having("clientSecret.lifetime", "10m"), having("clientSecret.renewBefore", "5m")
        ),
    ),
    case("long overlap of what does not expire", application(having("clientSecret.overlap", "9h"))),
    case("Caller with a digest", application(CALLER, having("clientSecret.valueDigest", "a" * 43))),
    case("Caller without a digest yet", application(CALLER)),
    case(
        "names of other systems",
        application(
            having("secret.clientIdKey", "CLIENT_ID"),
            having("secret.clientSecretKey", "CLIENT_SECRET"),
            having("secret.previousClientSecretKey", "OLD_CLIENT_SECRET"),
            having("secret.template.data", {"oauth.env": "ID={{ client_id }}"}),
        ),
    ),
]


@pytest.mark.parametrize(("resource", "fragments"), ACCEPTED)
def test_is_accepted(shared_api: ApiServer, resource: Manifest, fragments: tuple[str, ...]) -> None:
    answer = shared_api.create(resource, dry_run=True)

    assert answer.status == 201, answer.body


def test_defaults_are_those_of_the_model(shared_api: ApiServer) -> None:
    asked = application(having("secret", {}))

    created = shared_api.create(asked, dry_run=True).body

    assert created["spec"] == {
        "delivery": "Secret",
        "enabled": True,
        "clientSecret": {"overlap": "5m"},
        "secret": {
            "clientIdKey": "client-id",
            "clientSecretKey": "client-secret",
            "deletionPolicy": "Delete",
            "adoptionPolicy": "Never",
        },
        "issuerRef": {"name": "applications"},
        "revoked": False,
    }
    assert created["status"] == {"observedGeneration": -1}
    assert decode(CLIENT_APPLICATION, created).spec == decode(CLIENT_APPLICATION, asked).spec


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"clientId": "other"}, id="another one"),
        pytest.param({"clientId": None}, id="none any more"),
    ],
)
def test_a_client_id_cannot_be_changed(api: ApiServer, change: Manifest) -> None:
    resource = application(having("clientId", "portal"))
    api.create(resource)

    answer = api.patch(resource, {"spec": change})

    assert answer.status == 422
    assert "spec.clientId" in answer.message
    assert "clientId cannot be changed" in answer.message


def test_a_client_id_by_default_stays(api: ApiServer) -> None:
    resource = application()
    api.create(resource)

    answer = api.patch(resource, {"spec": {"clientId": "other"}})

    assert answer.status == 422
    assert "clientId cannot be changed" in answer.message


def test_rights_schedule_and_keys_may_be_changed(api: ApiServer) -> None:
    resource = application()
    api.create(resource)

    answer = api.patch(
        resource,
        {
            "spec": {
                "enabled": False,
                "scopes": ["jobs"],
                "accessTokenLifetime": "1h",
                "clientSecret": {"lifetime": "2160h", "renewBeforePercentage": 20},
                "secret": {"clientIdKey": "CLIENT_ID"},
            }
        },
    )

    assert answer.status == 200, answer.body


def test_the_status_keeps_what_gates_revoked_and_has_the_secrets(api: ApiServer) -> None:
    resource = application()
    api.create(resource)
    record = {
        "id": JTI,
        "revision": 1,
        "digest": "d" * 43,
        "issuedAt": "2026-01-01T00:00:00Z",
        "rights": {"subject": "app:portal"},
    }
    revoked = {"id": JTI, "expiresAt": "2026-01-01T10:00:00Z"}

    answer = api.patch(
        resource,
        {"status": {"clientId": "portal", "secrets": [record], "revokedTokens": [revoked]}},
        "/status",
    )

    assert answer.status == 200, answer.body
    status = decode(CLIENT_APPLICATION, answer.body).status
    assert isinstance(status, ClientApplicationStatus)
    assert (status.client_id, status.tokens[0].id) == ("portal", JTI)
    assert [token.id for token in status.revoked_tokens] == [JTI]
    assert isinstance(status.revoked_tokens[0], RevokedToken)


def test_a_status_holds_no_257th_revoked_token(api: ApiServer) -> None:
    resource = application()
    api.create(resource)
    revoked = [{"id": f"{n}", "expiresAt": "2026-01-01T10:00:00Z"} for n in range(257)]

    answer = api.patch(resource, {"status": {"revokedTokens": revoked}}, "/status")

    assert answer.status == 422
    assert "status.revokedTokens: Too many: 257: must have at most 256 items" in answer.message


def test_get_shows_the_columns(api: ApiServer) -> None:
    resource = application(having("roles", ["Editor"]))
    api.create(resource)
    ready = {
        "type": "Ready",
        "status": "True",
        "reason": "Issued",
        "message": "The Secret holds the current client secret.",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    status = {
        "state": "Active",
        "clientId": "ci.portal",
        "secretRef": {"name": "portal-token"},
        "conditions": [ready],
    }
    api.patch(resource, {"status": status}, "/status")

    head, row = api.kubectl("get", "capp", "-o", "wide").stdout.splitlines()

    assert head.split() == [
        "NAME", "CLIENT", "STATE", "READY", "SECRET", "AGE", "ROLES", "REASON",
    ]  # fmt: skip
    assert row.split()[:5] == ["portal", "ci.portal", "Active", "True", "portal-token"]
    assert row.split()[6:] == ['["Editor"]', "Issued"]


def test_applications_are_selected_by_client_id_and_issuer(api: ApiServer) -> None:
    api.create(application(name="a"))
    api.create(application(having("issuerRef.name", "team"), name="b"))
    api.patch(application(name="b"), {"status": {"clientId": "batch"}}, "/status")

    for selector in ("status.clientId=batch", "spec.issuerRef.name=team"):
        found = api.find("ClientApplication", selector)
        assert [item["metadata"]["name"] for item in found] == ["b"]
