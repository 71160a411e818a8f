"""Tokens that a running gate mints for what a running operator issued, on a real API server."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import TYPE_CHECKING

import jwt
from joserfc import jwt as joserfc_jwt
from joserfc.jwk import KeySet

from gate.mint import SERVICES
from mintmaster.api.kinds import CLIENT_APPLICATION, TOKEN_ISSUER

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from gate.harness import Gate
    from gate.mint import Credentials, Mint
    from reconcile.harness import Running


def api_requests(gate: Gate) -> float:
    """Requests of the gate to the API server so far, but for watches."""
    return sum(
        sample.value
        for metric in gate.process.metrics.registry.collect()
        for sample in metric.samples
        if sample.name == "mintmaster_gate_api_requests_total"
        and sample.labels["verb"] not in {"watch", "list"}
    )


async def test_an_application_obtains_a_token_that_foreign_libraries_verify(mint: Mint) -> None:
    auth = await mint.client()
    requests = api_requests(mint.gate)
    status, answer = await mint.grant(auth, scope="api")
    assert status == 200
    assert (answer["token_type"], answer["expires_in"], answer["scope"]) == (
        "Bearer",
        36_000,
        "api",
    )
    token = answer["access_token"]
    # Neither minting nor introspecting asks anything of the API server.
    described = await mint.ask("/oauth2/introspect", auth, token=token)
    assert api_requests(mint.gate) == requests

    metadata = (
        await mint.gate.ask("GET", mint.gate.path("/.well-known/openid-configuration"))
    ).json
    keys_url = mint.gate.url + mint.gate.path("/jwks")
    key = await asyncio.to_thread(jwt.PyJWKClient(keys_url).get_signing_key_from_jwt, token)
    claims = jwt.decode(
        token, key, algorithms=["ES256"], audience=SERVICES, issuer=metadata["issuer"]
    )
    keys = KeySet.import_key_set(
        json.loads((await mint.gate.ask("GET", mint.gate.path("/jwks"))).body)
    )
    assert joserfc_jwt.decode(token, keys, algorithms=["ES256"]).claims == claims
    application = (await mint.cluster.application()).metadata
    assert claims["client_id"] == auth.client_id == f"{mint.cluster.namespace}.portal"
    assert claims["sub"] == f"app:{auth.client_id}"
    assert claims["mintmaster.dev"]["uid"] == application.uid
    assert described[0] == 200
    assert (described[1]["active"], described[1]["client_id"]) == (True, auth.client_id)


async def test_a_token_of_one_gate_is_active_at_another_at_once(mint: Mint) -> None:
    auth = await mint.client()
    async with mint.another() as other:
        for _ in range(5):
            assert await other.is_active(await mint.token(auth))


async def test_both_client_secrets_are_good_until_the_overlap_ends(mint: Mint) -> None:
    former = await mint.client()
    token = await mint.token(former)
    await mint.cluster.annotate(CLIENT_APPLICATION, "portal", rotate="now")
    await mint.cluster.application_where(lambda it: it.status.last_rotate_request == "now")
    latter = await mint.client()
    assert latter.client_secret != former.client_secret

    async def status(auth: Credentials) -> int:
        return (await mint.grant(auth))[0]

    await mint.cluster.until(lambda: status(latter), lambda it: it == 200)
    assert await status(former) == 200
    mint.clock.offset += timedelta(minutes=6)
    assert (await status(former), await status(latter)) == (401, 200)
    assert await mint.is_active(token)


async def test_a_disabled_application_is_refused_and_so_are_its_tokens_until_it_is_enabled(
    mint: Mint,
) -> None:
    auth = await mint.client()
    token = await mint.token(auth)
    await mint.cluster.patch(CLIENT_APPLICATION, "portal", {"spec": {"enabled": False}})
    await mint.until(token, active=False)
    assert (await mint.grant(auth))[0] == 401
    await mint.cluster.patch(CLIENT_APPLICATION, "portal", {"spec": {"enabled": True}})
    await mint.until(token, active=True)


async def test_kubectl_delete_ends_the_tokens_of_an_application(mint: Mint) -> None:
    auth = await mint.client()
    token = await mint.token(auth)
    await mint.cluster.kubectl("delete", "clientapplication", "portal")
    await mint.until(token, active=False)
    assert (await mint.grant(auth))[0] == 401


async def test_29_84_an_application_made_again_revives_neither_tokens_nor_secret(
    mint: Mint,
) -> None:
    auth = await mint.client()
    token = await mint.token(auth)
    await mint.cluster.delete(CLIENT_APPLICATION, "portal")
    await mint.cluster.gone(CLIENT_APPLICATION, "portal")
    await mint.cluster.secret_gone("portal-token")
    await mint.cluster.ready_application(scopes=["api"])
    renewed = await mint.client()

    async def status() -> int:
        return (await mint.grant(renewed))[0]

    await mint.cluster.until(status, lambda it: it == 200)
    assert not await mint.is_active(token)
    assert (await mint.grant(auth))[0] == 401


async def test_34_one_token_is_revoked_by_name_and_every_gate_sees_it(mint: Mint) -> None:
    auth = await mint.client()
    token, other = await mint.token(auth), await mint.token(auth)
    async with mint.another() as replica:
        assert (await mint.ask("/oauth2/revoke", auth, token=token))[0] == 200
        assert not await mint.is_active(token)
        await replica.until(token, active=False)
        assert await replica.is_active(other)
    application = await mint.cluster.application()
    assert len(application.status.revoked_tokens) == 1
    assert not application.spec.revoked
    assert (await mint.grant(auth))[0] == 200


async def test_34_tokens_revoked_at_once_at_two_gates_are_all_revoked(mint: Mint) -> None:
    auth = await mint.client()
    tokens = [await mint.token(auth) for _ in range(8)]
    async with mint.another() as replica:

        async def revoked(number: int) -> None:
            at = (mint, replica)[number % 2]

            async def answered() -> int:
                return (await at.ask("/oauth2/revoke", auth, token=tokens[number]))[0]

            # Against so many others a gate may give up: it says so, and is asked again.
            assert await at.cluster.until(answered, lambda status: status != 503) == 200

        async with asyncio.TaskGroup() as group:
            for number in range(len(tokens)):
                group.create_task(revoked(number))
        for token in tokens:
            await replica.until(token, active=False)
            await mint.until(token, active=False)
    assert len((await mint.cluster.application()).status.revoked_tokens) == len(tokens)


def at_hand(mint: Mint) -> Callable[[], Awaitable[set[str]]]:
    """Reads which private keys the gate has."""

    async def kids() -> set[str]:
        return set(mint.gate.process.signing_keys._keys)

    return kids


async def test_64_keys_change_under_load_and_no_token_is_refused_for_it(
    mint: Mint, operator: Running
) -> None:
    auth = await mint.client()
    first = jwt.get_unverified_header(await mint.token(auth))["kid"]
    signers, stop = set(), asyncio.Event()

    async def ask_on() -> int:
        asked = 0
        while not stop.is_set():
            token = await mint.token(auth)
            assert await mint.is_active(token)
            signers.add(jwt.get_unverified_header(token)["kid"])
            asked += 1
        return asked

    load = [asyncio.create_task(ask_on()) for _ in range(4)]
    await mint.cluster.annotate(TOKEN_ISSUER, mint.gate.issuer, rotate="now")
    issuer = await mint.cluster.issuer_where(lambda it: len(it.status.keys) == 2)
    await mint.mount()
    following = next(key.id for key in issuer.status.keys if key.state == "Next")
    await mint.cluster.until(at_hand(mint), lambda kids: following in kids)
    assert signers == {first}
    operator.advance(timedelta(minutes=1, seconds=1))

    async def seen() -> set[str]:
        return signers

    await mint.cluster.until(seen, lambda kids: following in kids)
    stop.set()
    assert min(await asyncio.gather(*load)) > 0
    assert signers == {first, following}
