"""An operator that runs as several shards: who works on what, whoever dies, and however many there are next."""

from __future__ import annotations

import asyncio
import secrets
import signal
from collections import Counter
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import msgspec
import pytest

from mintmaster.kube.paths import collection_path, object_path
from mintmaster.kube.shard_leases import ANNOTATION_SHARDS
from mintmaster.lifecycle.shard import Shard, number_of, parse
from mintmaster.operator.process import LOST_LEADERSHIP
from mintmaster.operator.settings import Settings
from mintmaster.tokens import opaque
from mintmaster.tokens.digests import digest
from reconcile.builders import application, grant, issuer
from reconcile.faults.inspection import at_peace, settled
from reconcile.faults.mortal import Lease
from reconcile.faults.spawning import Leadership, mortal
from reconcile.harness import WRITES, running
from reconcile.reading import is_ready
from reconcile.status_list_reading import INVALID, VALID, entry, place_of, said_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from contextlib import AbstractAsyncContextManager, AbstractContextManager
    from pathlib import Path

    from mintmaster.api.kinds import TokenResource
    from reconcile.faults.spawning import Mortal
    from reconcile.harness import Cluster, Running

HOURS = {"defaultLifetime": "10h", "maxLifetime": "10h"}
"""Of tokens that gates sign."""

RUNNERS = 3
"""In each namespace."""

LEASE = Lease(duration=15, renew_deadline=12.0, retry_period=0.5)
"""Looked at often, so that a new count is noticed soon."""


@dataclass
class Estate:
    """Namespaces of which each of two and each of three shards owns at least one, and an issuer for all of them.

    The operators' own namespace is the test's.
    """

    home: Cluster
    users: list[Cluster]

    def operator(self, shard: str) -> AbstractAsyncContextManager[Running]:
        """Run an operator in this process."""
        settings = Settings(
            namespace=self.home.namespace,
            listen="127.0.0.1:0",
            lease=LEASE.settings(),
            shards=parse(shard),
        )
        return running(self.home.kubeconfig, settings=settings)

    def mortal(self, folder: Path, shard: str) -> AbstractContextManager[Mortal]:
        """Run an operator in a process of its own."""
        return mortal(
            self.home.kubeconfig, folder, lease=LEASE, namespace=self.home.namespace, shard=shard
        )

    def lease(self, name: str = "mintmaster-operator") -> Leadership:
        return Leadership(self.home.client, name, self.home.namespace)

    def of(self, shard: Shard) -> list[Cluster]:
        """The namespaces of a shard."""
        return [user for user in self.users if shard.owns(user.namespace)]

    async def create_runners(self, prefix: str) -> None:
        await asyncio.gather(
            *(
                user.create_runner(f"{prefix}-{number}")
                for user in self.users
                for number in range(RUNNERS)
            )
        )

    async def settled(self, prefix: str) -> None:
        """Wait until each has its first token, and no second one."""
        for user in self.users:
            for number in range(RUNNERS):
                found = await settled(user, f"{prefix}-{number}")
                assert found.status.revision == 1

    async def at_peace(self) -> dict[str, str]:
        """The versions of all resources and Secrets, once nobody writes any more."""
        found = await asyncio.gather(*(at_peace(user) for user in self.users))
        return {key: version for versions in found for key, version in versions.items()}


@pytest.fixture
async def estate(cluster_user: Cluster) -> AsyncIterator[Estate]:
    names: list[str] = []
    while {(n, c) for c in (2, 3) for n in range(1, c + 1)} - {
        (number_of(name, count), count) for name in names for count in (2, 3)
    }:
        names.append(f"shards-{secrets.token_hex(3)}")
    users = [replace(cluster_user, namespace=name) for name in names]
    for name in names:
        await cluster_user.create(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        )
    grants = [grant(name) for name in names]
    await cluster_user.create(issuer(cluster_user.issuer, "", grants=grants, statusList=True))
    await run_as(cluster_user, 2)
    yield Estate(cluster_user, users)
    for name in names:
        await cluster_user.client.delete(object_path("v1", "namespaces", None, name))


async def run_as(home: Cluster, count: int) -> None:
    """Have the operators find that there are so many shards, so that they need not wait."""
    lease = {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": "mintmaster-operator", "annotations": {ANNOTATION_SHARDS: str(count)}},
    }
    path = collection_path("coordination.k8s.io/v1", "leases", home.namespace)
    await home.client.create(path, lease)


def issues(operator: Running) -> float:
    return sum(
        sample.value
        for metric in operator.process.metrics.issues.collect()
        for sample in metric.samples
        if sample.name.endswith("_total")
    )


def written(operator: Running) -> set[str]:
    """What kinds of things an operator wrote."""
    return {
        sample.labels["resource"]
        for metric in operator.process.metrics.requests.collect()
        for sample in metric.samples
        if sample.labels["verb"] in WRITES
    }


async def lists(estate: Estate) -> Counter[str]:
    """How many status lists there are, by what their names end with."""
    path = collection_path("v1", "configmaps", estate.home.namespace)
    found = msgspec.json.decode(await estate.home.client.get(path))["items"]
    names = [it["metadata"]["name"] for it in found]
    lists = [it.removeprefix("mintmaster-status-list-") for it in names if "status-list" in it]
    return Counter(it[32:] for it in lists)


async def test_two_shards_share_the_work_and_the_first_alone_writes_issuers(
    estate: Estate,
) -> None:
    async with estate.operator("1/2") as first, estate.operator("2/2") as second:
        await estate.create_runners("a")
        await estate.settled("a")
        before = await estate.at_peace()
        for number, operator in ((1, first), (2, second)):
            assert issues(operator) == RUNNERS * len(estate.of(Shard(number, 2)))
            assert operator.metric("mintmaster_shard") == number
            assert operator.metric("mintmaster_shards") == 2
            # Only what is one's own is in the metrics, so that sums over all shards count nothing twice.
            shown = operator.metric(
                "mintmaster_resources", kind="RunnerRegistration", state="Active"
            )
            assert shown == RUNNERS * len(estate.of(Shard(number, 2)))
        assert "tokenissuers/status" in written(first)
        assert "tokenissuers/status" not in written(second)
        assert await lists(estate) == {"-1-of-2": 1, "-2-of-2": 1}
        assert await estate.at_peace() == before


async def test_a_key_that_is_withdrawn_is_replaced_by_the_first_shard_and_used_by_both(
    estate: Estate,
) -> None:
    async with estate.operator("1/2") as first, estate.operator("2/2") as second:
        await estate.create_runners("a")
        await estate.settled("a")
        (key,) = [it for it in (await estate.home.own_issuer()).status.keys if it.state == "Active"]
        await estate.home.edit_issuer(withdrawnKeys=[key.id])
        for user in estate.users:
            for number in range(RUNNERS):
                found = await settled(user, f"a-{number}", revision=2)
                assert {it.key_id for it in found.status.tokens if it.revision == 2} != {key.id}
        await estate.at_peace()
        assert issues(first) + issues(second) == 2 * RUNNERS * len(estate.users)
        assert not {"tokenissuers", "tokenissuers/status"} & written(second)


async def test_one_digest_and_one_client_id_are_not_given_twice_across_shards(
    estate: Estate,
) -> None:
    """Who claims what is known of all namespaces."""
    one, other = estate.of(Shard(1, 2))[0], estate.of(Shard(2, 2))[0]
    gates = f"{estate.home.issuer}-gates"
    grants = [grant(user.namespace) for user in (one, other)]
    await estate.home.create(issuer(gates, "", grants=grants, signer="Gate", limits=HOURS))
    async with estate.operator("1/2"), estate.operator("2/2"):
        for older, younger, name in ((one, other, "x"), (other, one, "y")):
            token = {"format": "Opaque", "valueDigest": digest(opaque.mint()), "lifetime": "1h"}
            await older.create_user(name, delivery="Caller", token=token)
            shop = application(name, clientId=f"shop-{name}", issuerRef={"name": gates})
            born = await older.create(deepcopy(shop))
            await older.user_where(is_ready, name)
            await older.application_where(is_ready, name)
            await older.until_younger(born)
            await younger.create_user(name, delivery="Caller", token=token)
            await younger.create(deepcopy(shop))
            await younger.user_where(lambda it: _reason(it) == "DigestConflict", name)
            await younger.application_where(lambda it: _reason(it) == "ClientIdConflict", name)


def _reason(resource: TokenResource) -> str:
    return next((it.reason for it in resource.status.conditions if it.type == "Ready"), "")


async def test_a_standby_of_its_shard_follows_a_leader_that_was_killed(
    estate: Estate, tmp_path: Path
) -> None:
    async with estate.operator("1/2") as first:
        with (
            estate.mortal(tmp_path, "2/2") as second,
            estate.mortal(tmp_path, "any/2") as standby,
        ):
            held = estate.lease("mintmaster-operator-2")
            await estate.create_runners("a")
            await estate.settled("a")
            before = await estate.at_peace()
            leader, follower = second, standby
            if await held.holder() == standby.identity:
                leader, follower = standby, second
            leader.signal(signal.SIGKILL)
            await estate.create_runners("b")
            await held.taken_by(follower.identity)
            await estate.settled("b")
            after = await estate.at_peace()
            assert {key: after[key] for key in before} == before
            assert issues(first) == 2 * RUNNERS * len(estate.of(Shard(1, 2)))


async def test_more_shards_and_fewer_issue_nothing_again_and_write_nothing(
    estate: Estate, tmp_path: Path
) -> None:
    with estate.mortal(tmp_path, "1/2") as first, estate.mortal(tmp_path, "2/2") as second:
        await estate.create_runners("a")
        await estate.settled("a")
        before = await estate.at_peace()
        # The second one is still there, and leads, when those come that make three shards of it.
        first.signal(signal.SIGTERM)
        async with estate.operator("1/3"):
            assert await second.end() == LOST_LEADERSHIP
            async with estate.operator("2/3"), estate.operator("3/3"):
                await estate.create_runners("b")
                await estate.settled("b")
                after = await estate.at_peace()
                assert {key: after[key] for key in before} == before
    assert await lists(estate) == {
        "-1-of-2": 1, "-2-of-2": 1, "-1-of-3": 1, "-2-of-3": 1, "-3-of-3": 1,
    }  # fmt: skip
    async with estate.operator("1/1") as only:
        assert await estate.at_peace() == after
        await estate.create_runners("c")
        await estate.settled("c")
        assert issues(only) == RUNNERS * len(estate.users)
        final = await estate.at_peace()
        assert {key: final[key] for key in after} == after


async def test_what_is_revoked_after_the_number_changed_is_invalid_in_the_list_of_before(
    estate: Estate,
) -> None:
    other = estate.of(Shard(2, 2))[0]
    async with estate.operator("1/2"), estate.operator("2/2"):
        await other.create_runner("kept")
        await other.create_runner("lost")
        await settled(other, "kept")
        await settled(other, "lost")
    kept, lost = [
        place_of((await other.secret_data(f"{name}-token"))["token"]) for name in ("kept", "lost")
    ]
    assert kept.uri == lost.uri
    async with estate.operator("1/1"):
        await other.edit_runner("lost", revoked=True)

        async def said() -> tuple[int, int]:
            found = await said_of(other, kept.uri, estate.home.namespace)
            return entry(found, kept.idx), entry(found, lost.idx)

        await other.until(said, lambda seen: seen == (VALID, INVALID))
