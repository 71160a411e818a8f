"""What the API server accepts by our CRDs, up to the last permitted value, and what it fills in."""

import pytest

from api.api_server import ApiServer
from api.resources import Manifest, called, having, issuer, runner, user_token
from mintmaster.api.decoding import decode
from mintmaster.api.durations import parse
from mintmaster.api.kinds import RUNNER_REGISTRATION, TOKEN_ISSUER, USER_ACCESS_TOKEN
from mintmaster.api.token_issuer import Approval, Limits, Signing
from mintmaster.api.token_spec import Delivery, IssuerRef, SecretSpec, TokenSpec


def case(sentence: str, resource: Manifest) -> object:
    return pytest.param(resource, id=sentence)


ACCEPTED = [
    case("shortest lifetime", user_token(having("token.lifetime", "10m"))),
    case("lifetime in seconds", user_token(having("token.lifetime", "600s"))),
    case("longest duration", user_token(having("token.lifetime", "99999h99999m99999s"))),
    case(
        "renewal every 5m",
        user_token(having("token.lifetime", "1h"), having("token.renewBefore", "55m")),
    ),
    case(
        "renewal every 5m, in percent",
        user_token(having("token.lifetime", "10m"), having("token.renewBeforePercentage", 50)),
    ),
    case("90 percent", user_token(having("token.renewBeforePercentage", 90))),
    case("no overlap", user_token(having("token.overlap", "0s"))),
    case(
        "overlap a second shorter than the lifetime",
        user_token(having("token.lifetime", "1h"), having("token.overlap", "59m59s")),
    ),
    case(
        "longest prefix",
        user_token(having("token.format", "Opaque"), having("token.prefix", "p" * 32)),
    ),
    case("empty prefix of a JWT", user_token(having("token.prefix", ""))),
    case("eight audiences", user_token(having("token.audiences", [f"a{n}" for n in range(8)]))),
    case(
        "Caller with a digest and without a lifetime",
        user_token(
            having("delivery", "Caller"),
            having("token.format", "Opaque"),
            having("token.valueDigest", "_-" + "a" * 41),
        ),
    ),
    case(
        "Caller without a digest yet",
        user_token(having("delivery", "Caller"), having("token.format", "Opaque")),
    ),
    case("longest name", user_token(called("a" * 63))),
    case("name with a dot", user_token(called("a.b"))),
    case("longest name of a Secret", user_token(having("secret.name", "s" * 253))),
    *(
        case(f"token key {key}", user_token(having("secret.tokenKey", key)))
        for key in ("ADMIN_ACCESS_TOKEN", "runner-token", ".netrc", "a..b", "k" * 253)
    ),
    case(
        "a whole configuration as template",
        user_token(having("secret.template.data", {".config.toml": "x" * 65536})),
    ),
    *(
        case(
            f"{part} {key[:40]}",
            user_token(having(f"secret.template.{part}", {key: "x"})),
        )
        for part in ("labels", "annotations")
        for key in (
            "tier",
            "example.org/tier",
            "app.kubernetes.io/name",
            "app.kubernetes.io/managed-by-whom",
            "reloader.stakater.com/match",
            "notkubernetes.io/x",
            "k8s.io.example.org/x",
            "kubernetes.io",
            f"{'p' * 253}/{'n' * 63}",
        )
    ),
    case("16 scopes", user_token(having("scopes", [f"s{n}" for n in range(16)]))),
    case(
        "scopes of every kind",
        user_token(having("scopes", ["!", "~", "[a]", "user:*", "s" * 128, "https://a.b/auth/x"])),
    ),
    case(
        "roles and projects",
        user_token(having("roles", ["Editor", "r" * 63]), having("projects", ["*", "group/sub:1"])),
    ),
    *(
        case(f"address {address}", user_token(having("user.email", address)))
        for address in ("a@b", "ada.o'neil+ci@mail.example.org", "root@localhost", "_x-1@1.example")
    ),
    case("longest address", user_token(having("user.email", f"{'a' * 242}@example.org"))),
    case(
        "names of every alphabet",
        user_token(having("user.fullName", "Ада Лавлейс"), having("user.username", "ada")),
    ),
    case(
        "16 restarts",
        user_token(having("restart", [{"kind": "DaemonSet", "name": f"d{n}"} for n in range(16)])),
    ),
    case("Project runner", runner(having("type", "Project"), having("project", "3"))),
    case("Group runner", runner(having("type", "Group"), having("group", "7"))),
    case("50 tags", runner(having("tags", [f"t{n}" for n in range(50)]))),
    case(
        "tags of every kind",
        runner(
            having("tags", ["t" * 64, "två ord", "n", "gpu:a100", "日本", "$x", "64" + "é" * 62])
        ),
    ),
    case(
        "runner for tagged jobs only", runner(having("runUntagged", False), having("tags", ["a"]))
    ),
    case("shortest timeout", runner(having("maximumTimeout", "10m"))),
    case("longest description", runner(having("description", "ä" * 1024))),
    *(
        case(f"url {url}", issuer(having("url", url)))
        for url in (
            "https://a",
            "https://tokens.example.org/",
            "https://tokens.example.org:8443/team/a",
            "https://[::1]:8443",
            "https://127.0.0.1",
        )
    ),
    case(
        "Gate with lifetimes of hours",
        issuer(
            having("signer", "Gate"),
            having("limits", {"defaultLifetime": "10h", "maxLifetime": "24h"}),
        ),
    ),
    case(
        "64 roles of 32 out of 64 scopes",
        issuer(
            having("scopes", [{"name": f"{n:02}" + "s" * 126} for n in range(64)]),
            having(
                "roles",
                [
                    {"name": f"r{n}", "scopes": [f"{m:02}" + "s" * 126 for m in range(32, 64)]}
                    for n in range(64)
                ],
            ),
        ),
    ),
    case(
        "256 grants",
        issuer(
            having(
                "grants",
                [
                    {
                        "namespaces": {
                            "names": ["ci", "team-*"],
                            "selector": {
                                "matchLabels": {"tier": "a"},
                                "matchExpressions": [
                                    {"key": "x", "operator": "In", "values": ["a", "b"]},
                                    {"key": "y", "operator": "Exists"},
                                ],
                            },
                        },
                        "kinds": ["*"],
                        "subjects": ["user:*@team.example", "runner:<namespace>:*"],
                        "runnerTypes": ["Instance", "Group"],
                        "scopes": [f"s{n}" for n in range(64)],
                        "clientIds": ["*"],
                        "unlimited": True,
                    }
                ]
                * 256,
            )
        ),
    ),
]


@pytest.mark.parametrize("resource", ACCEPTED)
def test_is_accepted(shared_api: ApiServer, resource: Manifest) -> None:
    answer = shared_api.create(resource, dry_run=True)

    assert answer.status == 201, answer.body


def test_token_defaults_are_those_of_the_models(shared_api: ApiServer) -> None:
    created = shared_api.create(user_token(), dry_run=True).body

    assert created["spec"] == {
        "user": {"email": "ada@example.org"},
        "delivery": "Secret",
        "token": {"format": "JWT", "overlap": "5m"},
        "issuerRef": {"name": "default"},
        "revoked": False,
        "suspend": False,
    }
    assert created["status"] == {"observedGeneration": -1}
    spec = decode(USER_ACCESS_TOKEN, created).spec
    assert (spec.token, spec.issuer_ref, spec.delivery) == (
        TokenSpec(),
        IssuerRef(),
        Delivery.SECRET,
    )


def test_an_empty_object_is_filled_in_like_one_left_out(shared_api: ApiServer) -> None:
    empty = user_token(having("token", {}), having("issuerRef", {}), having("secret", {}))

    spec = shared_api.create(empty, dry_run=True).body["spec"]

    assert spec["token"] == {"format": "JWT", "overlap": "5m"}
    assert spec["issuerRef"] == {"name": "default"}
    assert spec["secret"] == {
        "tokenKey": "token",
        "deletionPolicy": "Delete",
        "adoptionPolicy": "Never",
    }
    assert decode(USER_ACCESS_TOKEN, {**empty, "spec": spec}).spec.secret == SecretSpec()


def test_runner_defaults_are_those_of_the_models(shared_api: ApiServer) -> None:
    asked = runner()

    created = shared_api.create(asked, dry_run=True).body

    assert decode(RUNNER_REGISTRATION, created).spec == decode(RUNNER_REGISTRATION, asked).spec
    assert created["spec"]["runUntagged"] is True
    assert created["spec"]["accessLevel"] == "NotProtected"


def test_issuer_defaults_are_those_of_the_models(shared_api: ApiServer) -> None:
    created = shared_api.create(issuer(), dry_run=True).body

    spec = decode(TOKEN_ISSUER, created).spec
    assert (spec.signing, spec.limits, spec.approval) == (Signing(), Limits(), Approval())
    assert created["spec"]["limits"] == {
        "defaultLifetime": "720h",
        "maxLifetime": "8760h",
        "issuesPerHour": 10,
        "issuesPerHourPerNamespace": 600,
        "maxStaleness": "10m",
    }
    assert parse(created["spec"]["signing"]["keyLifetime"]).days == 90
    assert created["status"] == {"observedGeneration": -1}


def test_no_project_is_not_all_projects(shared_api: ApiServer) -> None:
    created = shared_api.create(user_token(having("projects", [])), dry_run=True).body

    assert decode(USER_ACCESS_TOKEN, created).spec.projects == ()
