"""Token exchange (RFC 8693): what a service account has to show, and what it gets (attacks 37)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from gate.exchange_bench import (
    ACCESS_TOKEN,
    JWT,
    URL,
    Kubernetes,
    exchange,
    made,
)
from gate.minting_bench import CLIENT_ID, basic, claims
from gate.workbench import NOW, SERVICES, UID, seconds
from mintmaster.gate.settings import CallerSettings, Settings

if TYPE_CHECKING:
    from pathlib import Path

    from gate.minting_bench import MintingBench


@pytest.fixture
def kubernetes() -> Kubernetes:
    return Kubernetes()


@pytest.fixture
def bench(tmp_path: Path, kubernetes: Kubernetes, monkeypatch: pytest.MonkeyPatch) -> MintingBench:
    return made(tmp_path, kubernetes, monkeypatch)


async def test_a_service_account_obtains_a_token_with_the_rights_of_a_resource(
    bench: MintingBench, kubernetes: Kubernetes
) -> None:
    answer = await exchange(bench, kubernetes.token())
    assert answer.status == 200, answer
    assert answer.headers["Cache-Control"] == "no-store"
    given = answer.json
    token = given.pop("access_token")
    assert given == {
        "token_type": "Bearer",
        "issued_token_type": ACCESS_TOKEN,
        "expires_in": 3600,
        "scope": "api read_api",
    }
    found = claims(token)
    assert found.pop("jti").startswith(f"{UID}.1.")
    assert found == {
        "iss": URL,
        "sub": "user:ada@team.example",
        "aud": [SERVICES],
        "exp": seconds(NOW + timedelta(hours=1)),
        "iat": seconds(NOW),
        "client_id": "user:team:ada",
        "scope": "api read_api",
        "roles": [],
        "projects": [],
        "email": "ada@team.example",
        "act": {"sub": "serviceaccount:team:builder"},
        "mintmaster.dev": {
            "kind": "UserAccessToken",
            "namespace": "team",
            "name": "ada",
            "uid": UID,
            "revision": 1,
        },
    }
    described = await bench.introspected(token)
    assert described["active"] is True
    assert described["act"] == {"sub": "serviceaccount:team:builder"}


@pytest.mark.parametrize(
    ("account_lives", "granted"), [(timedelta(minutes=10), 600), (timedelta(days=365), 3600)]
)
async def test_37_it_lives_no_longer_than_the_service_accounts_token(
    bench: MintingBench, kubernetes: Kubernetes, account_lives: timedelta, granted: int
) -> None:
    shown = kubernetes.token(exp=seconds(NOW + account_lives))
    assert (await exchange(bench, shown)).json["expires_in"] == granted


async def test_it_lives_no_longer_than_the_resources_own_token(
    bench: MintingBench, kubernetes: Kubernetes
) -> None:
    bench.later(minutes=50)
    answer = await exchange(bench, kubernetes.token())
    assert answer.json["expires_in"] == 600
    bench.later(hours=1)
    assert await bench.introspected(answer.json["access_token"]) == {"active": False}


# The subject token ---------------------------------------------------------------------------------


async def test_37_only_a_token_that_is_meant_for_the_issuer_is_shown_to_kubernetes(
    bench: MintingBench, kubernetes: Kubernetes
) -> None:
    shown = [
        kubernetes.token(aud=["https://kubernetes.default.svc"]),
        kubernetes.token(aud=f"{URL}/"),
        kubernetes.token(aud=None),
        kubernetes.token(exp=None),
        kubernetes.token(exp=True),
        kubernetes.token(exp=seconds(NOW)),
        "not-a-token",
        "a.b.c",
        kubernetes.token(iss="https://default.example.org"),
        bench.issue(uid="other", name="eve"),
        await bench.access_token(),
    ]
    for token in shown:
        answer = await exchange(bench, token)
        assert (answer.status, answer.json["error"]) == (400, "invalid_request"), token
    assert kubernetes.asked == 0


@pytest.mark.parametrize(
    "username", ["mint:user:ada@team.example", "system:node:one", "ada", "system:serviceaccount:x"]
)
async def test_37_whoever_is_no_service_account_has_nothing_to_exchange(
    bench: MintingBench, kubernetes: Kubernetes, username: str
) -> None:
    answer = await exchange(bench, kubernetes.token(username))
    assert (answer.status, answer.json["error"]) == (400, "invalid_request")


async def test_37_a_token_that_kubernetes_does_not_vouch_for_is_refused(
    bench: MintingBench, kubernetes: Kubernetes
) -> None:
    token = kubernetes.token()
    kubernetes.usernames.clear()
    answer = await exchange(bench, token)
    assert (answer.status, answer.json["error"]) == (400, "invalid_request")


async def test_37_an_authenticator_that_knows_no_audiences_vouches_for_nobody(
    bench: MintingBench, kubernetes: Kubernetes
) -> None:
    kubernetes.audiences = []
    answer = await exchange(bench, kubernetes.token())
    assert (answer.status, answer.json["error"]) == (400, "invalid_request")


async def test_without_the_api_server_there_is_no_answer_rather_than_a_refusal(
    bench: MintingBench, kubernetes: Kubernetes
) -> None:
    kubernetes.away = True
    answer = await exchange(bench, kubernetes.token())
    assert (answer.status, answer.json["error"]) == (503, "temporarily_unavailable")


async def test_43_forged_tokens_are_not_shown_to_kubernetes_without_end(
    tmp_path: Path, kubernetes: Kubernetes, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(callers=CallerSettings(failures_per_second=1.0))
    bench = made(tmp_path, kubernetes, monkeypatch, settings)
    good = kubernetes.token()
    assert (await exchange(bench, good)).status == 200
    forged = [kubernetes.token("nobody", sub=f"forged-{number}") for number in range(20)]
    answers = [await exchange(bench, token) for token in forged]
    assert answers[-1].status == 429
    assert kubernetes.asked < 10
    assert (await exchange(bench, good)).status == 200


@pytest.mark.parametrize(
    "form",
    [
        {"subject_token": ""},
        {"subject_token_type": ""},
        {"subject_token_type": "urn:ietf:params:oauth:token-type:saml2"},
        {"requested_token_type": "urn:ietf:params:oauth:token-type:refresh_token"},
        {"requested_token_type": JWT},
        {"actor_token_type": JWT},
        {"actor_token": "x", "actor_token_type": JWT},
    ],
)
async def test_37_what_is_not_supported_is_an_invalid_request(
    bench: MintingBench, kubernetes: Kubernetes, form: dict[str, str]
) -> None:
    answer = await exchange(bench, kubernetes.token(), form)
    assert (answer.status, answer.json["error"]) == (400, "invalid_request")


async def test_either_type_of_subject_token_will_do(
    bench: MintingBench, kubernetes: Kubernetes
) -> None:
    form = {"subject_token_type": ACCESS_TOKEN, "requested_token_type": ACCESS_TOKEN}
    assert (await exchange(bench, kubernetes.token(), form)).status == 200


async def test_a_client_that_authenticates_as_well_has_to_do_so_rightly(
    bench: MintingBench, kubernetes: Kubernetes
) -> None:
    good, wrong = basic(CLIENT_ID, bench.client_secret), basic(CLIENT_ID, "wrong")
    assert (await exchange(bench, kubernetes.token(), {}, good)).status == 200
    answer = await exchange(bench, kubernetes.token(), {}, wrong)
    assert (answer.status, answer.json["error"]) == (401, "invalid_client")
