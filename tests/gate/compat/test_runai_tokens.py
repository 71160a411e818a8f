"""Run:ai's API on a gate: tokens in every spelling."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

import pytest

from gate.compat.runai_bench import runai_bench

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from gate.compat.runai_bench import RunAiBench
    from gate.mint import Mint


@pytest.fixture
async def runai(mint: Mint) -> AsyncIterator[RunAiBench]:
    async with runai_bench(mint) as bench:
        yield bench


async def test_an_application_obtains_a_token_in_its_realm(runai: RunAiBench) -> None:
    client = await runai.application("reports", "Researcher", projects=["3"])

    answer = await runai.post_form(
        runai.realm,
        {
            "grant_type": "client_credentials",
            "scope": "openid",
            "response_type": "id_token",
            "client_id": "reports",
            "client_secret": client.client_secret,
        },
    )

    assert answer.status == 200
    said = answer.json
    assert said["access_token"] == said["id_token"]
    assert await runai.mint.is_active(said["access_token"])
    assert (said["expires_in"], said["token_type"]) == (36000, "bearer")
    assert (said["refresh_expires_in"], said["not-before-policy"]) == (0, 0)
    assert said["scope"] == "openid jobs"
    assert set(said) == {
        *("access_token", "expires_in", "refresh_expires_in", "token_type"),
        *("id_token", "not-before-policy", "scope"),
    }
    assert answer.headers["Cache-Control"] == "no-store"


async def test_fewer_rights_can_be_asked_for_in_the_realm(runai: RunAiBench) -> None:
    client = await runai.application("reports", "Editor")
    form = {
        "grant_type": "client_credentials",
        "client_id": client.client_id,
        "client_secret": client.client_secret,
    }

    assert (await runai.post_form(runai.realm, form | {"scope": "openid projects"})).json[
        "scope"
    ] == "openid projects"
    refused = await runai.post_form(runai.realm, form | {"scope": "users"})
    assert (refused.status, refused.json["error"]) == (400, "invalid_scope")


INVALID_CLIENT = (
    401,
    {
        "error": "invalid_client",
        "error_description": "Invalid client or Invalid client credentials",
    },
)


async def test_keycloaks_errors(runai: RunAiBench) -> None:
    client = await runai.application("reports", "Researcher")
    good = {"grant_type": "client_credentials", "client_id": client.client_id}
    for form in (
        good | {"client_secret": "wrong"},
        good,
        {"grant_type": "client_credentials"},
        {"grant_type": "client_credentials", "client_id": "nobody", "client_secret": "x"},
    ):
        answer = await runai.post_form(runai.realm, form)
        assert (answer.status, answer.json) == INVALID_CLIENT, form
    for form, error in (
        ({"grant_type": "password"}, ("unsupported_grant_type", "Unsupported grant_type")),
        ({"client_id": "x"}, ("invalid_request", "Missing form parameter: grant_type")),
    ):
        answer = await runai.post_form(runai.realm, form)
        described = {"error": error[0], "error_description": error[1]}
        assert (answer.status, answer.json) == (400, described)
    empty = await runai.mint.gate.ask("POST", runai.realm)
    assert (empty.status, empty.json["error_description"]) == (
        400,
        "Missing form parameter: grant_type",
    )
    elsewhere = runai.realm.replace(runai.issuer, "nowhere")
    answer = await runai.post_form(elsewhere, good)
    assert (answer.status, answer.body) == (404, b'{"error":"Realm does not exist"}')


@pytest.mark.parametrize(
    "names",
    [
        ("app_token", "appID", "appSecret"),
        ("app_token", "AppId", "AppSecret"),
        ("client_credentials", "clientId", "clientSecret"),
        ("client_credentials", "clientID", "clientSecret"),
    ],
)
async def test_every_spelling_of_the_first_version(
    runai: RunAiBench, names: tuple[str, str, str]
) -> None:
    client = await runai.application("reports", "Researcher")
    grant, name, secret = names
    body = {"grantType": grant, name: client.client_id, secret: client.client_secret}

    answer = await runai.post_json("/api/v1/token", body)

    assert answer.status == 200
    assert await runai.mint.is_active(answer.json["accessToken"])
    assert answer.json["idToken"] == answer.json["accessToken"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"grantType": "app_token"},
        {"grantType": "app_token", "AppId": None, "AppSecret": None},
        {"grantType": "app_token", "AppId": "nobody", "AppSecret": "wrong"},
        {"grantType": "password", "username": "ada", "password": "x"},
        {"grantType": {"no": "text"}},
    ],
)
async def test_a_bad_request_of_the_first_version_is_not_repeated(
    runai: RunAiBench, body: object
) -> None:
    answer = await runai.post_json("/api/v1/token", body)

    assert answer.status == 400
    assert answer.json["code"] == 400
    assert set(answer.json) == {"code", "message"}


async def test_the_second_version_is_oauth(runai: RunAiBench) -> None:
    client = await runai.application("reports", "Researcher")
    form = {
        "grant_type": "client_credentials",
        "client_id": client.client_id,
        "client_secret": client.client_secret,
    }

    answer = await runai.post_form("/api/v2/token", form)

    assert (answer.status, answer.json["token_type"]) == (200, "Bearer")
    assert answer.json["expires_in"] == 36000
    assert await runai.mint.is_active(answer.json["access_token"])
    by_openid = await runai.post_form("/api/v2/token", form | {"scope": "openid profile"})
    assert (by_openid.status, by_openid.json["scope"]) == (200, answer.json["scope"])
    for change, status, error in (
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"grant_type": "refresh_token"}, 400, "unsupported_grant_type"),
        ({"grant_type": ""}, 400, "invalid_request"),
    ):
        refused = await runai.post_form("/api/v2/token", form | change)
        assert (refused.status, refused.json["error"]) == (status, error)


async def test_the_oldest_way_still_works(runai: RunAiBench) -> None:
    client = await runai.application("reports", "Researcher")
    path = "/v1/k8s/auth/oauth/apptoken"

    answer = await runai.post_json(
        path, {"id": "any", "name": "reports", "secret": client.client_secret}
    )

    assert answer.json["access_token"] == answer.json["id_token"]
    assert await runai.mint.is_active(answer.json["access_token"])
    assert (await runai.post_json(path, {"name": "reports", "secret": "x"})).status == 400


async def test_clients_read_the_payload_as_plain_base64(runai: RunAiBench) -> None:
    client = await runai.application("reports", clientId="a~b~c~d")

    payload = (await runai.token(client.client_id, client.client_secret)).split(".")[1]

    assert json.loads(base64.b64decode(payload + "=="))["client_id"] == "a~b~c~d"
