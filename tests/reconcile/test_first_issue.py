"""From a resource to a Secret with a token that others can verify."""

from __future__ import annotations

from typing import TYPE_CHECKING

from joserfc import jwt as foreign_jwt
from joserfc.jwk import KeySet

from mintmaster.api.kinds import RUNNER_REGISTRATION
from reconcile.harness import is_ready

if TYPE_CHECKING:
    from reconcile.harness import Cluster, Running


async def test_a_runner_gets_a_token_that_a_foreign_library_verifies(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.create_issuer()
    await cluster_user.create_runner(type="Project", project="3", scopes=["read_api"])
    runner = await cluster_user.runner_where(is_ready)

    token = (await cluster_user.secret_data("runner-token"))["token"]
    issuer = await cluster_user.own_issuer()
    keys = KeySet.import_key_set({"keys": [dict(key.public_jwk) for key in issuer.status.keys]})
    claims = foreign_jwt.decode(token, keys, algorithms=["ES256"]).claims

    assert claims["iss"] == issuer.spec.url
    assert claims["sub"] == f"runner:{cluster_user.namespace}:runner"
    assert claims["jti"] == runner.status.tokens[0].id
    assert claims["projects"] == ["3"]
    assert claims["mintmaster.dev"]["uid"] == runner.metadata.uid


async def test_an_issue_costs_two_writes(cluster_user: Cluster, operator: Running) -> None:
    await cluster_user.create_issuer()
    await cluster_user.until(cluster_user.own_issuer, is_ready)
    await operator.at_rest()
    before = operator.writes()
    await cluster_user.create_runner()
    await cluster_user.runner_where(is_ready)
    await operator.at_rest()
    assert operator.writes() - before == 2


async def test_the_secret_goes_with_its_resource(cluster_user: Cluster, operator: Running) -> None:
    await cluster_user.create_issuer()
    await cluster_user.create_runner()
    await cluster_user.runner_where(is_ready)
    await cluster_user.delete(RUNNER_REGISTRATION, "runner")
    await cluster_user.until(
        lambda: cluster_user.secret("runner-token"), lambda found: found is None
    )
