"""Token exchange by service accounts of a real API server, for what a running operator issued."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jwt
import pytest

from gate.conftest import Tenant
from gate.harness import bearer
from gate.mint import SCOPES
from gate.test_cluster_callers import service_account
from mintmaster.api.kinds import RUNNER_REGISTRATION, TOKEN_ISSUER
from mintmaster.kube.paths import object_path
from reconcile.builders import runner
from reconcile.reading import is_ready

if TYPE_CHECKING:
    from gate.mint import Mint


@pytest.fixture
async def lender(mint: Mint) -> str:
    """A runner of an operator-signed issuer that lets `builder` have its rights; the name of that issuer."""
    home = f"{mint.gate.issuer}-home"
    await mint.cluster.create_issuer(home, scopes=[{"name": scope} for scope in SCOPES])
    await mint.cluster.issuer_where(is_ready, home)
    exchange = {"serviceAccounts": ["builder"], "issuer": mint.gate.issuer}
    spec = {"issuerRef": {"name": home}, "scopes": ["read_api"], "exchange": exchange}
    await mint.cluster.create(runner("runner", **spec))
    await mint.cluster.runner_where(is_ready)
    return home


async def account(mint: Mint, name: str, *audiences: str) -> str:
    """A token of a service account, for the issuer unless another audience is named."""
    meant = audiences or (f"https://{mint.gate.issuer}.example.org",)
    return await service_account(Tenant(mint.cluster, mint.gate), name, *meant)


async def exchanged(mint: Mint, subject_token: str) -> str:
    """The token that comes of it, once the gate's watch shows the resource."""
    answer = await mint.cluster.until(
        lambda: mint.exchange(subject_token), lambda it: it.status == 200
    )
    token: str = answer.json["access_token"]
    return token


async def test_a_service_account_obtains_a_token_that_speaks_for_the_runner(
    mint: Mint, lender: str
) -> None:
    token = await exchanged(mint, await account(mint, "builder"))
    claims = jwt.decode(token, options={"verify_signature": False})
    namespace = mint.cluster.namespace
    assert claims["sub"] == f"runner:{namespace}:runner"
    assert claims["iss"] == f"https://{mint.gate.issuer}.example.org"
    assert claims["act"] == {"sub": f"serviceaccount:{namespace}:builder"}
    assert claims["exp"] - claims["iat"] <= 600  # no longer than the service account's token
    auth = await mint.client()
    status, described = await mint.ask("/oauth2/introspect", auth, token=token)
    assert (status, described["active"], described["scope"]) == (200, True, "read_api")


async def test_37_neither_another_audience_nor_another_account_will_do(
    mint: Mint, lender: str
) -> None:
    await exchanged(mint, await account(mint, "builder"))
    foreign = await mint.exchange(await account(mint, "stray", "https://elsewhere.example.org"))
    assert (foreign.status, foreign.json["error"]) == (400, "invalid_request")
    stranger = await mint.exchange(await account(mint, "stranger"))
    assert (stranger.status, stranger.json["error"]) == (400, "invalid_target")
    forged = (await account(mint, "forger"))[:-8] + "AAAAAAAA"
    refused = await mint.exchange(forged)
    assert (refused.status, refused.json["error"]) == (400, "invalid_request")


async def test_37_a_deleted_service_account_obtains_nothing(mint: Mint, lender: str) -> None:
    shown = await account(mint, "builder")
    await exchanged(mint, shown)
    path = object_path("v1", "serviceaccounts", mint.cluster.namespace, "builder")
    await mint.cluster.client.delete(path)

    async def answered() -> int:
        mint.gate.elapsed.ahead += 0.5  # so that what Kubernetes said is asked anew sooner
        return (await mint.exchange(shown)).status

    await mint.cluster.until(answered, lambda status: status == 400)


async def test_revoking_an_exchanged_token_revokes_its_runner(mint: Mint, lender: str) -> None:
    own = (await mint.cluster.secret_data("runner-token"))["token"]
    token = await exchanged(mint, await account(mint, "builder"))
    form = {"token": token}
    revoked = await mint.gate.ask(
        "POST", mint.gate.path("/oauth2/revoke"), form=form, headers=bearer(token)
    )
    assert revoked.status == 200
    assert not await mint.is_active(token)
    assert (await mint.cluster.runner()).spec.revoked
    await mint.cluster.secret_gone()
    assert own not in str(await mint.cluster.raw(RUNNER_REGISTRATION, "runner"))


async def test_86_a_service_account_that_is_struck_off_the_list_loses_its_tokens(
    mint: Mint, lender: str
) -> None:
    token = await exchanged(mint, await account(mint, "builder"))
    assert await mint.is_active(token)
    await mint.cluster.edit_runner(exchange={"serviceAccounts": ["other"]})
    await mint.until(token, active=False)


async def test_86_narrowing_the_issuer_that_the_runner_names_ends_exchanged_tokens(
    mint: Mint, lender: str
) -> None:
    token = await exchanged(mint, await account(mint, "builder"))
    await mint.cluster.patch(TOKEN_ISSUER, lender, {"spec": {"deniedSubjects": ["runner:*"]}})
    await mint.until(token, active=False)
