"""Many at once: two writes each, no namespace starves another, and a writer in a loop stops no renewal."""

from __future__ import annotations

import asyncio
import dataclasses
from collections import Counter
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from mintmaster.api.kinds import RUNNER_REGISTRATION
from mintmaster.api.reasons import ConditionType
from mintmaster.kube.errors import ApiError
from reconcile.builders import issuer
from reconcile.faults.inspection import at_peace, settled
from reconcile.faults.tampering import Recorder, process_with
from reconcile.harness import running
from reconcile.reading import condition, is_unready

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from reconcile.cluster_user import Cluster
    from reconcile.harness import Running

COUNT = 200


async def test_a_flood_costs_two_writes_each_and_starves_no_neighbour(
    cluster_user: Cluster,
) -> None:
    neighbour = dataclasses.replace(cluster_user, namespace=f"{cluster_user.namespace[:50]}-next")
    names = [f"runner-{number}" for number in range(COUNT)]
    await _prepare(cluster_user, neighbour)
    await asyncio.gather(*(cluster_user.create_runner(name) for name in names))
    await neighbour.create_runner("last")
    recorder = Recorder()
    async with running(cluster_user.kubeconfig, process_type=process_with(recorder)) as operator:
        for name in names:
            await settled(cluster_user, name)
        await operator.at_rest()
        assert _writes(recorder, cluster_user) == {"secrets": COUNT, _STATUS: COUNT}
        assert _statuses_before(recorder, neighbour) < COUNT / 2
        recorder.requests.clear()
        await _rotate(cluster_user, names)
        await operator.at_rest()
        assert _writes(recorder, cluster_user) == {"secrets": COUNT, _STATUS: COUNT}
        recorder.requests.clear()
        await _delete(cluster_user, names)
        await operator.at_rest()
        # Where a Secret is seen to go before its resource, the operator begins to heal it, in vain.
        assert sum(_writes(recorder, cluster_user).values()) < COUNT


_STATUS = "runnerregistrations/status"


async def _prepare(user: Cluster, neighbour: Cluster) -> None:
    """An issuer for both namespaces, whose key exists."""
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": neighbour.namespace}}
    await user.create(namespace)
    both = issuer(user.issuer, user.namespace)
    both["spec"]["grants"][0]["namespaces"]["names"] = [user.namespace, neighbour.namespace]
    await user.create(both)


def _writes(recorder: Recorder, user: Cluster) -> Counter[str]:
    """How often each resource was written in a namespace."""
    return Counter(it.resource for it in recorder.writes_about(f"/{user.namespace}/"))


def _statuses_before(recorder: Recorder, neighbour: Cluster) -> int:
    """How many statuses were written before the one of the neighbour."""
    statuses = [it.path for it in recorder.requests if it.resource == _STATUS]
    theirs = next(path for path in statuses if f"/{neighbour.namespace}/" in path)
    return statuses.index(theirs)


async def _rotate(user: Cluster, names: list[str]) -> None:
    await asyncio.gather(*(user.annotate(RUNNER_REGISTRATION, it, rotate="now") for it in names))
    for name in names:
        await settled(user, name, revision=2)


async def _delete(user: Cluster, names: list[str]) -> None:
    await asyncio.gather(*(user.delete(RUNNER_REGISTRATION, name) for name in names))
    for name in names:
        await user.secret_gone(f"{name}-token")


async def test_a_second_writer_in_a_loop_meets_the_budget_and_stops_no_renewal(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer(limits={"issuesPerHour": 3})
    await cluster_user.ready_runner(token={"lifetime": "1h", "overlap": "1m"})
    async with _vandal(cluster_user):
        stopped = await cluster_user.runner_where(is_unready("TooManyIssues"))
        assert stopped.status.revision == 1 + 3
        await at_peace(cluster_user)
    operator.advance_to(stopped.status.renew_at)
    renewed = await settled(cluster_user, revision=5)
    assert condition(renewed, ConditionType.READY) == ("True", "Renewed")


@asynccontextmanager
async def _vandal(user: Cluster) -> AsyncIterator[None]:
    """Somebody who puts nonsense into the Secret whenever a token stands in it."""
    task = asyncio.create_task(_spoil(user))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _spoil(user: Cluster) -> None:
    while True:
        if (await user.secret_data("runner-token")).get("token") != "nonsense":
            with suppress(ApiError):
                await user.write_secret_data("runner-token", token="nonsense")
        await asyncio.sleep(0.02)
