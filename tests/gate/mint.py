"""A gate that mints on a real API server, and those who ask it for tokens."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import aiohttp
import msgspec

from gate.harness import gating
from gate.minting_bench import EXCHANGE
from mintmaster.gate.settings import Settings
from reconcile.builders import key_secret

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from gate.harness import Answer, Gate
    from reconcile.harness import Cluster, SettableClock

SERVICES = "https://services.example.org"
HOME = "mintmaster-system"
SCOPES = ("api", "read_api", "create_runner", "introspect", "revoke")


@dataclass(frozen=True)
class Credentials:
    """Client id and client secret."""

    client_id: str
    client_secret: str = field(repr=False)


@dataclass
class Mint:
    """A gate with the key of the test's gate-signed issuer, and an application of that issuer."""

    cluster: Cluster
    gate: Gate
    folder: Path
    kubeconfig: Path
    clock: SettableClock

    async def mount(self) -> None:
        """Bring the folder up to date with the Secret, as kubelet does with a volume."""
        for name, text in (
            await self.cluster.secret_data(key_secret(self.gate.issuer), HOME)
        ).items():
            file = self.folder / name
            if not file.exists():
                await asyncio.to_thread(file.write_text, text)

    async def client(self, name: str = "portal") -> Credentials:
        """What the Secret of an application says."""
        data = await self.cluster.secret_data(f"{name}-token")
        return Credentials(data["client-id"], data["client-secret"])

    async def ask(self, path: str, auth: Credentials, **form: str) -> tuple[int, Any]:
        """Status and JSON of a request with client credentials."""
        url = self.gate.url + self.gate.path(path)
        shown = {"Authorization": aiohttp.encode_basic_auth(auth.client_id, auth.client_secret)}
        async with self.gate.session.post(url, data=form, headers=shown) as response:
            body = await response.read()
            return response.status, msgspec.json.decode(body) if body else None

    async def grant(self, auth: Credentials, **form: str) -> tuple[int, Any]:
        return await self.ask("/oauth2/token", auth, grant_type="client_credentials", **form)

    async def token(self, auth: Credentials, **form: str) -> str:
        status, answer = await self.grant(auth, **form)
        assert status == 200, answer
        token: str = answer["access_token"]
        return token

    async def exchange(self, subject_token: str, **form: str) -> Answer:
        asked = {
            "grant_type": EXCHANGE,
            "subject_token": subject_token,
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        }
        return await self.gate.ask("POST", self.gate.path("/oauth2/token"), form=asked | form)

    async def is_active(self, token: str) -> bool:
        """Whether a TokenReview says so."""
        return bool((await self.gate.review(token, SERVICES))["authenticated"])

    async def readiness(self) -> str:
        """What the gate says of itself."""
        return (await self.gate.ask("GET", "/readyz")).body.decode()

    async def until(self, token: str, *, active: bool) -> None:
        await self.cluster.until(lambda: self.is_active(token), lambda it: it is active)

    @asynccontextmanager
    async def another(self) -> AsyncIterator[Mint]:
        """Another replica."""
        settings = Settings(listen="127.0.0.1:0", signing_keys=self.folder)
        async with gating(self.kubeconfig, self.clock, settings) as gate:
            gate.issuer = self.gate.issuer
            yield Mint(self.cluster, gate, self.folder, self.kubeconfig, self.clock)


@asynccontextmanager
async def minting(
    cluster: Cluster, kubeconfig: Path, clock: SettableClock, folder: Path
) -> AsyncIterator[Mint]:
    """A gate-signed issuer, an application of it, and a gate that signs."""
    await cluster.ready_issuer(
        signer="Gate",
        limits={"defaultLifetime": "1h", "maxLifetime": "10h"},
        signing={"publishBefore": "1m"},
        scopes=[{"name": scope} for scope in SCOPES],
    )
    await cluster.ready_application(scopes=["api", "introspect"], roles=["Researcher"])
    settings = Settings(listen="127.0.0.1:0", signing_keys=folder)
    async with gating(kubeconfig, clock, settings) as gate:
        gate.issuer = cluster.issuer
        found = Mint(cluster, gate, folder, kubeconfig, clock)
        await found.mount()
        await cluster.until(found.readiness, lambda text: text == "ok\n")
        yield found
