"""SIGKILL between every two steps: whoever leads next settles it, and nothing unrecorded is ever active (I3)."""

from __future__ import annotations

import signal
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from mintmaster.api.kinds import RUNNER_REGISTRATION
from reconcile.faults.inspection import delivered, settled
from reconcile.faults.mortal import Death
from reconcile.faults.spawning import Leadership, mortal
from reconcile.harness import running
from reconcile.reading import is_ready

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from reconcile.cluster_user import Cluster
    from reconcile.harness import SettableClock

    Story = Callable[[Cluster], Awaitable[object]]

STATUS = ("PATCH", "runnerregistrations/status")
CREATE = ("POST", "secrets")
CHANGE = ("PATCH", "secrets")
REMOVE = ("DELETE", "secrets")

BEFORE, AFTER = False, True

HOURS_TO_RENEWAL = 490
"""Past the renewal of a token of the default lifetime of 720 h, well before its end."""


async def first_issue(user: Cluster) -> None:
    await user.create_issuer()
    await user.until(user.own_issuer, is_ready)
    await user.create_runner()


async def rotation(user: Cluster) -> None:
    await first_issue(user)
    await user.runner_where(is_ready)
    await user.annotate(RUNNER_REGISTRATION, "runner", rotate="now")


async def edited_rights(user: Cluster) -> None:
    await first_issue(user)
    await user.runner_where(is_ready)
    await user.patch(RUNNER_REGISTRATION, "runner", {"spec": {"scopes": ["api"]}})


async def deleted_secret(user: Cluster) -> None:
    await first_issue(user)
    await user.runner_where(is_ready)
    await user.delete_secret("runner-token")


async def edited_secret(user: Cluster) -> None:
    await first_issue(user)
    await user.runner_where(is_ready)
    await user.patch_secret("runner-token", {"data": {"token": "bm90IGEgdG9rZW4="}})


async def lost_label(user: Cluster) -> None:
    await first_issue(user)
    await user.runner_where(is_ready)
    await user.patch_secret(
        "runner-token", {"metadata": {"labels": {"mintmaster.dev/uid": "other"}}}
    )


async def nothing(user: Cluster) -> None:
    """Only time has passed."""


async def dies_in(
    story: Story,
    user: Cluster,
    folder: Path,
    write: tuple[str, str],
    nth: int,
    *,
    after: bool,
    hours: float = 0.0,
) -> None:
    """Let a story happen under an operator that kills itself at one of its writes in the user's namespace."""
    method, resource = write
    death = Death(method, resource, within=f"/{user.namespace}/", after=after, nth=nth)
    with mortal(user.kubeconfig, folder, death=death, hours_ahead=hours) as operator:
        await story(user)
        assert await operator.end() == -signal.SIGKILL, operator.log.read_text()
    await Leadership(user.client).vacate()


async def unrecorded(user: Cluster) -> set[str]:
    """The digest of a token that lies in the Secret and is on no record."""
    recorded = {token.digest for token in (await user.runner()).status.tokens}
    return {await delivered(user)} - recorded - {""}


@pytest.mark.parametrize(
    ("story", "write", "nth", "after", "revision"),
    [
        (first_issue, CREATE, 1, BEFORE, 1),
        (first_issue, CREATE, 1, AFTER, 1),
        (first_issue, STATUS, 1, AFTER, 1),
        (rotation, CHANGE, 1, BEFORE, 2),
        (rotation, CHANGE, 1, AFTER, 2),
        (rotation, STATUS, 2, AFTER, 2),
        (edited_rights, CHANGE, 1, AFTER, 2),
        (deleted_secret, CREATE, 2, BEFORE, 2),
        (deleted_secret, CREATE, 2, AFTER, 2),
        (deleted_secret, STATUS, 2, AFTER, 2),
        (edited_secret, CHANGE, 1, AFTER, 2),
        (lost_label, CHANGE, 1, BEFORE, 1),
        (lost_label, CHANGE, 1, AFTER, 1),
    ],
)
async def test_after_a_crash_one_token_is_current_and_it_is_delivered(
    cluster_user: Cluster,
    tmp_path: Path,
    story: Story,
    write: tuple[str, str],
    nth: int,
    after: bool,
    revision: int,
) -> None:
    await dies_in(story, cluster_user, tmp_path, write, nth, after=after)
    lost = await unrecorded(cluster_user)
    async with running(cluster_user.kubeconfig) as operator:
        runner = await settled(cluster_user, revision=revision)
        await operator.at_rest()
    assert await settled(cluster_user) == runner
    assert not lost & {token.digest for token in runner.status.tokens}


@pytest.mark.parametrize(("write", "after"), [(CHANGE, BEFORE), (CHANGE, AFTER), (STATUS, AFTER)])
async def test_a_renewal_cut_short_is_made_good(
    cluster_user: Cluster, clock: SettableClock, tmp_path: Path, write: tuple[str, str], after: bool
) -> None:
    async with running(cluster_user.kubeconfig, clock=clock):
        await first_issue(cluster_user)
        first = await settled(cluster_user)
    await dies_in(nothing, cluster_user, tmp_path, write, 1, after=after, hours=HOURS_TO_RENEWAL)
    lost = await unrecorded(cluster_user)
    clock.offset += timedelta(hours=HOURS_TO_RENEWAL)
    async with running(cluster_user.kubeconfig, clock=clock):
        runner = await settled(cluster_user, revision=2)
    digests = {token.digest for token in runner.status.tokens}
    assert first.status.tokens[0].digest in digests, "the superseded token lost its overlap"
    assert not lost & digests


@pytest.mark.parametrize(
    ("write", "nth", "after"),
    [(STATUS, 2, BEFORE), (STATUS, 2, AFTER), (REMOVE, 1, BEFORE), (REMOVE, 1, AFTER)],
)
async def test_a_revocation_cut_short_is_completed(
    cluster_user: Cluster, tmp_path: Path, write: tuple[str, str], nth: int, after: bool
) -> None:
    async def revocation(user: Cluster) -> None:
        await first_issue(user)
        await user.runner_where(is_ready)
        await user.patch(RUNNER_REGISTRATION, "runner", {"spec": {"revoked": True}})

    await dies_in(revocation, cluster_user, tmp_path, write, nth, after=after)
    async with running(cluster_user.kubeconfig):
        runner = await cluster_user.runner_where(lambda runner: runner.status.state == "Revoked")
        await cluster_user.until(
            lambda: cluster_user.secret("runner-token"), lambda found: found is None
        )
    assert not runner.status.tokens


@pytest.mark.parametrize(
    ("write", "after"),
    [
        (CREATE, BEFORE),
        (CREATE, AFTER),
        (("PATCH", "tokenissuers/status"), BEFORE),
        (("PATCH", "tokenissuers/status"), AFTER),
    ],
)
async def test_the_first_key_of_an_issuer_survives_a_crash(
    cluster_user: Cluster, tmp_path: Path, write: tuple[str, str], after: bool
) -> None:
    method, resource = write
    within = "/mintmaster-system/" if resource == "secrets" else f"/{cluster_user.issuer}/"
    await cluster_user.create_issuer()
    with mortal(
        cluster_user.kubeconfig, tmp_path, death=Death(method, resource, within, after)
    ) as operator:
        assert await operator.end() == -signal.SIGKILL
    await Leadership(cluster_user.client).vacate()
    key_secret = f"mintmaster-issuer-{cluster_user.issuer}"
    stored = await cluster_user.secret(key_secret, "mintmaster-system")
    async with running(cluster_user.kubeconfig) as operator:
        issuer = await cluster_user.until(cluster_user.own_issuer, is_ready)
        kept = await cluster_user.secret(key_secret, "mintmaster-system")
    assert [key.state for key in issuer.status.keys] == ["Active"]
    assert stored is None or stored == kept, "a key was replaced in silence"
