"""What issuers publish, read by libraries that are not ours."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import jwt
import pytest
from joserfc import jwt as joserfc_jwt
from joserfc.jwk import KeySet

from gate.conftest import SERVICES, Tenant

if TYPE_CHECKING:
    from gate.harness import Gate

PRIVATE_MEMBERS = {"d", "p", "q", "dp", "dq", "qi", "k", "oth"}


# The library prefers the name Ed25519 of RFC 9864, which PyJWT and older consumers do not know.
@pytest.mark.filterwarnings("ignore:EdDSA is deprecated via RFC 9864")
@pytest.mark.parametrize("algorithm", ["ES256", "RS256", "EdDSA"])
async def test_foreign_clients_find_the_keys_and_verify_a_token(
    gate: Gate, tenant: Tenant, algorithm: str
) -> None:
    other = replace(tenant.cluster, issuer=f"{tenant.cluster.issuer}-{algorithm.lower()}")
    await other.ready_issuer(signing={"algorithm": algorithm})
    gate.issuer = other.issuer
    token = await Tenant(other, gate).runner_token()
    assert jwt.get_unverified_header(token)["alg"] == algorithm
    metadata = (await gate.ask("GET", gate.path("/.well-known/openid-configuration"))).json
    claims = jwt.decode(token, options={"verify_signature": False})
    assert metadata["issuer"] == claims["iss"]
    assert metadata["jwks_uri"] == claims["iss"] + "/jwks"

    client = jwt.PyJWKClient(gate.url + gate.path("/jwks"))
    key = await asyncio.to_thread(client.get_signing_key_from_jwt, token)
    verified = jwt.decode(
        token, key, algorithms=[algorithm], audience=SERVICES, issuer=metadata["issuer"]
    )
    assert verified["jti"] == claims["jti"]

    keys = KeySet.import_key_set(json.loads((await gate.ask("GET", gate.path("/jwks"))).body))
    assert joserfc_jwt.decode(token, keys, algorithms=[algorithm]).claims == claims


async def test_41_the_keys_are_public_named_and_cacheable(gate: Gate, tenant: Tenant) -> None:
    answer = await gate.ask("GET", gate.path("/jwks"))
    assert answer.headers["Content-Type"] == "application/jwk-set+json"
    assert answer.headers["Cache-Control"] == "public, max-age=300"
    keys = answer.json["keys"]
    recorded = (await tenant.cluster.own_issuer()).status.keys
    assert [key["kid"] for key in keys] == [key.id for key in recorded]
    for key in keys:
        assert (key["alg"], key["use"]) == ("ES256", "sig")
        assert PRIVATE_MEMBERS.isdisjoint(key)
    head = await gate.ask("HEAD", gate.path("/jwks"))
    assert (head.status, head.body) == (200, b"")
    assert head.headers["ETag"] == answer.headers["ETag"]
    assert (await gate.ask("POST", gate.path("/jwks"))).status == 405


async def test_41_a_known_entity_tag_is_answered_without_the_keys(
    gate: Gate, tenant: Tenant
) -> None:
    tag = (await gate.ask("GET", gate.path("/jwks"))).headers["ETag"]
    for value in (tag, f'"other", W/{tag}', "*"):
        again = await gate.ask("GET", gate.path("/jwks"), headers={"If-None-Match": value})
        assert (again.status, again.body) == (304, b"")
        assert again.headers["ETag"] == tag
    other = await gate.ask("GET", gate.path("/jwks"), headers={"If-None-Match": '"other"'})
    assert other.status == 200


async def test_42_what_the_request_says_of_the_host_does_not_matter(
    gate: Gate, tenant: Tenant
) -> None:
    path = gate.path("/.well-known/openid-configuration")
    honest = await gate.ask("GET", path)
    spoofed = await gate.ask(
        "GET",
        path,
        headers={
            "Host": "attacker.example",
            "X-Forwarded-Host": "attacker.example",
            "X-Forwarded-Proto": "gopher",
            "Forwarded": "host=attacker.example",
        },
    )
    assert spoofed.body == honest.body
    assert honest.json["issuer"] == f"https://{tenant.cluster.issuer}.example.org"


async def test_the_metadata_stands_in_both_places_of_rfc_8414(gate: Gate, tenant: Tenant) -> None:
    well_known = "/.well-known/oauth-authorization-server"
    appended = await gate.ask("GET", gate.path(well_known))
    inserted = await gate.ask("GET", well_known + gate.path(""))
    assert appended.body == inserted.body
    assert appended.json["introspection_endpoint"].endswith("/oauth2/introspect")
    assert "token_endpoint" not in appended.json


async def test_an_issuer_answers_below_the_path_of_its_url(gate: Gate, tenant: Tenant) -> None:
    name = f"{tenant.cluster.issuer}-below"
    url = f"https://tokens.example.org/{name}-path"
    await tenant.cluster.create_issuer(name, url=url)

    async def published() -> int:
        return (await gate.ask("GET", f"/{name}-path/jwks")).status

    await tenant.cluster.until(published, lambda status: status == 200)
    for path in (
        f"/{name}-path/.well-known/openid-configuration",
        f"/.well-known/oauth-authorization-server/{name}-path",
    ):
        assert (await gate.ask("GET", path)).json["issuer"] == url


async def test_the_description_names_every_path_that_is_served(gate: Gate, tenant: Tenant) -> None:
    described = (await gate.ask("GET", "/openapi.json")).json["paths"]
    served = {*gate.process.endpoints(), "/healthz", "/readyz", "/metrics", "/docs"}
    assert set(described) == served | {"/openapi.json"}
    for path, methods in described.items():
        for method in methods:
            below = gate.path(path) if path in gate.process.endpoints() else path
            status = (await gate.ask(method.upper(), below)).status
            # The test's issuer is signed by the operator, so nothing is minted for it over HTTP; and it has no list.
            absent = path in {"/oauth2/token", "/status-lists/{id}"}
            assert status == 404 if absent else status not in {404, 405, 500}
    page = await gate.ask("GET", "/docs")
    assert b"/oauth2/introspect" in page.body


async def test_the_series_tell_what_was_found(gate: Gate, tenant: Tenant) -> None:
    await gate.is_active(await tenant.runner_token())
    await gate.is_active("unknown")
    text = (await gate.ask("GET", "/metrics")).body.decode()
    assert 'mintmaster_gate_verdicts_total{endpoint="introspect",finding="active"} 1.0' in text
    assert 'finding="resource_unknown"} 1.0' in text
    assert "mintmaster_gate_staleness_seconds" in text
