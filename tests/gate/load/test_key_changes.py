"""Keys change while tokens are minted and verified all the time: no good token is refused, and no bad one accepted."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import count
from typing import TYPE_CHECKING

from gate.load.ledger import Ledger, going_on, kid
from gate.load.verifiers import Verifiers
from gate.mint import SCOPES
from mintmaster.api.kinds import TOKEN_ISSUER
from reconcile.reading import is_ready_at

if TYPE_CHECKING:
    from gate.mint import Credentials, Mint
    from mintmaster.api.token_issuer import KeyRecord, TokenIssuer
    from reconcile.harness import Cluster, Running

SIGNING = {"keyLifetime": "2h", "publishBefore": "1m"}


def key_in(issuer: TokenIssuer, state: str) -> KeyRecord | None:
    """The newest key in that state."""
    return next((key for key in issuer.status.keys if key.state == state), None)


@dataclass
class Changes:
    """An issuer whose keys change, in the hands of whoever is its administrator."""

    mint: Mint
    operator: Running
    mounts: bool = True
    """Whether gates get the private keys."""

    @property
    def cluster(self) -> Cluster:
        return self.mint.cluster

    async def active(self) -> str:
        """The key that signs."""
        found = key_in(await self.cluster.own_issuer(), "Active")
        assert found is not None
        return found.id

    async def ask_for_another(self) -> None:
        await self.cluster.annotate(TOKEN_ISSUER, self.cluster.issuer, rotate="now")

    async def want_another_algorithm(self) -> None:
        await self.cluster.edit_issuer(signing=SIGNING | {"algorithm": "EdDSA"})

    async def reach_the_end_of_its_time(self) -> None:
        active = key_in(await self.cluster.own_issuer(), "Active")
        assert active is not None
        assert active.not_before is not None
        self.operator.advance_to(active.not_before + timedelta(hours=1, minutes=59, seconds=1))

    async def followed(self) -> str:
        """Have the next key published, mounted, and take over; its id."""
        issuer = await self.cluster.issuer_where(lambda it: key_in(it, "Next"))
        following = key_in(issuer, "Next")
        assert following is not None
        if self.mounts:
            await self.mounted(following.id)
        self.operator.advance_to(following.not_before)
        await self.cluster.issuer_where(
            lambda it: (active := key_in(it, "Active")) and active.id == following.id
        )
        return following.id

    async def mounted(self, key_id: str) -> None:
        await self.mint.mount()

        async def at_hand() -> bool:
            return key_id in self.mint.gate.process.signing_keys._keys

        await self.cluster.until(at_hand, bool)

    async def withdraw(self, key_id: str) -> str:
        """Withdraw a key; the id of the one that replaces it."""
        await self.cluster.edit_issuer(withdrawnKeys=[key_id])
        issuer = await self.cluster.issuer_where(
            lambda it: (active := key_in(it, "Active")) and active.id != key_id
        )
        replacing = key_in(issuer, "Active")
        assert replacing is not None
        return replacing.id


@dataclass
class Minter:
    """An application that obtains tokens all the time."""

    mint: Mint
    auth: Credentials
    ledger: Ledger
    signers: set[str] = field(default_factory=set)
    without_key: bool = False
    """Whether the gate may be without its key, which is then told to come back."""

    async def keep_minting(self) -> None:
        while True:
            status, answer = await self.mint.grant(self.auth)
            if status == 503 and self.without_key:
                await asyncio.sleep(0.02)
                continue
            assert status == 200, answer
            self.signers.add(kid(answer["access_token"]))
            self.ledger.enter_one_of_many(answer["access_token"])
            await asyncio.sleep(0.01)

    async def signed_with(self, key_id: str) -> None:
        async def seen() -> set[str]:
            return self.signers

        await self.mint.cluster.until(seen, lambda kids: key_id in kids)


async def test_64_keys_of_gates_change_under_load(mint: Mint, operator: Running) -> None:
    await mint.cluster.edit_issuer(signing=SIGNING)
    auth = await mint.client()
    ledger, verifiers, changes = Ledger(), Verifiers(mint, auth), Changes(mint, operator)
    minter = Minter(mint, auth, ledger)
    asking = [ledger.keep_asking(name, look) for name, look in verifiers.looks.items()]
    async with going_on(minter.keep_minting(), *asking):
        await minter.signed_with(await changes.active())
        for change in (
            changes.ask_for_another,
            changes.want_another_algorithm,
            changes.reach_the_end_of_its_time,
        ):
            await change()
            await minter.signed_with(await changes.followed())
            await ledger.all_asked()
        stolen = await changes.active()
        ledger.doubt_key(stolen)
        minter.without_key = True
        replacing = await changes.withdraw(stolen)
        await ledger.ended(ledger.signed_by(stolen), *verifiers.looks.values())
        await changes.mounted(replacing)
        await minter.signed_with(replacing)
        await ledger.all_asked()
    assert len(minter.signers) == 5


@dataclass
class Runners:
    """Whoever has runners registered, one after the other."""

    cluster: Cluster
    ledger: Ledger
    verifiers: Verifiers
    numbers: count[int] = field(default_factory=count)
    names: list[str] = field(default_factory=list)

    async def register(self) -> str:
        """Register another runner; the key that its token was signed with."""
        self.names.append(f"runner-{next(self.numbers)}")
        await self.cluster.ready_runner(self.names[-1])
        return await self.enter(self.names[-1])

    async def enter(self, name: str) -> str:
        token = (await self.cluster.secret_data(f"{name}-token"))["token"]
        await self.cluster.until(lambda: self.verifiers.introspection(token), bool)
        self.ledger.enter(token)
        return kid(token)

    async def reissued(self) -> None:
        """Wait until all have another token than their first, and enter those."""
        for name in self.names:
            await self.cluster.runner_where(is_ready_at(2), name)
            await self.enter(name)


async def test_64_keys_of_the_operator_change_under_load(mint: Mint, operator: Running) -> None:
    auth = await mint.client()
    home = replace(mint.cluster, issuer=f"{mint.cluster.issuer}-home")
    await home.ready_issuer(scopes=[{"name": scope} for scope in SCOPES], signing=SIGNING)
    asked = replace(mint, cluster=home, gate=replace(mint.gate, issuer=home.issuer))
    ledger, verifiers, changes = (
        Ledger(),
        Verifiers(asked, auth),
        Changes(asked, operator, mounts=False),
    )
    runners = Runners(home, ledger, verifiers)
    await runners.register()
    asking = [ledger.keep_asking(name, look) for name, look in verifiers.looks.items()]
    async with going_on(*asking):
        for change in (
            changes.ask_for_another,
            changes.want_another_algorithm,
            changes.reach_the_end_of_its_time,
        ):
            await change()
            following = await changes.followed()
            assert await runners.register() == following
            await ledger.all_asked()
        withdrawn = [key.id for key in (await home.own_issuer()).status.keys]
        for stolen in withdrawn:
            ledger.doubt_key(stolen)
        await home.edit_issuer(withdrawnKeys=withdrawn)
        for stolen in withdrawn:
            await ledger.ended(ledger.signed_by(stolen), *verifiers.looks.values())
        await runners.reissued()
        await ledger.all_asked()
