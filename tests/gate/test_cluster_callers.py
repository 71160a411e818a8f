"""Callers whom Kubernetes knows: service accounts, by TokenReview and SubjectAccessReview; and administrators."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from gate.conftest import SERVICES
from mintmaster.api.names import GROUP
from mintmaster.kube.paths import collection_path, object_path
from reconcile.harness import grant

if TYPE_CHECKING:
    import pytest

    from gate.conftest import Tenant
    from gate.harness import Gate


async def service_account(tenant: Tenant, name: str, *audiences: str) -> str:
    """A service account's token, for the API server unless audiences are named."""
    cluster = tenant.cluster
    accounts = collection_path("v1", "serviceaccounts", cluster.namespace)
    await cluster.client.create(accounts, {"metadata": {"name": name}})
    path = object_path("v1", "serviceaccounts", cluster.namespace, name, "token")
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest"}
    spec = {"audiences": audiences, "expirationSeconds": 600}
    answer = await cluster.client.create(path, body | {"spec": spec})
    token: str = msgspec.json.decode(answer)["status"]["token"]
    return token


async def allow(tenant: Tenant, name: str, verb: str, resource: str, named: str) -> None:
    """Let a service account do something with a resource of our group, cluster-wide."""
    rule = {
        "apiGroups": [GROUP],
        "resources": [resource],
        "resourceNames": [named],
        "verbs": [verb],
    }
    role = f"{tenant.cluster.namespace}-{name}"[-60:].strip("-")
    rbac = "rbac.authorization.k8s.io/v1"
    client = tenant.cluster.client
    await client.create(
        collection_path(rbac, "clusterroles"), {"metadata": {"name": role}, "rules": [rule]}
    )
    await client.create(
        collection_path(rbac, "clusterrolebindings"),
        {
            "metadata": {"name": role},
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "ClusterRole",
                "name": role,
            },
            "subjects": [
                {"kind": "ServiceAccount", "name": name, "namespace": tenant.cluster.namespace}
            ],
        },
    )


async def test_a_service_account_with_the_verb_introspect_sees_that_audiences_tokens(
    gate: Gate, tenant: Tenant
) -> None:
    gate.credential = await service_account(tenant, "service")
    await allow(tenant, "service", "introspect", "audiences", SERVICES)
    elsewhere = await tenant.runner_token(
        "elsewhere", token={"audiences": ["https://elsewhere.example.org"]}
    )
    await gate.until_active(await tenant.runner_token())
    assert not await gate.is_active(elsewhere)


async def test_a_service_account_shows_a_token_that_is_meant_for_the_issuer(
    gate: Gate, tenant: Tenant
) -> None:
    url = (await tenant.cluster.own_issuer()).spec.url
    gate.credential = await service_account(tenant, "service", url)
    await allow(tenant, "service", "introspect", "audiences", SERVICES)
    await gate.until_active(await tenant.runner_token())


async def test_a_service_account_without_the_verb_sees_nothing(gate: Gate, tenant: Tenant) -> None:
    token = await tenant.runner_token()
    gate.credential = await service_account(tenant, "stranger")
    assert not await gate.is_active(token)


async def test_31_a_service_accounts_token_for_somebody_else_is_no_credential(
    gate: Gate, tenant: Tenant
) -> None:
    token = await tenant.runner_token()
    foreign = await service_account(tenant, "service", "https://elsewhere.example.org")
    assert (await gate.introspect(token, credential=foreign)).status == 401


async def test_34_a_service_account_revokes_what_it_may_patch(gate: Gate, tenant: Tenant) -> None:
    token, other = await tenant.runner_token(), await tenant.runner_token("other")
    deputy = await service_account(tenant, "deputy")
    await allow(tenant, "deputy", "patch", "runnerregistrations", "runner")

    async def revoked() -> int:
        return (await gate.revoke(token, credential=deputy)).status

    await tenant.cluster.until(revoked, lambda status: status == 200)
    assert not await gate.is_active(token)
    assert (await gate.revoke(other, credential=deputy)).status == 400
    assert await gate.is_active(other)


async def test_an_administrators_token_sees_and_revokes_every_token(
    gate: Gate, tenant: Tenant
) -> None:
    cluster = tenant.cluster
    home = "mintmaster-system"
    await cluster.edit_issuer(grants=[grant(cluster.namespace), grant(home)])
    token = await tenant.runner_token(token={"audiences": ["https://elsewhere.example.org"]})
    user = {
        "apiVersion": "mintmaster.dev/v1alpha1",
        "kind": "UserAccessToken",
        "metadata": {"name": cluster.issuer, "namespace": home},
        "spec": {
            "user": {"email": "admin@cluster.local"},
            "roles": ["Administrator"],
            "token": {"format": "Opaque"},
            "issuerRef": {"name": cluster.issuer},
        },
    }
    await cluster.create(user)
    await cluster.until(
        lambda: cluster.secret(f"{cluster.issuer}-token", home), lambda found: found is not None
    )
    data = await cluster.secret_data(f"{cluster.issuer}-token", home)
    gate.credential = data["token"]

    async def answered() -> int:
        return (await gate.introspect(token)).status

    await cluster.until(answered, lambda status: status == 200)
    assert await gate.is_active(token)
    assert (await gate.revoke(token, credential=gate.credential)).status == 200
    assert not await gate.is_active(token)


async def test_45_foreign_tokens_are_reviewed_without_an_error_and_without_a_log(
    gate: Gate, tenant: Tenant, caplog: pytest.LogCaptureFixture
) -> None:
    foreign = await service_account(tenant, "foreign")
    caplog.clear()
    assert await gate.review(foreign, SERVICES) == {"authenticated": False}
    v1beta1 = "authentication.k8s.io/v1beta1"
    assert await gate.review(foreign, SERVICES, version=v1beta1) == {"authenticated": False}
    assert not [it for it in caplog.records if it.name.startswith("mintmaster.gate")]
