"""A gate that answers as GitLab, on a real API server, and those who ask it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from mintmaster.api.kinds import RUNNER_REGISTRATION, USER_ACCESS_TOKEN
from mintmaster.api.names import API_VERSION
from mintmaster.kube.paths import object_path
from mintmaster.lifecycle.identity import numeric_id

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from gate.harness import Answer, Gate
    from mintmaster.api.runner_registration import RunnerRegistration
    from mintmaster.api.user_access_token import UserAccessToken
    from reconcile.harness import Cluster

SCOPES = (
    "api",
    "read_api",
    "read_user",
    "create_runner",
    "manage_runner",
    "k8s_proxy",
    "self_rotate",
)
ADMIN = "gitlab-admin"
HOME = "mintmaster-system"


@dataclass
class GitLab:
    """One issuer that answers as GitLab, and a folder of people's tokens."""

    cluster: Cluster
    gate: Gate

    async def ask(
        self, method: str, path: str, token: str = "", json: object = None, **headers: str
    ) -> Answer:
        """Ask as GitLab's own clients do: JSON, and the token in a header of its own."""
        shown = {"PRIVATE-TOKEN": token} if token else {}
        sent = {"Content-Type": "application/json"} if json is not None else {}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.gate.ask(
            method,
            f"/api/v4{path}",
            data=msgspec.json.encode(json) if json is not None else None,
            headers={**shown, **sent, **named},
        )

    async def person(self, name: str = "owner", **spec: Any) -> str:
        """The token of a user of project 3 with the scope `api`, unless said otherwise."""
        wanted = {"scopes": ["api"], "projects": ["3"], "token": {"format": "Opaque"}} | spec
        await self.cluster.ready_user(name, **wanted)
        return await self.known((await self.cluster.secret_data(f"{name}-token"))["token"])

    async def administrator(self, scopes: tuple[str, ...] = SCOPES) -> str:
        """An administrator's token: in the operator's namespace, with that role."""
        await self.cluster.create(
            {
                "apiVersion": "mintmaster.dev/v1alpha1",
                "kind": "UserAccessToken",
                "metadata": {"name": ADMIN, "namespace": HOME},
                "spec": {
                    "user": {"email": "admin@cluster.local", "username": "root"},
                    "roles": ["Administrator"],
                    "scopes": list(scopes),
                    "projects": ["*"],
                    "token": {"format": "Opaque"},
                    "issuerRef": {"name": self.cluster.issuer},
                },
            }
        )
        await self.cluster.until(
            lambda: self.cluster.secret(f"{ADMIN}-token", HOME), lambda found: found is not None
        )
        data = await self.cluster.secret_data(f"{ADMIN}-token", HOME)
        return await self.known(data["token"])

    async def known(self, token: str) -> str:
        """The same token, once the gate knows it."""

        async def status() -> int:
            return (await self.ask("GET", "/personal_access_tokens/self", token)).status

        await self.cluster.until(status, lambda it: it == 200)
        return token

    async def create(self, token: str, **fields: Any) -> Any:
        """A runner for project 3, made over HTTP."""
        wanted = {"runner_type": "project_type", "project_id": 3} | fields
        answer = await self.ask("POST", "/user/runners", token, wanted)
        assert answer.status == 201, answer
        return answer.json

    async def runners(self) -> list[RunnerRegistration]:
        """All runners of the test, as kubectl sees them."""
        return await self._all("runnerregistrations", RUNNER_REGISTRATION.model)

    async def tokens(self) -> list[UserAccessToken]:
        return await self._all("useraccesstokens", USER_ACCESS_TOKEN.model)

    async def runner(self, number: int) -> RunnerRegistration:
        """The runner of that number, as kubectl sees it."""
        return next(it for it in await self.runners() if numeric_id(it.metadata.uid) == number)

    async def token(self, number: int) -> UserAccessToken:
        return next(it for it in await self.tokens() if numeric_id(it.metadata.uid) == number)

    async def _all(self, plural: str, model: Any) -> list[Any]:
        listed = msgspec.json.decode(await self.cluster.kubectl("get", plural, "-o", "json"))
        return [msgspec.convert(item, type=model) for item in listed["items"]]


@asynccontextmanager
async def answering(cluster: Cluster, gate: Gate, **spec: Any) -> AsyncIterator[GitLab]:
    """Have the issuer `default` answer as GitLab, with resources in the test's namespace."""
    cluster.issuer = gate.issuer = "default"
    named = {"names": [cluster.namespace, HOME]}
    everything = [
        "kinds",
        "subjects",
        "runnerTypes",
        "projects",
        "groups",
        "scopes",
        "roles",
        "audiences",
    ]
    granted = {"namespaces": named, "unlimited": True} | {name: ["*"] for name in everything}
    issuer = {
        "url": "https://gitlab.example.org",
        "scopes": [{"name": scope} for scope in SCOPES],
        "roles": [
            {"name": "Researcher", "scopes": ["read_api"]},
            {"name": "Administrator", "scopes": ["api"]},
        ],
        "compatibleApis": ["GitLab"],
        "apiNamespace": cluster.namespace,
        "grants": [granted],
    }
    await cluster.ready_issuer(**(issuer | spec))
    yield GitLab(cluster, gate)
    if await cluster.secret(f"{ADMIN}-token", HOME) is not None:
        path = object_path(API_VERSION, USER_ACCESS_TOKEN.plural, HOME, ADMIN)
        await cluster.client.delete(path)
        await cluster.until(
            lambda: cluster.secret(f"{ADMIN}-token", HOME), lambda found: found is None
        )
