"""A restart in whatever state resources are in writes nothing (I6)."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

from mintmaster.api.reasons import ConditionType, State
from mintmaster.tokens.digests import digest
from reconcile.builders import runner, secret
from reconcile.faults.tampering import Recorder, process_with
from reconcile.harness import is_ready, running
from reconcile.reading import condition, current

if TYPE_CHECKING:
    from reconcile.cluster_user import Cluster
    from reconcile.faults.tampering import Request, Send
    from reconcile.harness import Running, SettableClock

MANUAL = {"userAccessTokens": "Manual", "runnerRegistrations": "Manual"}
SHORT_LIVED = {"lifetime": "10m", "overlap": "1m"}
CALLERS = {"format": "Opaque", "lifetime": "1h", "valueDigest": digest("held by a caller")}

STATES = {
    "active": State.ACTIVE,
    "held-by-a-caller": State.ACTIVE,
    "in-conflict": State.FAILED,
    "in-overlap": State.ACTIVE,
    "not-granted": State.FAILED,
    "past-its-end": State.EXPIRED,
    "requested": State.REQUESTED,
    "revoked": State.REVOKED,
    "suspended": State.SUSPENDED,
    "with-a-bad-template": State.FAILED,
    "with-failed-restarts": State.ACTIVE,
    "without-issuer": State.PENDING,
}


async def test_a_restart_writes_nothing_in_any_state(
    cluster_user: Cluster, clock: SettableClock
) -> None:
    async with running(cluster_user.kubeconfig, clock=clock) as operator:
        await _issuers(cluster_user)
        await _that_age(cluster_user, operator)
        await _that_do_not_age(cluster_user)
        await operator.at_rest()
        assert {name: (await cluster_user.runner(name)).status.state for name in STATES} == STATES
    versions = await cluster_user.versions()
    for _ in range(2):
        writes = await _restart(cluster_user, clock)
        assert not writes
        assert await cluster_user.versions() == versions


class HeldUp:
    """Lets no list of Secrets through until it is told to."""

    def __init__(self) -> None:
        self.list_arrived = asyncio.Event()
        self.go_on = asyncio.Event()
        self.recorder = Recorder()

    async def __call__(self, request: Request, send: Send) -> bytes:
        if request.path == "/api/v1/secrets":
            self.list_arrived.set()
            await self.go_on.wait()
        return await self.recorder(request, send)


async def test_a_new_resource_does_not_wait_for_the_secrets_of_others(
    cluster_user: Cluster, clock: SettableClock
) -> None:
    async with running(cluster_user.kubeconfig, clock=clock):
        await cluster_user.ready_issuer()
        await cluster_user.ready_runner("old")
        asker = await cluster_user.ready_user("asker")
    asked_by = {
        "subject": current(asker).rights.subject,
        "uid": asker.metadata.uid,
        "jti": current(asker).id,
    }
    held_up = HeldUp()

    async def people() -> None:
        await held_up.list_arrived.wait()
        await cluster_user.edit_runner("old", scopes=["read_api"])
        await cluster_user.create_runner("asked-for", requestedBy=asked_by)
        await cluster_user.create_runner("new")
        await cluster_user.runner_where(is_ready, name="new")
        assert (await cluster_user.runner("old")).status.revision == 1
        assert not (await cluster_user.runner("asked-for")).status.uid
        held_up.go_on.set()

    at_work = asyncio.create_task(people())
    async with running(
        cluster_user.kubeconfig, clock=clock, process_type=process_with(held_up)
    ) as operator:
        await at_work
        await cluster_user.runner_where(lambda it: it.status.revision == 2, name="old")
        await cluster_user.runner_where(lambda it: it.status.uid, name="asked-for")
        await operator.at_rest()
    assert (await cluster_user.runner("new")).status.revision == 1


async def _restart(user: Cluster, clock: SettableClock) -> list[object]:
    """Run another operator until it has come to rest; what it wrote about the test's resources."""
    recorder = Recorder()
    async with running(
        user.kubeconfig, clock=clock, process_type=process_with(recorder)
    ) as operator:
        key = f"/{user.namespace}/secrets/active-token"
        await user.until(
            lambda: _reads(recorder, key), lambda count: count
        )  # the background's comparison of contents has come this far
        await operator.at_rest()
    return [*recorder.writes_about(f"/{user.namespace}/"), *recorder.writes_about(user.issuer)]


async def _reads(recorder: Recorder, path: str) -> int:
    return sum(request.path.endswith(path) for request in recorder.requests)


async def _issuers(user: Cluster) -> None:
    await user.ready_issuer()
    await user.create_issuer(f"{user.issuer}-manual", approval=MANUAL)
    await user.create_issuer(f"{user.issuer}-mean", grants=[])


async def _that_age(user: Cluster, operator: Running) -> None:
    """The token of a suspended resource expires."""
    await user.ready_runner("past-its-end", token=SHORT_LIVED)
    await user.edit_runner("past-its-end", suspend=True)
    await user.runner_where(lambda it: it.status.state == State.SUSPENDED, "past-its-end")
    operator.advance(timedelta(minutes=11))
    await user.runner_where(lambda it: it.status.state == State.EXPIRED, "past-its-end")


async def _that_do_not_age(user: Cluster) -> None:
    await user.ready_runner("active", scopes=["api"])
    await user.create_runner("held-by-a-caller", delivery="Caller", token=CALLERS)
    await user.create(secret("in-conflict-token"))
    await user.create_runner("in-conflict")
    await user.create(runner("not-granted", issuerRef={"name": f"{user.issuer}-mean"}))
    await user.create(runner("requested", issuerRef={"name": f"{user.issuer}-manual"}))
    await user.create(runner("without-issuer", issuerRef={"name": f"{user.issuer}-none"}))
    await user.ready_runner("suspended")
    await user.edit_runner("suspended", suspend=True)
    await user.ready_runner("revoked")
    await user.edit_runner("revoked", revoked=True)
    await user.create_runner(
        "with-a-bad-template", secret={"template": {"data": {"config": "{{ nonsense }}"}}}
    )
    await user.ready_runner("in-overlap", secret={"previousTokenKey": "previous"})
    await user.rotate_runner("once", "in-overlap")
    await user.ready_runner("with-failed-restarts", restart=[{"kind": "Deployment", "name": "no"}])
    await user.rotate_runner("once", "with-failed-restarts")
    await user.runner_where(
        lambda it: condition(it, ConditionType.RESTARTS_SUCCEEDED) == ("False", "WriteFailed"),
        "with-failed-restarts",
    )
    for name, state in STATES.items():
        await _reached(user, name, state)
    await user.secret_gone("revoked-token")


async def _reached(user: Cluster, name: str, state: State) -> None:
    await user.runner_where(lambda it: it.status.state == state, name)
