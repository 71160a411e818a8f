"""Attack 79: many tenants create very much at once, under an operator with its own account and all policies."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from manifests.installation import SYSTEM
from manifests.patience import PATIENCE, until
from manifests.people import collection, runner
from manifests.teams import team_in
from mintmaster.api.kinds import RUNNER_REGISTRATION
from mintmaster.api.names import API_VERSION
from mintmaster.localcluster.pytest_plugin import namespace_name
from mintmaster.operator.queue import Key
from mintmaster.operator.settings import Settings, WorkSettings
from reconcile.faults.tampering import process_with
from reconcile.harness import UNHURRIED, SettableClock, running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from manifests.installation import Installation
    from manifests.people import Object, Person
    from manifests.teams import Team
    from reconcile.faults.tampering import Request, Send
    from reconcile.harness import Running

TENANTS = 10
EACH = 12
"""Of ten thousand in the list of attacks: whose turn it is does not depend on how many wait."""


FEW_WORKERS = Settings(
    namespace=SYSTEM,
    listen="127.0.0.1:0",
    lease=UNHURRIED,
    work=WorkSettings(workers=8, renewals=4, checks=2),
)
"""Of the flood so many are in somebody's hands at most, when all of it waits."""


class Door:
    """Lets no write pass before it is opened."""

    def __init__(self) -> None:
        self.opened = asyncio.Event()

    async def __call__(self, request: Request, send: Send) -> bytes:
        if request.is_write:
            await self.opened.wait()
        return await send()


@pytest.fixture
def crowd(installation: Installation) -> Iterator[list[Team]]:
    """Ten tenants with the role edit, each in a namespace of their own."""
    admin = installation.administrator
    bodies = [namespace(namespace_name(f"crowd-{number}")) for number in range(TENANTS)]
    for body in bodies:
        _ = admin.create(body).passed
    yield [team_in(admin, body["metadata"]["name"]) for body in bodies]
    for body in bodies:
        _ = admin.delete(body).passed


def namespace(name: str) -> Object:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


async def test_79_a_flood_of_ten_tenants_leaves_others_their_turn(
    installation: Installation, crowd: list[Team], team: Team
) -> None:
    account = installation.service_account(SYSTEM, "mintmaster-operator")
    clock = SettableClock()
    due = team.member.create(runner(team.namespace, "due")).passed
    async with running(account.kubeconfig, clock=clock):
        await asyncio.to_thread(until, lambda: revision(team.admin, due) == 1, "the first issue")
    # All of it waits when the operator starts: the flood, a renewal that is late, and what came last.
    for tenant in crowd:
        for number in range(EACH):
            _ = tenant.member.create(runner(tenant.namespace, f"flood-{number}")).passed
    last = team.member.create(runner(team.namespace, "last")).passed
    expected = {key_of(it) for it in (due, last, *flood(crowd))}
    clock.offset += until_urgent(team.admin.read(due))
    door = Door()
    work: dict[str, Any] = {"settings": FEW_WORKERS, "process_type": process_with(door)}
    async with running(account.kubeconfig, clock=clock, **work) as operator:
        # What is listed comes to the queue bit by bit. Nothing is served before all of it waits there.
        async with asyncio.timeout(PATIENCE):
            while not shown(operator) >= expected:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.02)
        door.opened.set()
        await asyncio.to_thread(until, lambda: all(map(is_active, flood(crowd))), "all are served")
        await operator.at_rest()
    floods = flood(crowd)
    assert len(floods) == TENANTS * EACH
    for waited, number in ((due, 2), (last, 1)):
        assert revision(team.admin, waited) == number
        assert len(written_before(team.admin.read(waited), floods)) < TENANTS * EACH / 2


def key_of(body: Object) -> Key:
    return Key(body["kind"], body["metadata"]["namespace"], body["metadata"]["name"])


def shown(operator: Running) -> set[Key]:
    """The resources that the operator knows, each of which it has put into its queue if there is something to do."""
    assert operator.process.core is not None
    return set(operator.process.core.world.tokens[RUNNER_REGISTRATION.kind])


def revision(admin: Person, body: Object) -> int:
    return int(admin.read(body)["status"].get("revision", 0))


def until_urgent(body: Object) -> timedelta:
    """How long it takes until half of the time between a renewal and the end of the token has passed."""
    (record,) = body["status"]["tokens"]
    renewed, ended = (instant(it) for it in (body["status"]["renewAt"], record["expiresAt"]))
    return renewed + (ended - renewed) / 2 + timedelta(seconds=1) - datetime.now(UTC)


def instant(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


def flood(crowd: list[Team]) -> list[Object]:
    """The resources of the flood, as they are."""
    path = collection("RunnerRegistration", API_VERSION, None)
    namespaces = {tenant.namespace for tenant in crowd}
    found = crowd[0].admin.send("GET", path).passed["items"]
    head = {"kind": RUNNER_REGISTRATION.kind}
    return [head | it for it in found if it["metadata"]["namespace"] in namespaces]


def is_active(body: Object) -> bool:
    return bool(body["status"].get("state") == "Active")


def written_before(body: Object, others: list[Object]) -> list[Object]:
    """Which of them were written before a resource was: versions of one kind grow with every write."""
    version = int(body["metadata"]["resourceVersion"])
    return [it for it in others if int(it["metadata"]["resourceVersion"]) < version]
