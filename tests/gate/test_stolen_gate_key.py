"""What somebody can do who has stolen the key of a gate-signed issuer (attacks 83, 28, 29): no more than gates can."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from gate.minting_bench import APPLICATION_UID, APPLICATIONS, CLIENT_ID, MintingBench
from gate.workbench import NOW, SERVICES, UID, rfc3339, seconds

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

URL = "https://applications.example.org"


@pytest.fixture
def bench(tmp_path: Path) -> MintingBench:
    return MintingBench(folder=tmp_path)


def forged(bench: MintingBench, change: Callable[[dict[str, Any]], None] = lambda _: None) -> str:
    """A token as a gate would sign it, with these changes."""
    rights = bench.application_rights()
    claims = {
        "iss": URL,
        "sub": rights["subject"],
        "aud": [SERVICES],
        "exp": seconds(NOW + timedelta(hours=1)),
        "iat": seconds(NOW),
        "jti": f"{APPLICATION_UID}.1.forged",
        "client_id": CLIENT_ID,
        "scope": "api",
        "roles": [],
        "projects": [],
        "mintmaster.dev": {
            "kind": "ClientApplication",
            "namespace": "team",
            "name": "ci",
            "uid": APPLICATION_UID,
            "revision": 1,
        },
    }
    change(claims)
    header = {"typ": "at+jwt", "alg": "ES256", "kid": bench.minting_key.kid}
    return bench.sign(header, claims, bench.minting_key)


async def is_active(bench: MintingBench, token: str) -> bool:
    return bool((await bench.review_at_applications(token))["authenticated"])


async def test_what_a_gate_could_have_signed_is_active(bench: MintingBench) -> None:
    assert await is_active(bench, forged(bench))


def claiming(**claims: object) -> Callable[[dict[str, Any]], None]:
    return lambda body: body.update(claims)


def of_resource(**claim: object) -> Callable[[dict[str, Any]], None]:
    return lambda body: body["mintmaster.dev"].update(claim)


BEYOND = {
    "another subject": claiming(sub="app:team.other"),
    "a user": claiming(sub="user:ada@team.example"),
    "another audience": claiming(aud=[SERVICES, "https://kubernetes.default.svc"]),
    "another scope": claiming(scope="api revoke"),
    "another role": claiming(roles=["Administrator"]),
    "another project": claiming(projects=["apollo", "gemini"]),
    "all projects": claiming(projects=["*"]),
    "somebody who acts": claiming(act={"sub": "serviceaccount:team:builder"}),
    "a life longer than a day": claiming(exp=seconds(NOW + timedelta(hours=24, seconds=1))),
    "a life that was": of_resource(uid="6f0e7c1a-0000-4000-8000-0000000000ff"),
    "a resource that lends nothing": of_resource(uid=UID),
    "another issuer": claiming(iss="https://default.example.org"),
}


@pytest.mark.parametrize("change", BEYOND.values(), ids=BEYOND.keys())
async def test_83_what_goes_beyond_the_applications_rights_is_inactive(
    bench: MintingBench, change: Callable[[dict[str, Any]], None]
) -> None:
    bench.issue()
    assert not await is_active(bench, forged(bench, change))


async def test_83_no_token_of_an_operator_signed_issuer_can_be_forged(bench: MintingBench) -> None:
    bench.issue()
    claims = bench.claims()
    for kid in (bench.minting_key.kid, bench.key.kid):
        token = bench.sign(bench.header(kid=kid), claims, bench.minting_key)
        assert await bench.review(token, SERVICES) == {"authenticated": False}
    assert await bench.review(forged(bench), SERVICES) == {"authenticated": False}


async def test_83_withdrawing_the_key_ends_all_that_it_signed(bench: MintingBench) -> None:
    token, minted = forged(bench), await bench.access_token()
    bench.publish_applications(withdrawnKeys=[bench.minting_key.kid])
    assert not await is_active(bench, token)
    assert not await is_active(bench, minted)


async def test_raising_not_before_ends_what_was_signed_earlier(bench: MintingBench) -> None:
    def raised(body: dict[str, Any]) -> None:
        body["status"]["notBefore"] = rfc3339(NOW + timedelta(seconds=1))

    token = forged(bench)
    bench.apply(change=raised)
    assert not await is_active(bench, token)
    later = seconds(NOW + timedelta(seconds=1))
    assert await is_active(bench, forged(bench, claiming(iat=later)))


async def test_82_a_gate_that_knows_too_little_mints_nothing(bench: MintingBench) -> None:
    bench.age = 600
    assert (await bench.token()).headers["Mintmaster-Staleness"] == "600"
    bench.age = 601
    answer = await bench.token()
    assert (answer.status, answer.json["error"]) == (503, "temporarily_unavailable")
    bench.listed = False
    unknown = await bench.token(path="/issuers/unheard-of/oauth2/token")
    assert unknown.status == 503


async def test_87_two_issuers_of_one_url_mint_for_the_older_alone(bench: MintingBench) -> None:
    keys = [bench.key_record(bench.minting_key)]
    spec = {"signer": "Gate", "url": URL, "limits": {"maxLifetime": "1h"}}
    bench.publish("second", uid="second", created=NOW + timedelta(seconds=1), keys=keys, **spec)
    assert (await bench.token(path="/issuers/second/oauth2/token")).status == 404
    assert (await bench.token(path=f"{APPLICATIONS}/oauth2/token")).status == 200
