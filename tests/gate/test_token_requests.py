"""What a request for a token may say, what it gets for it, and how guessing is stopped (attacks 33, 36, 40, 43)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gate.minting_bench import (
    CLIENT_ID,
    OTHER_AUDIENCE,
    TOKEN,
    MintingBench,
    basic,
    claims,
)
from gate.workbench import FORM, SERVICES
from reconcile.builders import grant

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def bench(tmp_path: Path) -> MintingBench:
    return MintingBench(folder=tmp_path)


# Narrowing ---------------------------------------------------------------------------------------


async def test_36_a_scope_beyond_the_rights_is_refused(bench: MintingBench) -> None:
    for scope in ("revoke", "api revoke", "api  read_api", " api", "api,read_api", 'a"b'):
        answer = await bench.token({"scope": scope})
        assert (answer.status, answer.json["error"]) == (400, "invalid_scope")


async def test_a_narrower_scope_leaves_out_roles_that_stand_for_more(bench: MintingBench) -> None:
    answer = await bench.token({"scope": "read_api api"})
    assert answer.json["scope"] == "api read_api"
    found = claims(answer.json["access_token"])
    assert (found["scope"], found["roles"]) == ("api read_api", ["Researcher"])
    described = await bench.introspected(answer.json["access_token"])
    assert (described["scope"], described["roles"]) == ("api read_api", ["Researcher"])


async def test_a_scope_that_only_a_role_was_granted_for_can_be_asked_for_alone(
    bench: MintingBench,
) -> None:
    bench.publish_applications(
        grants=[grant("team", scopes=[], roles=["Editor"], clientIds=[])],
        scopes=[{"name": "api"}, {"name": "read_api"}, {"name": "revoke"}],
    )
    bench.apply(scopes=["read_api", "revoke"], roles=["Editor"])
    token = await bench.access_token(scope="read_api")
    assert claims(token)["roles"] == []
    review = await bench.review_at_applications(token)
    assert review["authenticated"] is True


@pytest.mark.parametrize("name", ["audience", "resource"])
async def test_a_target_narrows_the_audiences(bench: MintingBench, name: str) -> None:
    assert claims(await bench.access_token(**{name: OTHER_AUDIENCE}))["aud"] == [OTHER_AUDIENCE]
    both = await bench.token([(name, OTHER_AUDIENCE), (name, SERVICES)])
    assert claims(both.json["access_token"])["aud"] == [SERVICES, OTHER_AUDIENCE]


async def test_a_target_that_the_rights_are_not_for_is_refused(bench: MintingBench) -> None:
    for target in (f"{SERVICES}/", "https://kubernetes.default.svc", "x"):
        for form in ([("audience", target)], [("audience", SERVICES), ("resource", target)]):
            answer = await bench.token(form)
            assert (answer.status, answer.json["error"]) == (400, "invalid_target")


@pytest.mark.parametrize(
    ("asked", "limit", "seconds_granted"),
    [("1h", "12h", 3600), ("24h", "12h", 43_200), (None, "2h", 7200), ("1m", "12h", 60)],
)
async def test_a_token_lives_as_long_as_application_and_issuer_let_it(
    bench: MintingBench, asked: str | None, limit: str, seconds_granted: int
) -> None:
    def lifetime(body: dict[str, Any]) -> None:
        if asked:
            body["spec"]["accessTokenLifetime"] = asked

    bench.publish_applications(limits={"defaultLifetime": "1h", "maxLifetime": limit})
    bench.apply(change=lifetime)
    answer = await bench.token()
    assert answer.json["expires_in"] == seconds_granted
    bench.later(seconds=seconds_granted)
    assert (await bench.introspected(answer.json["access_token"])) == {"active": False}


# The request -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("grant_type", "error"),
    [
        ("", "invalid_request"),
        ("password", "unsupported_grant_type"),
        ("authorization_code", "unsupported_grant_type"),
        ("refresh_token", "unsupported_grant_type"),
        ("CLIENT_CREDENTIALS", "unsupported_grant_type"),
    ],
)
async def test_36_no_other_grant_is_known(bench: MintingBench, grant_type: str, error: str) -> None:
    form = {"grant_type": grant_type, "username": "ada", "password": "x"}
    shown = basic(CLIENT_ID, bench.client_secret)
    answer = await bench.post(TOKEN, form, shown, credential="")
    assert (answer.status, answer.json["error"]) == (400, error)


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
async def test_33_tokens_are_asked_for_by_post_alone(bench: MintingBench, method: str) -> None:
    path = f"{TOKEN}?grant_type=client_credentials"
    answer = await bench.ask(method, path, headers=(basic(CLIENT_ID, bench.client_secret),))
    assert (answer.status, answer.headers["Allow"]) == (405, "POST")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"grant_type=client_credentials&grant_type=client_credentials", 400),
        (b"grant_type=client_credentials&scope=api&scope=api", 400),
        (b"grant_type=client_credentials&scope=%ff", 400),
        (b"grant_type", 400),
        (b"grant_type=" + b"x" * 20_000, 413),
        (b"&".join([b"audience=x"] * 100), 400),
    ],
)
async def test_33_a_malformed_form_is_an_invalid_request(
    bench: MintingBench, body: bytes, status: int
) -> None:
    headers = (FORM, basic(CLIENT_ID, bench.client_secret))
    answer = await bench.ask("POST", TOKEN, body=body, headers=headers)
    assert (answer.status, answer.json["error"]) == (status, "invalid_request")


async def test_parameters_without_a_value_or_unknown_are_ignored(bench: MintingBench) -> None:
    answer = await bench.token({"scope": "", "audience": "", "state": "x"})
    assert answer.json["scope"] == "api introspect read_api"


async def test_40_no_error_repeats_what_the_request_said(bench: MintingBench) -> None:
    canary = "canary-0123456789"
    forms = [
        {"scope": canary},
        {"audience": canary},
        {"client_id": canary},
        {"grant_type": canary},
    ]
    for form in forms:
        shown = basic(CLIENT_ID, bench.client_secret)
        asked = {"grant_type": "client_credentials"} | form
        answer = await bench.post(TOKEN, asked, shown, credential="")
        assert answer.status == 400
        assert canary not in f"{answer.headers}{answer.body!r}"
    unknown = await bench.token(client=(canary, canary))
    assert canary not in f"{unknown.headers}{unknown.body!r}"


async def test_rights_that_fit_into_no_token_are_refused(bench: MintingBench) -> None:
    scopes = [f"scope-{number:03d}-{'x' * 60}" for number in range(60)]
    bench.publish_applications(scopes=[{"name": scope} for scope in scopes])
    bench.apply(scopes=scopes, roles=[])
    answer = await bench.token()
    assert (answer.status, answer.json["error"]) == (400, "invalid_scope")
    assert (await bench.token({"scope": scopes[0]})).status == 200


# Guessing ----------------------------------------------------------------------------------------


async def test_43_guesses_are_stopped_and_shut_nobody_out_who_was_here(bench: MintingBench) -> None:
    bench.apply(name="other", uid="other", client_secret="theirs")
    assert (await bench.token()).status == 200
    guesses = [await bench.token(client=(CLIENT_ID, f"guess-{number}")) for number in range(60)]
    assert guesses[0].status == 401
    assert (guesses[-1].status, guesses[-1].headers["Retry-After"]) == (429, "1")
    assert (await bench.token()).status == 200
    assert (await bench.token(client=("team.other", "theirs"))).status == 200


async def test_43_a_right_guess_is_not_looked_at_either_while_guesses_are_stopped(
    bench: MintingBench,
) -> None:
    for number in range(60):
        await bench.token(client=(CLIENT_ID, f"guess-{number}"))
    assert (await bench.token()).status == 429


async def test_43_guessing_client_ids_hinders_no_client(bench: MintingBench) -> None:
    answers = [await bench.token(client=(f"team.{number}", "x")) for number in range(60)]
    assert answers[-1].status == 429
    assert (await bench.token()).status == 200
