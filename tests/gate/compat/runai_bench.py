"""A gate that answers Run:ai's API for a gate-signed issuer, and applications with Run:ai's roles."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import msgspec

from gate.harness import bearer
from reconcile.reading import is_ready

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from gate.harness import Answer
    from gate.mint import Credentials, Mint

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
JSON = {"Content-Type": "application/json"}
SCOPES = ("jobs", "projects", "departments", "users", "settings", "clusters", "introspect")
ROLES = [
    {"name": "Researcher", "description": "Works with jobs.", "scopes": ["jobs"]},
    {"name": "Editor", "scopes": ["projects", "departments"]},
    {"name": "Administrator", "scopes": ["users", "settings", "clusters"]},
]
SERVICE_ACCOUNTS = "/api/v1/service-accounts"


@dataclass
class RunAiBench:
    """A gate that mints, and whoever asks it."""

    mint: Mint

    @property
    def issuer(self) -> str:
        return self.mint.gate.issuer

    @property
    def realm(self) -> str:
        return f"/auth/realms/{self.issuer}/protocol/openid-connect/token"

    async def application(self, name: str, *roles: str, **spec: Any) -> Credentials:
        """An application that somebody applied, and its client secret, once the gate has heard of it."""
        await self.mint.cluster.ready_application(name, roles=list(roles), **spec)
        client = await self.mint.client(name)

        async def answer() -> Answer:
            return await self.first(client.client_id, client.client_secret)

        await self.mint.cluster.until(answer, lambda it: it.status == 200)
        return client

    async def token_of(self, name: str, *roles: str, **spec: Any) -> str:
        """An access token of an application that has these roles."""
        client = await self.application(name, *roles, **spec)
        return await self.token(client.client_id, client.client_secret)

    async def token(self, client_id: str, secret: str) -> str:
        answer = await self.first(client_id, secret)
        assert answer.status == 200, answer
        token: str = answer.json["accessToken"]
        return token

    async def first(self, client_id: str, secret: str) -> Answer:
        return await self.post_json(
            "/api/v1/token", {"grantType": "app_token", "AppId": client_id, "AppSecret": secret}
        )

    async def post_json(self, path: str, body: object) -> Answer:
        return await self.mint.gate.ask(
            "POST", self.mint.gate.path(path), data=msgspec.json.encode(body), headers=JSON
        )

    async def post_form(self, path: str, form: dict[str, str]) -> Answer:
        """Post a form to a path of the issuer; realms stand at the root."""
        where = path if path.startswith("/auth/") else self.mint.gate.path(path)
        return await self.mint.gate.ask("POST", where, data=urlencode(form).encode(), headers=FORM)

    async def ask(self, token: str, method: str, path: str, body: object = None) -> Answer:
        """Ask as the bearer of a token; with "" as nobody."""
        return await self.mint.gate.ask(
            method,
            self.mint.gate.path(path),
            data=b"" if body is None else msgspec.json.encode(body),
            headers=JSON | (bearer(token) if token else {}),
        )


@asynccontextmanager
async def runai_bench(mint: Mint) -> AsyncIterator[RunAiBench]:
    await mint.cluster.edit_issuer(
        compatibleApis=["RunAi"],
        apiNamespace=mint.cluster.namespace,
        scopes=[{"name": scope} for scope in (*SCOPES, "api", "read_api")],
        roles=ROLES,
    )
    await mint.cluster.issuer_where(
        lambda it: it.status.observed_generation == it.metadata.generation and is_ready(it)
    )
    bench = RunAiBench(mint)

    async def status() -> int:
        return (await bench.post_form(bench.realm, {})).status

    await mint.cluster.until(status, lambda it: it != 404)
    yield bench
