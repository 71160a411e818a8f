"""kubectl wait, the printed columns, and how Argo CD and Flux read a status (kstatus)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mintmaster.api.kinds import RUNNER_REGISTRATION
from reconcile.harness import running
from reconcile.reading import is_ready, is_settled, is_unready, kstatus

if TYPE_CHECKING:
    from pathlib import Path

    from mintmaster.api.runner_registration import RunnerRegistration
    from reconcile.harness import Cluster, Running

WAIT = ("wait", "--for=condition=Ready", "--timeout=20s", "rr/runner")


async def _read(user: Cluster, resource: RunnerRegistration) -> str:
    return kstatus(await user.raw(RUNNER_REGISTRATION, resource.metadata.name))


async def test_kubectl_wait_ends_when_the_token_is_there(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    await cluster_user.create_runner()
    assert "condition met" in await cluster_user.kubectl(*WAIT)
    assert is_ready(await cluster_user.runner())


async def test_kubectl_wait_after_an_edit_waits_for_the_edit(
    cluster_user: Cluster, kubeconfig: Path
) -> None:
    """The old condition is of the old generation, so that nobody takes it for the answer."""
    async with running(kubeconfig):
        await cluster_user.ready_issuer()
        await cluster_user.ready_runner()
    await cluster_user.edit_runner(scopes=["read_api"])
    with pytest.raises(AssertionError, match="timed out"):
        await cluster_user.kubectl(*WAIT[:2], "--timeout=1s", "rr/runner")
    async with running(kubeconfig):
        await cluster_user.kubectl(*WAIT)


async def test_what_no_operator_has_seen_is_in_progress(cluster_user: Cluster) -> None:
    created = await cluster_user.create_runner()
    assert kstatus(created) == "InProgress"


async def test_a_ready_resource_is_current_and_an_edited_one_in_progress(
    cluster_user: Cluster, kubeconfig: Path
) -> None:
    async with running(kubeconfig):
        await cluster_user.ready_issuer()
        assert await _read(cluster_user, await cluster_user.ready_runner()) == "Current"
    await cluster_user.edit_runner(description="edited")
    assert await _read(cluster_user, await cluster_user.runner()) == "InProgress"


async def test_a_resource_that_waits_is_in_progress_and_one_that_is_stalled_has_failed(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.create_runner()
    waiting = await cluster_user.runner_where(is_unready("IssuerNotFound"))
    assert await _read(cluster_user, waiting) == "InProgress"
    await cluster_user.ready_issuer(grants=[])
    stalled = await cluster_user.runner_where(is_unready("NotGranted"))
    assert await _read(cluster_user, stalled) == "Failed"


async def test_a_revocation_declared_in_git_is_a_healthy_state(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    await cluster_user.create_runner(revoked=True)
    revoked = await cluster_user.runner_where(is_settled)
    assert await _read(cluster_user, revoked) == "Current"
    assert await cluster_user.secret("runner-token") is None


async def test_a_renewal_never_looks_like_progress_or_failure(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    first = await cluster_user.ready_runner()
    seen = set()

    async def is_renewed() -> bool:
        seen.add(await _read(cluster_user, first))
        return (await cluster_user.runner()).status.revision == 2

    operator.advance_to(first.status.renew_at)
    await cluster_user.until(is_renewed, bool)
    assert seen == {"Current"}


async def test_the_printed_columns_say_what_stands(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    runner = await cluster_user.ready_runner()
    assert runner.status.expires_at is not None
    printed = await cluster_user.kubectl("get", "rr", "runner", "-o", "wide", "--no-headers")
    expires = runner.status.expires_at.strftime("%Y-%m-%dT%H:%M:%SZ")
    name, *columns, _age, id_, reason = printed.split()
    assert [name, *columns] == ["runner", "Active", "True", "Instance", "runner-token", expires]
    assert (id_, reason) == (str(runner.status.id), "Issued")
