"""Token exchange: whose rights a service account obtains, how they narrow, and what ends them (attacks 37, 86)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from gate.exchange_bench import (
    ADA,
    BUILDER,
    Kubernetes,
    exchange,
    lend,
    made,
)
from gate.minting_bench import APPLICATIONS, OTHER_AUDIENCE, claims
from gate.workbench import NOW, SERVICES, UID, rfc3339
from reconcile.builders import grant

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from gate.minting_bench import MintingBench


@pytest.fixture
def kubernetes() -> Kubernetes:
    return Kubernetes()


@pytest.fixture
def bench(tmp_path: Path, kubernetes: Kubernetes, monkeypatch: pytest.MonkeyPatch) -> MintingBench:
    return made(tmp_path, kubernetes, monkeypatch)


@pytest.mark.parametrize("username", [f"{BUILDER}s", "system:serviceaccount:other:builder"])
async def test_37_a_service_account_that_no_resource_lists_obtains_nothing(
    bench: MintingBench, kubernetes: Kubernetes, username: str
) -> None:
    for form in ({}, {"resource": ADA}):
        answer = await exchange(bench, kubernetes.token(username), form)
        assert (answer.status, answer.json["error"]) == (400, "invalid_target")


async def test_an_account_that_is_listed_twice_is_listed_once(
    bench: MintingBench, kubernetes: Kubernetes
) -> None:
    """The CRD refuses that; a gate must not fall over what a database holds all the same."""

    def twice(body: dict[str, Any]) -> None:
        body["spec"]["exchange"]["serviceAccounts"] = ["builder", "builder"]

    lend(bench, change=twice)
    assert (await exchange(bench, kubernetes.token())).status == 200
    lend(bench, change=without_exchange)
    assert (await exchange(bench, kubernetes.token())).status == 400


async def test_of_several_resources_one_has_to_be_named(
    bench: MintingBench, kubernetes: Kubernetes
) -> None:
    lend(bench, name="eve", uid="eve")
    answer = await exchange(bench, kubernetes.token())
    assert (answer.status, answer.json["error"]) == (400, "invalid_target")
    named = await exchange(bench, kubernetes.token(), {"resource": ADA})
    found = claims(named.json["access_token"])
    assert found["sub"] == "user:ada@team.example"
    bench.issue(uid="eve", name="eve", change=lambda body: body["spec"].update(revoked=True))
    assert (await exchange(bench, kubernetes.token())).status == 200


@pytest.mark.parametrize(
    "target",
    [
        "urn:mintmaster:useraccesstoken:team:eve",
        "urn:mintmaster:useraccesstoken:other:ada",
        "urn:mintmaster:runnerregistration:team:ada",
        "urn:mintmaster:",
        f"{SERVICES}/other",
    ],
)
async def test_37_an_unknown_target_is_an_invalid_target(
    bench: MintingBench, kubernetes: Kubernetes, target: str
) -> None:
    for name in ("resource", "audience"):
        answer = await exchange(bench, kubernetes.token(), {name: target})
        assert (answer.status, answer.json["error"]) == (400, "invalid_target")
    both = await exchange(bench, kubernetes.token(), [("resource", ADA), ("resource", target)])
    assert (both.status, both.json["error"]) == (400, "invalid_target")


async def test_scope_and_audience_narrow_the_rights(
    bench: MintingBench, kubernetes: Kubernetes
) -> None:
    form = [("resource", ADA), ("audience", SERVICES), ("scope", "read_api")]
    answer = await exchange(bench, kubernetes.token(), form)
    assert answer.json["scope"] == "read_api"
    wider = await exchange(bench, kubernetes.token(), {"scope": "introspect"})
    assert (wider.status, wider.json["error"]) == (400, "invalid_scope")


async def test_only_the_audiences_that_both_issuers_serve_are_passed_on(
    bench: MintingBench, kubernetes: Kubernetes
) -> None:
    lend(bench, audiences=[SERVICES, OTHER_AUDIENCE])
    answer = await exchange(bench, kubernetes.token())
    found = claims(answer.json["access_token"])
    assert found["aud"] == [SERVICES]


def without_exchange(body: dict[str, Any]) -> None:
    del body["spec"]["exchange"]


def with_another_issuer(body: dict[str, Any]) -> None:
    body["spec"]["exchange"]["issuer"] = "other"


def with_another_account(body: dict[str, Any]) -> None:
    body["spec"]["exchange"]["serviceAccounts"] = ["other"]


def revoked(body: dict[str, Any]) -> None:
    body["spec"]["revoked"] = True


def deleted(body: dict[str, Any]) -> None:
    body["metadata"]["deletionTimestamp"] = rfc3339(NOW)


def ended(body: dict[str, Any]) -> None:
    body["status"]["tokens"][0]["validUntil"] = rfc3339(NOW)


def without_a_token(body: dict[str, Any]) -> None:
    body["status"]["tokens"] = []


def of_another_life(body: dict[str, Any]) -> None:
    body["status"]["uid"] = "another-life"


def with_fewer_rights(body: dict[str, Any]) -> None:
    body["status"]["tokens"][0]["rights"]["scopes"] = ["read_api"]


def too_old(body: dict[str, Any]) -> None:
    body["status"]["notBefore"] = rfc3339(NOW + timedelta(seconds=1))


LOST = [
    without_exchange,
    with_another_issuer,
    with_another_account,
    revoked,
    deleted,
    ended,
    without_a_token,
    of_another_life,
    too_old,
]


@pytest.mark.parametrize("change", LOST)
async def test_what_ends_the_right_to_exchange_ends_the_tokens_and_mints_no_more(
    bench: MintingBench, kubernetes: Kubernetes, change: Callable[[dict[str, Any]], None]
) -> None:
    token = (await exchange(bench, kubernetes.token())).json["access_token"]
    lend(bench, change=change)
    assert await bench.introspected(token) == {"active": False}
    answer = await exchange(bench, kubernetes.token())
    assert (answer.status, answer.json["error"]) == (400, "invalid_target")


async def test_86_rights_that_shrink_end_tokens_that_have_more(
    bench: MintingBench, kubernetes: Kubernetes
) -> None:
    token = (await exchange(bench, kubernetes.token())).json["access_token"]
    narrow = (await exchange(bench, kubernetes.token(), {"scope": "read_api"})).json
    lend(bench, change=with_fewer_rights)
    assert await bench.introspected(token) == {"active": False}
    assert (await bench.introspected(narrow["access_token"]))["active"] is True


@pytest.mark.parametrize("issuer", ["default", "applications"])
async def test_86_both_issuers_have_to_grant_the_rights_as_they_are_now(
    bench: MintingBench, kubernetes: Kubernetes, issuer: str
) -> None:
    token = (await exchange(bench, kubernetes.token())).json["access_token"]
    if issuer == "default":
        bench.publish(grants=[grant("team", scopes=["read_api"])])
    else:
        narrowed = grant("team", kinds=["ClientApplication"], clientIds=["*"])
        bench.publish_applications(grants=[narrowed])
    review = await bench.review_at_applications(token)
    assert review == {"authenticated": False}
    answer = await exchange(bench, kubernetes.token())
    assert (answer.status, answer.json["error"]) == (400, "invalid_target")


async def test_15_an_exchanged_token_is_none_of_the_issuer_that_the_resource_names(
    bench: MintingBench, kubernetes: Kubernetes
) -> None:
    token = (await exchange(bench, kubernetes.token())).json["access_token"]
    assert not await bench.is_active(token)
    assert await bench.review(token, SERVICES) == {"authenticated": False}


async def test_a_token_just_exchanged_at_another_gate_is_waited_for(
    bench: MintingBench, kubernetes: Kubernetes
) -> None:
    """One gate has seen revision 2 and mints by it, while this one still knows revision 1."""

    def renewed(body: dict[str, Any]) -> None:
        body["status"]["revision"] = 2
        record = body["status"]["tokens"][0]
        body["status"]["tokens"] = [record | {"id": f"{UID}.2.00", "revision": 2}]

    lend(bench, change=renewed)
    token = (await exchange(bench, kubernetes.token())).json["access_token"]
    lend(bench)
    verdict = bench.process.verification.judge(
        bench.process.knowledge.issuers["applications"], token
    )
    assert verdict == "not_yet_recorded"
    lend(bench, change=renewed)
    assert (await bench.introspected(token, APPLICATIONS))["active"] is True
