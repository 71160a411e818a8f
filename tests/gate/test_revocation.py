"""Revocation, by RFC 7009 and by kubectl, and everything else that ends a token at once, as gates see it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from gate.conftest import SERVICES
from mintmaster.api.kinds import RUNNER_REGISTRATION, TOKEN_ISSUER, USER_ACCESS_TOKEN
from reconcile.harness import grant

if TYPE_CHECKING:
    from gate.conftest import Tenant
    from gate.harness import Gate
    from mintmaster.api.token_issuer import TokenIssuer


async def test_34_the_holder_revokes_a_token_and_may_do_so_twice(
    gate: Gate, tenant: Tenant
) -> None:
    token = await tenant.runner_token()
    assert await gate.is_active(token)
    for _ in range(2):
        answer = await gate.revoke(token, credential=token)
        assert (answer.status, answer.body) == (200, b"")
        assert not await gate.is_active(token)
    assert (await tenant.cluster.runner()).spec.revoked
    await tenant.cluster.secret_gone()


async def test_34_somebody_elses_token_is_refused_and_stays_active(
    gate: Gate, tenant: Tenant
) -> None:
    token, other = await tenant.runner_token(), await tenant.runner_token("other")
    answer = await gate.revoke(token, credential=other)
    assert (answer.status, answer.json["error"]) == (400, "unauthorized_client")
    assert await gate.is_active(token)
    assert not (await tenant.cluster.runner()).spec.revoked


async def test_34_an_unknown_token_is_as_good_as_revoked(gate: Gate, tenant: Tenant) -> None:
    holder = await tenant.runner_token()
    assert (await gate.revoke("unknown", credential=holder)).status == 200
    assert (await gate.revoke("a.b.c", credential=holder)).status == 200
    assert await gate.is_active(holder)


async def test_34_the_scope_revoke_reaches_the_tokens_of_shared_audiences(
    gate: Gate, tenant: Tenant
) -> None:
    token = await tenant.runner_token()
    elsewhere = await tenant.runner_token(
        "elsewhere", token={"audiences": ["https://elsewhere.example.org"]}
    )
    officer = await tenant.user_token("officer", scopes=["revoke"])
    assert (await gate.revoke(token, credential=officer)).status == 200
    assert not await gate.is_active(token)
    assert (await gate.revoke(elsewhere, credential=officer)).status == 400
    reviewed = await gate.review(elsewhere, "https://elsewhere.example.org")
    assert reviewed["authenticated"] is True


async def test_35_a_revocation_that_races_with_rotations_leaves_nothing_active(
    gate: Gate, tenant: Tenant
) -> None:
    first = await tenant.runner_token()

    async def rotate(value: int) -> str:
        await tenant.cluster.annotate(RUNNER_REGISTRATION, "runner", rotate=str(value))
        return (await tenant.cluster.secret_data("runner-token")).get("token", first)

    async with asyncio.TaskGroup() as group:
        rotations = [group.create_task(rotate(value)) for value in range(3)]
        revocation = group.create_task(gate.revoke(first, credential=first))
    assert revocation.result().status == 200
    await tenant.cluster.secret_gone()
    for token in {first, *(rotation.result() for rotation in rotations)}:
        assert not await gate.is_active(token)


async def test_kubectl_delete_is_seen(gate: Gate, tenant: Tenant) -> None:
    token = await tenant.runner_token()
    assert (await gate.review(token, SERVICES))["authenticated"] is True
    await tenant.cluster.kubectl("delete", "runnerregistration", "runner")
    await gate.until_inactive(token)
    assert await gate.review(token, SERVICES) == {"authenticated": False}


async def test_77_a_foreground_deletion_is_seen_while_the_resource_still_stands(
    gate: Gate, tenant: Tenant
) -> None:
    token = await tenant.runner_token()
    hold = {"metadata": {"finalizers": ["tests.mintmaster.dev/hold"]}}
    await tenant.cluster.patch(RUNNER_REGISTRATION, "runner", hold)
    await tenant.cluster.delete(RUNNER_REGISTRATION, "runner", propagation="Foreground")
    await gate.until_inactive(token)
    assert (await tenant.cluster.runner()).metadata.deletion_timestamp is not None
    release = {"metadata": {"finalizers": None}}
    await tenant.cluster.patch(RUNNER_REGISTRATION, "runner", release)


async def test_29_a_resource_of_the_same_name_does_not_revive_a_token(
    gate: Gate, tenant: Tenant
) -> None:
    former = await tenant.user_token("ada")
    await tenant.cluster.delete(USER_ACCESS_TOKEN, "ada")
    await tenant.cluster.gone(USER_ACCESS_TOKEN, "ada")
    await tenant.cluster.secret_gone("ada-token")
    token = await tenant.user_token("ada")
    assert await gate.is_active(token)
    assert not await gate.is_active(former)


async def test_72_75_a_superseded_token_ends_with_its_overlap_and_pasting_it_back_helps_nobody(
    gate: Gate, tenant: Tenant
) -> None:
    former = await tenant.runner_token(token={"overlap": "0s"})
    await tenant.cluster.rotate_runner("now")
    await gate.until_inactive(former)
    await tenant.cluster.write_secret_data("runner-token", token=former)
    runner = await tenant.cluster.runner_where(lambda it: it.status.revision == 3)
    assert runner.status.tokens[0].revision == 3
    assert not await gate.is_active(former)
    await gate.until_active((await tenant.cluster.secret_data("runner-token"))["token"])


async def test_86_narrowing_an_issuer_is_seen(gate: Gate, tenant: Tenant) -> None:
    token = await tenant.user_token("ada", scopes=["read_api"])
    await tenant.cluster.edit_issuer(
        grants=[grant(tenant.cluster.namespace, scopes=["introspect", "revoke"])]
    )
    await gate.until_inactive(token)


async def test_87_an_issuer_that_comes_second_to_a_url_verifies_nothing(
    gate: Gate, tenant: Tenant
) -> None:
    token = await tenant.runner_token()
    second = f"{tenant.cluster.issuer}-second"
    issuer = await tenant.cluster.own_issuer()
    await tenant.cluster.until(_now, lambda now: now >= _created(issuer) + timedelta(seconds=1))
    await tenant.cluster.create_issuer(second, url=issuer.spec.url)
    await tenant.cluster.issuer_where(lambda it: bool(it.status.conditions), second)
    assert (await gate.ask("GET", f"/issuers/{second}/jwks")).status == 404
    assert await gate.is_active(token)


async def test_87_an_issuer_created_again_takes_its_tokens_up(gate: Gate, tenant: Tenant) -> None:
    token = await tenant.runner_token()
    spec = (await tenant.cluster.raw(TOKEN_ISSUER, tenant.cluster.issuer))["spec"]
    await tenant.cluster.delete(TOKEN_ISSUER, tenant.cluster.issuer)
    await tenant.cluster.gone(TOKEN_ISSUER, tenant.cluster.issuer)
    await tenant.cluster.ready_issuer(**spec)

    async def answered() -> int:
        return (await gate.introspect(token)).status

    await tenant.cluster.until(answered, lambda status: status == 200)
    await gate.until_active(token)


async def _now() -> datetime:
    return datetime.now(UTC)


def _created(issuer: TokenIssuer) -> datetime:
    """To the second: who is older cannot be told within one."""
    assert issuer.metadata.creation_timestamp is not None
    return issuer.metadata.creation_timestamp
