"""Attacks on gates beside a running operator, on a real API server."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from gate.harness import INACTIVE, bearer, gating
from gate.test_cluster_callers import service_account
from gate.workbench import SERVICES

if TYPE_CHECKING:
    import pytest

    from gate.conftest import Tenant
    from gate.harness import Answer, Gate

LENGTH = 12
"""So many octets of a token, seen anywhere, are too many."""


async def test_17_a_token_of_the_clusters_own_issuer_is_inactive(
    gate: Gate, tenant: Tenant
) -> None:
    foreign = await service_account(tenant, "foreign")
    assert (await gate.introspect(foreign)).body == INACTIVE
    assert await gate.review(foreign, SERVICES) == {"authenticated": False}


async def test_32_unknown_expired_revoked_and_foreign_tokens_get_one_answer(
    gate: Gate, tenant: Tenant
) -> None:
    revoked, superseded = (
        await tenant.runner_token("revoked"),
        await tenant.runner_token("superseded", token={"overlap": "0s"}),
    )
    elsewhere = await tenant.runner_token("foreign", token={"audiences": ["https://x.example.org"]})
    await tenant.cluster.edit_runner("revoked", revoked=True)
    await tenant.cluster.rotate_runner("now", "superseded")
    for token in (revoked, superseded):
        await gate.until_inactive(token)
    asked = ("unknown", "a.b.c", revoked, superseded, elsewhere)
    answers = [await gate.introspect(token) for token in asked]
    assert {(it.status, it.body, _but_for_time(it)) for it in answers} == {
        (200, INACTIVE, _but_for_time(answers[0]))
    }


def _but_for_time(answer: Answer) -> tuple[tuple[str, str], ...]:
    passing = {"Date", "Mintmaster-Staleness"}
    return tuple((name, value) for name, value in answer.headers.items() if name not in passing)


async def test_41_all_replicas_publish_the_same_keys(gate: Gate, tenant: Tenant) -> None:
    async with gating(tenant.cluster.kubeconfig) as other:
        for path in ("/jwks", "/.well-known/openid-configuration"):
            here = await gate.ask("GET", gate.path(path))
            there = await other.ask("GET", gate.path(path))
            assert here.body == there.body
            assert here.headers.get("ETag") == there.headers.get("ETag")


async def test_66_no_log_line_series_or_answer_of_a_gate_shows_a_part_of_a_token(
    gate: Gate, tenant: Tenant, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    opaque = await tenant.user_token("opaque", token={"format": "Opaque"})
    token, foreign = await tenant.runner_token(), await service_account(tenant, "foreign")
    said: list[Answer] = []
    for shown in (token, opaque, foreign, token[:-4] + "AAAA"):
        said += [
            await gate.introspect(shown),
            await gate.introspect(shown, credential=shown),
            await gate.revoke(shown + "x", credential=shown),
            await gate.ask("GET", gate.path(f"/jwks?access_token={shown}")),
            await gate.ask("POST", gate.path(f"/oauth2/introspect?token={shown}")),
            await gate.ask("POST", gate.path("/k8s/tokenreview"), data=shown.encode()),
            await gate.ask("GET", f"/issuers/{shown}/jwks", headers=bearer(shown)),
        ]
        await gate.review(shown, SERVICES)
    said.append(await gate.ask("GET", "/metrics"))
    haystack = caplog.text + "".join(f"{it.headers}{it.body!r}" for it in said)
    # Not the fragments themselves: a failure's text is no place for them either.
    assert not [
        place
        for text in (token, opaque, foreign)
        for place, part in _parts(text)
        if part in haystack
    ]


def _parts(token: str) -> list[tuple[int, str]]:
    """All fragments but those of a header, which is no secret."""
    begin = token.find(".") + 1
    places = range(begin, len(token) - LENGTH + 1)
    return [(place, token[place : place + LENGTH]) for place in places]
