"""Whom Kubernetes knows asks with a token of Kubernetes, and gives what RBAC lets them give."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from mintmaster.api.names import GROUP
from mintmaster.kube.paths import collection_path, object_path

if TYPE_CHECKING:
    from gate.compat.gitlab_site import GitLab
    from gate.harness import Answer

RBAC = "rbac.authorization.k8s.io/v1"
URL = "https://gitlab.example.org"


async def service_account(gitlab: GitLab, name: str, *audiences: str) -> str:
    """The token of a service account."""
    cluster = gitlab.cluster
    accounts = collection_path("v1", "serviceaccounts", cluster.namespace)
    await cluster.client.create(accounts, {"metadata": {"name": name}})
    path = object_path("v1", "serviceaccounts", cluster.namespace, name, "token")
    spec = {"audiences": audiences, "expirationSeconds": 600}
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
    token: str = msgspec.json.decode(await cluster.client.create(path, body))["status"]["token"]
    return token


async def let_give(gitlab: GitLab, name: str, **names: list[str]) -> None:
    """Let a service account grant what is named, by resource."""
    rules = [
        {
            "apiGroups": [GROUP],
            "resources": [resource],
            "resourceNames": allowed,
            "verbs": ["grant"],
        }
        for resource, allowed in names.items()
    ]
    role = f"{gitlab.cluster.namespace}-{name}"[-60:].strip("-")
    client = gitlab.cluster.client
    await client.create(
        collection_path(RBAC, "clusterroles"), {"metadata": {"name": role}, "rules": rules}
    )
    account = {"kind": "ServiceAccount", "name": name, "namespace": gitlab.cluster.namespace}
    about = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role}
    await client.create(
        collection_path(RBAC, "clusterrolebindings"),
        {"metadata": {"name": role}, "roleRef": about, "subjects": [account]},
    )


async def asked(gitlab: GitLab, token: str, **fields: Any) -> Answer:
    body = {"runner_type": "project_type", "project_id": 3} | fields
    return await gitlab.ask("POST", "/user/runners", json=body, Authorization=f"Bearer {token}")


async def test_a_service_account_makes_the_runners_that_it_may_give(gitlab: GitLab) -> None:
    token = await service_account(gitlab, "pipeline", URL)
    await let_give(gitlab, "pipeline", scopes=["create_runner"], runners=["Project:3"])

    async def status() -> int:
        return (await asked(gitlab, token)).status

    await gitlab.cluster.until(status, lambda it: it == 201)
    [runner] = await gitlab.runners()
    whose = f"kubernetes:system:serviceaccount:{gitlab.cluster.namespace}:pipeline"
    assert runner.spec.requested_by is not None
    assert runner.spec.requested_by.subject == whose
    assert (await asked(gitlab, token, project_id=4)).status == 403
    group = {"runner_type": "group_type", "group_id": 3}
    assert (await asked(gitlab, token, **group)).status == 403
    assert (await asked(gitlab, token, runner_type="instance_type")).status == 403


async def test_the_scope_alone_gives_nothing_and_neither_does_the_project(gitlab: GitLab) -> None:
    scoped = await service_account(gitlab, "scoped", URL)
    await let_give(gitlab, "scoped", scopes=["create_runner"])
    placed = await service_account(gitlab, "placed")
    await let_give(gitlab, "placed", runners=["Project:3"])

    async def body() -> Any:
        return (await asked(gitlab, scoped)).json

    insufficient = {"message": "403 Forbidden - Insufficient permissions"}
    await gitlab.cluster.until(body, lambda it: it == insufficient)
    assert (await asked(gitlab, placed)).json["error"] == "insufficient_scope"
    assert await gitlab.runners() == []


async def test_a_token_for_somebody_else_is_none(gitlab: GitLab) -> None:
    token = await service_account(gitlab, "elsewhere", "https://other.example.org")
    await let_give(gitlab, "elsewhere", scopes=["create_runner"], runners=["Project:3"])
    answer = await asked(gitlab, token)
    assert (answer.status, answer.json) == (401, {"message": "401 Unauthorized"})


async def test_two_accounts_share_no_idempotency_key(gitlab: GitLab) -> None:
    tokens = []
    for name in ("one", "two"):
        tokens.append(await service_account(gitlab, name, URL))
        await let_give(gitlab, name, scopes=["create_runner"], runners=["*"])
    body = {"runner_type": "project_type", "project_id": 3}

    async def made(token: str) -> Answer:
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": "k"}
        return await gitlab.ask("POST", "/user/runners", json=body, **headers)

    for token in tokens:
        await gitlab.cluster.until(lambda it=token: made(it), lambda answer: answer.status == 201)  # type: ignore[misc]
    numbers = {(await made(token)).json["id"] for token in tokens}
    assert len(numbers) == len(await gitlab.runners()) == 2
