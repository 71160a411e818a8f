"""A restart in whatever state resources are in writes nothing (I6)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from mintmaster.api.reasons import ConditionType, State
from mintmaster.tokens.digests import digest
from reconcile.builders import runner, secret
from reconcile.faults.tampering import Recorder, process_with
from reconcile.harness import running
from reconcile.reading import condition

if TYPE_CHECKING:
    from reconcile.cluster_user import Cluster
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
