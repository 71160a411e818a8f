"""Gates and operators end under load, in order and by force: no wrong answer, and one as long as a replica is up."""

from __future__ import annotations

import asyncio
import signal
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import msgspec

from gate.load.ledger import Ledger, going_on
from gate.load.replicas import as_client, replicas
from gate.mint import HOME, SCOPES, SERVICES
from mintmaster.api.kinds import RUNNER_REGISTRATION
from reconcile.builders import key_secret
from reconcile.faults.mortal import SHORT
from reconcile.faults.spawning import mortal, until
from reconcile.reading import claims, is_ready

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from gate.load.ledger import Look
    from gate.load.replicas import Replica, Replicas
    from reconcile.cluster_user import Cluster
    from reconcile.faults.spawning import Leadership, Mortal


@dataclass
class Callers:
    """Those who ask: an application that may introspect, and Kubernetes; at any replica or at one."""

    gates: Replicas | Replica
    client: Mapping[str, str] = field(repr=False)

    @property
    def looks(self) -> tuple[Look, ...]:
        return (self.introspection, self.review)

    async def introspection(self, token: str) -> bool | None:
        path = f"{_issuer(token)}/oauth2/introspect"
        said = await self.gates.ask(path, data={"token": token}, headers=self.client)
        return None if said is None else bool(said["active"])

    async def review(self, token: str) -> bool | None:
        spec = {"token": token, "audiences": [SERVICES]}
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": spec}
        path = f"{_issuer(token)}/k8s/tokenreview"
        said = await self.gates.ask(path, data=msgspec.json.encode(body))
        return None if said is None else bool(said["status"]["authenticated"])

    async def keep_minting(self, issuer: str, ledger: Ledger) -> None:
        """Obtain tokens all the time, and ask about each at once, perhaps at another replica."""
        form = {"grant_type": "client_credentials"}
        while True:
            path = f"/issuers/{issuer}/oauth2/token"
            said = await self.gates.ask(path, data=form, headers=self.client)
            if said is not None:
                assert await self.introspection(said["access_token"]) in {True, None}
                ledger.enter_one_of_many(said["access_token"])
            await asyncio.sleep(0.02)


def _issuer(token: str) -> str:
    name = claims(token)["iss"].removeprefix("https://").removesuffix(".example.org")
    return f"/issuers/{name}"


@dataclass
class Scene:
    """Runners of an issuer that the operator signs; an application of one that gates sign; two gates."""

    home: Cluster
    gates: Replicas
    callers: Callers
    ledger: Ledger = field(default_factory=Ledger)
    tokens: dict[str, str] = field(default_factory=dict, repr=False)
    """The tokens of runners, by name."""

    @property
    def looks(self) -> list[Look]:
        """Every caller at every replica that is up."""
        each = [replace(self.callers, gates=gate) for gate in self.gates.up]
        return [look for callers in each for look in callers.looks]

    async def register(self, *names: str) -> None:
        """Register runners; an operator has to be there."""
        for name in names:
            await self.home.create_runner(name)
        for name in names:
            await self.issued(name)

    async def issued(self, name: str) -> None:
        """Wait until a runner has its token and every replica knows it."""
        await self.home.runner_where(is_ready, name)
        token = (await self.home.secret_data(f"{name}-token"))["token"]
        for look in self.looks:
            await self.home.until(lambda look=look: look(token), bool)  # type: ignore[misc]
        self.tokens[name] = token
        self.ledger.enter(token)

    async def revoke(self, name: str) -> None:
        """Revoke a runner, and hold every replica that is up to it."""
        self.ledger.doubt([self.tokens[name]])
        await self.home.edit_runner(name, revoked=True)
        await self.ledger.ended([self.tokens[name]], *self.looks)

    async def delete(self, name: str) -> None:
        self.ledger.doubt([self.tokens[name]])
        await self.home.delete(RUNNER_REGISTRATION, name)
        await self.ledger.ended([self.tokens[name]], *self.looks)


@asynccontextmanager
async def staged(user: Cluster, folder: Path) -> AsyncIterator[Scene]:
    """Issuers, an application and two gates; an operator has to be there."""
    scopes = [{"name": scope} for scope in SCOPES]
    limits = {"defaultLifetime": "1h", "maxLifetime": "10h"}
    await user.ready_issuer(signer="Gate", limits=limits, scopes=scopes)
    await user.ready_application(scopes=["introspect"])
    home = replace(user, issuer=f"{user.issuer}-home")
    await home.ready_issuer(scopes=scopes)
    shown = await user.secret_data("portal-token")
    async with replicas(user.kubeconfig, folder) as gates:
        for name, text in (await user.secret_data(key_secret(user.issuer), HOME)).items():
            await asyncio.to_thread((gates.keys / name).write_text, text)
        await asyncio.gather(gates.start(), gates.start())
        yield Scene(
            home, gates, Callers(gates, as_client(shown["client-id"], shown["client-secret"]))
        )


async def test_gates_and_operators_restart_under_load(
    cluster_user: Cluster, leadership: Leadership, tmp_path: Path
) -> None:
    with mortal(cluster_user.kubeconfig, tmp_path, lease=SHORT) as first:
        await leadership.taken_by(first.identity)
        async with staged(cluster_user, tmp_path) as scene:
            await scene.register("kept", "deleted", "revoked", "gone")
            asking = [scene.ledger.keep_asking(look.__name__, look) for look in scene.callers.looks]
            minting = scene.callers.keep_minting(cluster_user.issuer, scene.ledger)
            async with going_on(minting, *asking):
                await without_an_operator(scene, first, leadership)
                with mortal(cluster_user.kubeconfig, tmp_path, lease=SHORT) as second:
                    await scene.issued("later")
                    await with_one_gate(scene)
                    await without_gates(scene)
                    second.signal(signal.SIGTERM)
                    assert await second.end() == 0
                    await scene.ledger.all_asked()


async def without_an_operator(scene: Scene, operator: Mortal, leadership: Leadership) -> None:
    """Gates judge by themselves: what is revoked or deleted ends, and what is asked for comes later."""
    operator.signal(signal.SIGKILL)
    await operator.end()
    await leadership.vacate()
    await scene.home.create_runner("later")
    await scene.revoke("revoked")
    await scene.delete("deleted")
    await scene.ledger.all_asked()


async def with_one_gate(scene: Scene) -> None:
    """The other one answers everybody, and whoever comes back knows what it knew."""
    for how, code in ((signal.SIGKILL, -signal.SIGKILL), (signal.SIGTERM, 0)):
        assert await scene.gates.end(scene.gates.up[0], how) == code
        await scene.ledger.all_asked()
        await scene.gates.start()
        await scene.ledger.all_asked()


async def without_gates(scene: Scene) -> None:
    """Nobody answers; and what was revoked meanwhile is inactive from the first answer on."""
    gates = scene.gates
    gates.none_is_up = True
    scene.ledger.doubt([scene.tokens["gone"]])
    await asyncio.gather(*(gates.end(gate, signal.SIGKILL) for gate in list(gates.up)))
    await until(lambda: gates.unanswered, "everybody is answered, but there is no gate")
    await scene.home.edit_runner("gone", revoked=True)
    scene.ledger.bad([scene.tokens["gone"]])
    await asyncio.gather(gates.start(), gates.start())
    gates.none_is_up = False
    await scene.ledger.all_asked()
