"""A gate that answers REANA's API for an issuer of the test's own, and whoever asks it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid5

from gate.harness import bearer, gating
from mintmaster.gate.settings import Settings
from reconcile.builders import grant

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from gate.harness import Answer, Gate
    from mintmaster.api.user_access_token import UserAccessToken
    from reconcile.harness import Cluster, SettableClock

OPAQUE = {"format": "Opaque"}


@dataclass
class ReanaBench:
    """A gate, an administrator's token, and users; everything lives in the test's namespace."""

    cluster: Cluster
    gate: Gate
    clock: SettableClock
    admin: str

    async def user_token(self, name: str = "ada", **spec: Any) -> str:
        """A token that somebody applied for a user."""
        await self.cluster.ready_user(name, **spec)
        return (await self.cluster.secret_data(f"{name}-token"))["token"]

    async def ask(
        self, method: str, path: str, *, headers: dict[str, str] | None = None, data: bytes = b""
    ) -> Answer:
        return await self.gate.ask(method, self.gate.path(path), headers=headers, data=data)

    async def you(self, token: str) -> Answer:
        return await self.ask("GET", f"/api/you?access_token={token}")

    async def signed_in(self, method: str, path: str, token: str) -> Answer:
        """Ask as a user who signed in elsewhere, and shows that token as the bearer."""
        return await self.ask(method, path, headers=bearer(token))

    async def revoke(self, body: bytes, secret: str | None = None) -> Answer:
        shown = self.admin if secret is None else secret
        headers = {"Content-Type": "application/json", "X-Token-Management-Secret": shown}
        return await self.ask("DELETE", "/api/token", headers=headers, data=body)

    async def account(self, email: str = "ada@team.example") -> UserAccessToken:
        """The resource that was made for a user."""
        name = account_name(f"https://{self.cluster.issuer}.example.org", email)
        return await self.cluster.user(name)


def account_name(url: str, email: str) -> str:
    """What the documentation says the resource of a user is called."""
    return f"reana-{uuid5(NAMESPACE_URL, f'{url}#{email}')}"


@asynccontextmanager
async def reana_bench(cluster: Cluster, clock: SettableClock) -> AsyncIterator[ReanaBench]:
    await cluster.ready_issuer(
        compatibleApis=["Reana"],
        apiNamespace=cluster.namespace,
        scopes=[{"name": scope} for scope in ("api", "read_api")],
        grants=[grant(cluster.namespace, unlimited=False)],
    )
    settings = Settings(listen="127.0.0.1:0", namespace=cluster.namespace)
    async with gating(cluster.kubeconfig, clock, settings) as gate:
        gate.issuer = cluster.issuer
        bench = ReanaBench(cluster, gate, clock, "")
        bench.admin = await bench.user_token(
            "admin", roles=["Administrator"], projects=["*"], token=OPAQUE
        )
        yield bench
