"""Writes that are refused or overtaken: nothing becomes active that was not delivered and decided on last."""

from __future__ import annotations

from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import msgspec
import pytest

from mintmaster.api.kinds import RUNNER_REGISTRATION
from mintmaster.kube.client import JSON, MERGE_PATCH
from mintmaster.kube.errors import Forbidden, Invalid, Unreachable
from mintmaster.kube.paths import object_path
from reconcile.builders import quota, secret
from reconcile.denying import denying
from reconcile.faults.inspection import current, delivered, settled
from reconcile.faults.spawning import until
from reconcile.faults.tampering import Disturbance, Interruption, Target, process_with
from reconcile.harness import running
from reconcile.reading import is_unready

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from reconcile.cluster_user import Cluster
    from reconcile.faults.tampering import Request, Send
    from reconcile.harness import Running

STATUS = "runnerregistrations/status"


def status_writes(user: Cluster) -> Target:
    return Target("PATCH", STATUS, within=f"/{user.namespace}/")


async def test_a_spent_quota_leaves_nothing_behind_and_heals(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    await cluster_user.create(quota("tight", secrets="0"))
    path = object_path("v1", "resourcequotas", cluster_user.namespace, "tight")

    async def counted() -> bool:
        found = msgspec.json.decode(await cluster_user.client.get(path))
        return "used" in found.get("status", {})

    await cluster_user.until(counted, bool)
    await cluster_user.create_runner()
    runner = await cluster_user.runner_where(is_unready("WriteFailed"))
    assert not runner.status.tokens
    assert await cluster_user.secret("runner-token") is None
    await cluster_user.client.delete(path)
    await settled(cluster_user, revision=1)


async def test_a_policy_that_denies_secrets_keeps_tokens_from_being_recorded(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    async with denying(cluster_user, "", "secrets", partial(_is_denied, cluster_user, "secrets")):
        await cluster_user.create_runner()
        runner = await cluster_user.runner_where(is_unready("WriteFailed"))
        assert not runner.status.tokens
    await settled(cluster_user, revision=1)


async def test_a_policy_that_denies_the_status_keeps_delivered_tokens_inactive(
    cluster_user: Cluster,
) -> None:
    refused = Disturbance(status_writes(cluster_user), _nothing)
    async with running(cluster_user.kubeconfig, process_type=process_with(refused)):
        await cluster_user.ready_issuer()
        await cluster_user.ready_runner("trial")
        async with denying(
            cluster_user, "mintmaster.dev", STATUS, partial(_is_denied, cluster_user, STATUS)
        ):
            before = refused.count
            await cluster_user.create_runner()
            await until(lambda: refused.count > before + 3, "nothing is tried again")
            lost = await delivered(cluster_user)
            assert not (await cluster_user.runner()).status.tokens
        runner = await settled(cluster_user, revision=1)
    assert lost not in {token.digest for token in runner.status.tokens}


async def _nothing() -> None:
    """Let the writes pass; only their number is of interest."""


async def _is_denied(user: Cluster, resource: str) -> bool:
    """Try the policy out, as it takes a moment to be in force."""
    if resource == "secrets":
        method, path, body = "POST", user.secret_path("any").removesuffix("/any"), secret("trial")
    else:
        method, path = "PATCH", user.path(RUNNER_REGISTRATION, "trial", "status")
        body = {"status": {"state": "Tried"}}
    try:
        await user.client.request(
            method,
            path,
            params={"dryRun": "All"},
            body=msgspec.json.encode(body),
            content_type=JSON if method == "POST" else MERGE_PATCH,
        )
    except (Forbidden, Invalid):
        return True
    return False


async def test_a_storm_of_conflicts_ends_with_the_token_that_was_delivered_first(
    cluster_user: Cluster,
) -> None:
    seen: set[str] = set()

    async def touch() -> None:
        if storm.count <= 6:
            seen.add(await delivered(cluster_user))
            await cluster_user.annotate(RUNNER_REGISTRATION, "runner", note=str(storm.count))

    storm = Disturbance(status_writes(cluster_user), touch)
    async with running(cluster_user.kubeconfig, process_type=process_with(storm)):
        await cluster_user.ready_issuer()
        await cluster_user.create_runner()
        runner = await settled(cluster_user, revision=1)
    assert storm.count > 6
    assert seen == {current(runner).digest}


@pytest.mark.parametrize("rotated", [False, True], ids=["first issue", "rotation"])
async def test_an_edit_that_changes_nothing_about_the_token_does_not_cost_another(
    cluster_user: Cluster, rotated: bool
) -> None:
    async with held_up(cluster_user, rotated=rotated) as interruption:
        minted = await delivered(cluster_user)
        await cluster_user.annotate(RUNNER_REGISTRATION, "runner", note="touched")
        await cluster_user.edit_runner(description="Touched.")
        interruption.release()
        runner = await settled(cluster_user)
        assert current(runner).digest == minted


@pytest.mark.parametrize("rotated", [False, True], ids=["first issue", "rotation"])
async def test_rights_narrowed_before_the_record_never_become_active(
    cluster_user: Cluster, rotated: bool
) -> None:
    async with held_up(cluster_user, rotated=rotated) as interruption:
        wide = await delivered(cluster_user)
        await cluster_user.edit_runner(scopes=["read_api"])
        interruption.release()
        runner = await settled(cluster_user)
        assert current(runner).rights.scopes == ("read_api",)
        assert wide not in {token.digest for token in runner.status.tokens}


async def test_a_revocation_before_the_record_wins(cluster_user: Cluster) -> None:
    async with held_up(cluster_user, rotated=False) as interruption:
        await cluster_user.edit_runner(revoked=True)
        interruption.release()
        runner = await cluster_user.runner_where(lambda it: it.status.state == "Revoked")
        assert not runner.status.tokens
        await cluster_user.secret_gone()


@asynccontextmanager
async def held_up(user: Cluster, *, rotated: bool) -> AsyncIterator[Interruption]:
    """An operator that has delivered a token with wide rights and is held up right before it records it."""
    if rotated:
        async with running(user.kubeconfig):
            await user.ready_issuer()
            await user.ready_runner(scopes=["api", "read_api"])
    interruption = Interruption(status_writes(user))
    async with running(user.kubeconfig, process_type=process_with(interruption)) as operator:
        if rotated:
            await user.annotate(RUNNER_REGISTRATION, "runner", rotate="please")
        else:
            await user.ready_issuer()
            await user.create_runner(scopes=["api", "read_api"])
        await until(interruption.reached.is_set, "no status is written")
        yield interruption
        await operator.at_rest()


class LostAnswers:
    """The answer to the first write of a status gets lost, and the next read of the resource fails."""

    def __init__(self, user: Cluster) -> None:
        self._write = status_writes(user)
        self._read = Target("GET", "runnerregistrations", within=f"/{user.namespace}/")
        self.lost: list[str] = []

    async def __call__(self, request: Request, send: Send) -> bytes:
        answer = await send()
        for target in (self._write, self._read):
            if target.matches(request) and target.method not in self.lost:
                self.lost.append(target.method)
                raise Unreachable(f"{request.method} {request.path}: nobody answers any more")
        return answer


async def test_a_status_that_was_written_though_no_answer_came_is_not_written_again(
    cluster_user: Cluster,
) -> None:
    answers = LostAnswers(cluster_user)
    async with running(cluster_user.kubeconfig, process_type=process_with(answers)) as operator:
        await cluster_user.ready_issuer()
        await cluster_user.create_runner()
        await until(lambda: "PATCH" in answers.lost, "no status is written")
        await operator.at_rest()
    runner = await settled(cluster_user)
    assert answers.lost == ["PATCH", "GET"]
    assert [token.revision for token in runner.status.tokens] == [1]
