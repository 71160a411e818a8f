"""Introspection (RFC 7662) by the running gate, of tokens that a running operator issued."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gate.conftest import SERVICES

if TYPE_CHECKING:
    from gate.conftest import Tenant
    from gate.harness import Gate


@pytest.mark.parametrize("form", ["JWT", "Opaque"])
async def test_an_active_token_is_described_by_its_record(
    gate: Gate, tenant: Tenant, form: str
) -> None:
    token = await tenant.user_token("ada", roles=["Researcher"], token={"format": form})
    recorded = (await tenant.cluster.user("ada")).status.tokens[0]
    answer = await gate.introspect(token)
    assert answer.status == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert int(answer.headers["Mintmaster-Staleness"]) >= 0
    resource = (await tenant.cluster.user("ada")).metadata
    assert recorded.expires_at is not None
    assert answer.json == {
        "active": True,
        "scope": "read_api",
        "client_id": f"user:{tenant.cluster.namespace}:ada",
        "token_type": "Bearer",
        "iat": int(recorded.issued_at.timestamp()),
        "exp": int(recorded.expires_at.timestamp()),
        "sub": "user:ada@team.example",
        "aud": [SERVICES],
        "iss": f"https://{tenant.cluster.issuer}.example.org",
        "jti": recorded.id,
        "roles": ["Researcher"],
        "projects": [],
        "mintmaster.dev": {
            "kind": "UserAccessToken",
            "namespace": tenant.cluster.namespace,
            "name": "ada",
            "uid": resource.uid,
            "revision": 1,
        },
    }


async def test_a_wrong_hint_does_not_stop_the_search(gate: Gate, tenant: Tenant) -> None:
    token = await tenant.runner_token()
    answer = await gate.ask(
        "POST",
        gate.path("/oauth2/introspect"),
        form={"token": token, "token_type_hint": "refresh_token"},
        headers={"Authorization": f"Bearer {gate.credential}"},
    )
    assert answer.json["active"] is True
