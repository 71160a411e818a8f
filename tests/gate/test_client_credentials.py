"""Access tokens for applications (RFC 6749, section 4.4): what is granted, and what never is (attacks 36, 83, 84)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import jwt
import pytest

from gate.minting_bench import (
    APPLICATION_UID,
    CLIENT_ID,
    OTHER_AUDIENCE,
    TOKEN,
    MintingBench,
    basic,
    claims,
)
from gate.workbench import NOW, SERVICES, rfc3339, seconds
from mintmaster.tokens import opaque
from reconcile.builders import grant

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def bench(tmp_path: Path) -> MintingBench:
    return MintingBench(folder=tmp_path)


async def test_an_application_obtains_a_token_with_its_recorded_rights(bench: MintingBench) -> None:
    answer = await bench.token()
    assert answer.status == 200
    assert (answer.headers["Cache-Control"], answer.headers["Pragma"]) == ("no-store", "no-cache")
    given = answer.json
    token = given.pop("access_token")
    assert given == {
        "token_type": "Bearer",
        "expires_in": 36_000,
        "scope": "api introspect read_api",
    }
    found = claims(token)
    assert found.pop("jti").startswith(f"{APPLICATION_UID}.1.")
    assert found == {
        "iss": "https://applications.example.org",
        "sub": "app:team.ci",
        "aud": [SERVICES, OTHER_AUDIENCE],
        "exp": seconds(NOW + timedelta(hours=10)),
        "iat": seconds(NOW),
        "client_id": CLIENT_ID,
        "scope": "api introspect read_api",
        "roles": ["Editor", "Researcher", "Visitor"],
        "projects": ["apollo"],
        "mintmaster.dev": {
            "kind": "ClientApplication",
            "namespace": "team",
            "name": "ci",
            "uid": APPLICATION_UID,
            "revision": 1,
        },
    }
    assert jwt.get_unverified_header(token) == {
        "alg": "ES256",
        "kid": bench.minting_key.kid,
        "typ": "at+jwt",
    }
    described = await bench.introspected(token)
    assert described["active"] is True
    assert (described["client_id"], described["sub"]) == (CLIENT_ID, "app:team.ci")


async def test_no_two_tokens_share_a_name(bench: MintingBench) -> None:
    assert len({claims(await bench.access_token())["jti"] for _ in range(50)}) == 50


async def test_the_secret_may_stand_in_the_body(bench: MintingBench) -> None:
    form = {
        "grant_type": "client_credentials",
        "client_id": CLIENT_ID,
        "client_secret": bench.client_secret,
    }
    assert (await bench.post(TOKEN, form, credential="")).status == 200


async def test_id_and_secret_are_form_encoded_before_they_are_joined(bench: MintingBench) -> None:
    secret = "a secret: with+%and ü"
    bench.apply(client_secret=secret)
    assert (await bench.token(client=(CLIENT_ID, secret))).status == 200


# Who is refused ----------------------------------------------------------------------------------


async def test_36_a_wrong_secret_and_an_unknown_client_get_the_same_answer(
    bench: MintingBench,
) -> None:
    wrong = await bench.token(client=(CLIENT_ID, opaque.mint("mms_")))
    unknown = await bench.token(client=("team.nobody", bench.client_secret))
    for answer in (wrong, unknown):
        assert (answer.status, answer.json["error"]) == (401, "invalid_client")
        assert answer.headers["Www-Authenticate"] == 'Basic realm="mintmaster"'
        assert answer.headers["Cache-Control"] == "no-store"
    assert wrong.body == unknown.body


@pytest.mark.parametrize(
    "value",
    [
        b"Basic",
        b"Basic !!!",
        b"Basic eDp5=",
        b"Basic dGVhbS5jaQ==",  # no colon
        b"Basic " + b"/w==",
        b"Basic JWZmOiVmZg==",  # %ff:%ff
        b"Bearer token",
        b"Negotiate x",
    ],
)
async def test_36_what_cannot_be_read_authenticates_nobody(
    bench: MintingBench, value: bytes
) -> None:
    form = {"grant_type": "client_credentials"}
    answer = await bench.post(TOKEN, form, (b"authorization", value), credential="")
    assert (answer.status, answer.json["error"]) == (401, "invalid_client")


async def test_36_without_a_secret_there_is_no_token(bench: MintingBench) -> None:
    for form in ({}, {"client_id": CLIENT_ID}, {"client_id": CLIENT_ID, "client_secret": ""}):
        asked = {"grant_type": "client_credentials"} | form
        answer = await bench.post(TOKEN, asked, credential="")
        assert (answer.status, answer.json["error"]) == (401, "invalid_client")


@pytest.mark.parametrize(
    "form",
    [
        {"client_secret": "x"},
        {"client_id": CLIENT_ID, "client_secret": "x"},
        {"client_id": "team.other"},
    ],
)
async def test_36_two_ways_of_authenticating_are_one_too_many(
    bench: MintingBench, form: dict[str, str]
) -> None:
    answer = await bench.token(form)
    assert (answer.status, answer.json["error"]) == (400, "invalid_request")


async def test_the_client_id_may_be_repeated_in_the_body(bench: MintingBench) -> None:
    assert (await bench.token({"client_id": CLIENT_ID})).status == 200


async def test_38_two_authorization_headers_are_an_invalid_request(bench: MintingBench) -> None:
    answer = await bench.token({}, basic(CLIENT_ID, bench.client_secret))
    assert (answer.status, answer.json["error"]) == (400, "invalid_request")


def disabled(body: dict[str, Any]) -> None:
    body["spec"]["enabled"] = False


def revoked(body: dict[str, Any]) -> None:
    body["spec"]["revoked"] = True


def deleted(body: dict[str, Any]) -> None:
    body["metadata"]["deletionTimestamp"] = rfc3339(NOW)


def of_another_life(body: dict[str, Any]) -> None:
    body["status"]["uid"] = "another-life"


def of_another_issuer(body: dict[str, Any]) -> None:
    body["spec"]["issuerRef"] = {"name": "default"}


def without_its_client_id(body: dict[str, Any]) -> None:
    body["status"]["clientId"] = ""


def with_an_ended_secret(body: dict[str, Any]) -> None:
    body["status"]["secrets"][0]["validUntil"] = rfc3339(NOW)


REFUSED = [
    disabled,
    revoked,
    deleted,
    of_another_life,
    of_another_issuer,
    without_its_client_id,
    with_an_ended_secret,
]


@pytest.mark.parametrize("change", REFUSED)
async def test_an_application_that_does_not_count_is_refused_and_its_tokens_are_inactive(
    bench: MintingBench, change: Callable[[dict[str, Any]], None]
) -> None:
    token = await bench.access_token()
    bench.apply(name="asker", uid="asker", client_secret="secret", change=lambda _: None)
    bench.apply(change=change)
    answer = await bench.token()
    assert (answer.status, answer.json["error"]) == (401, "invalid_client")
    if change is not without_its_client_id:
        asked = await bench.post(
            "/issuers/applications/oauth2/introspect",
            {"token": token},
            basic("team.asker", "secret"),
            credential="",
        )
        assert asked.json == {"active": False}


async def test_both_secrets_are_good_during_the_overlap_and_the_newer_ones_rights_count(
    bench: MintingBench,
) -> None:
    renewed = opaque.mint("mms_")

    def superseded(body: dict[str, Any]) -> None:
        former = body["status"]["secrets"][0]
        body["status"]["revision"] = 2
        body["status"]["secrets"] = [
            former | {"id": f"{APPLICATION_UID}.2.00", "revision": 2},
            bench_record | {"validUntil": rfc3339(NOW + timedelta(minutes=5))},
        ]

    bench_record: dict[str, Any] = {}

    def keep(body: dict[str, Any]) -> None:
        bench_record.update(body["status"]["secrets"][0])

    bench.apply(change=keep)
    bench.apply(client_secret=renewed, change=superseded, scopes=["api"], roles=["Researcher"])
    for secret in (bench.client_secret, renewed):
        answer = await bench.token(client=(CLIENT_ID, secret))
        assert (answer.status, answer.json["scope"]) == (200, "api")
    bench.later(minutes=5)
    assert (await bench.token(client=(CLIENT_ID, renewed))).status == 200
    assert (await bench.token()).status == 401


async def test_84_of_two_with_one_client_id_the_older_is_meant(bench: MintingBench) -> None:
    def younger(body: dict[str, Any]) -> None:
        body["metadata"]["creationTimestamp"] = rfc3339(NOW + timedelta(seconds=1))
        body["status"]["clientId"] = CLIENT_ID

    bench.apply(name="thief", uid="a", client_secret="theirs", change=younger)
    assert (await bench.token(client=(CLIENT_ID, "theirs"))).status == 401
    assert claims(await bench.access_token())["sub"] == "app:team.ci"


async def test_86_what_the_issuer_grants_no_longer_is_not_minted_and_not_active(
    bench: MintingBench,
) -> None:
    token = await bench.access_token()
    bench.publish_applications(grants=[grant("team", scopes=["api"], roles=["Visitor"])])
    answer = await bench.token()
    assert (answer.status, answer.json["error"]) == (400, "unauthorized_client")
    assert (await bench.review_at_applications(token)) == {"authenticated": False}
    bench.publish_applications(deniedSubjects=["app:*"])
    assert (await bench.token()).json["error"] == "unauthorized_client"


async def test_a_not_before_of_the_issuer_ends_secrets_and_tokens(bench: MintingBench) -> None:
    token = await bench.access_token()
    bench.publish_applications(notBefore=rfc3339(NOW + timedelta(seconds=1)))
    bench.later(seconds=2)
    assert (await bench.token()).status == 401
    assert (await bench.review_at_applications(token)) == {"authenticated": False}


async def test_a_not_before_of_the_application_ends_tokens_but_not_the_secret(
    bench: MintingBench,
) -> None:
    def raised(body: dict[str, Any]) -> None:
        body["status"]["notBefore"] = rfc3339(NOW + timedelta(seconds=1))

    token = await bench.access_token()
    bench.apply(change=raised)
    assert (await bench.review_at_applications(token)) == {"authenticated": False}
    early = await bench.token()
    assert (early.status, early.headers["Retry-After"]) == (503, "1")
    bench.later(seconds=1)
    assert (await bench.introspected(await bench.access_token()))["active"] is True
