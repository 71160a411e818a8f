"""Restarts of who mounts the Secret: with their owners' consent, once per token, and never a reason to mint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mintmaster.api import names
from mintmaster.kube.paths import object_path
from reconcile.builders import deployment
from reconcile.reading import condition, is_ready, is_ready_at, is_settled, message

if TYPE_CHECKING:
    from mintmaster.api.runner_registration import RunnerRegistration
    from reconcile.harness import Cluster, Running

TARGETS = [{"kind": "Deployment", "name": name} for name in ("web", "worker")]
WILLING = {names.ANNOTATION_RESTART: "true"}


async def _deployment(user: Cluster, name: str) -> dict[str, Any]:
    return await user.get(object_path("apps/v1", "deployments", user.namespace, name))


async def _rolled_for(user: Cluster, name: str) -> str | None:
    template = (await _deployment(user, name))["spec"]["template"]["metadata"]
    found: str | None = template.get("annotations", {}).get(names.ANNOTATION_TOKEN_REVISION)
    return found


def _succeeded(runner: RunnerRegistration) -> bool:
    return (condition(runner, "RestartsSucceeded") or ("", ""))[0] == "True"


def _failed(runner: RunnerRegistration) -> bool:
    return (condition(runner, "RestartsSucceeded") or ("", ""))[0] == "False"


async def test_the_first_token_restarts_nobody_and_a_renewal_all_who_are_willing(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    for name in ("web", "worker"):
        await cluster_user.create(deployment(name, WILLING))
    first = await cluster_user.ready_runner(restart=TARGETS)
    await operator.at_rest()
    assert await _rolled_for(cluster_user, "web") is None
    assert condition(first, "RestartsSucceeded") is None

    operator.advance_to(first.status.renew_at)
    renewed = await cluster_user.runner_where(_succeeded)
    wanted = f"{renewed.metadata.uid}.2"
    assert await _rolled_for(cluster_user, "web") == wanted
    assert await _rolled_for(cluster_user, "worker") == wanted


async def test_a_restart_costs_one_write_for_each_workload_and_one_for_the_condition(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    for name in ("web", "worker"):
        await cluster_user.create(deployment(name, WILLING))
    await cluster_user.ready_runner(restart=TARGETS)
    issue, rolls, condition_ = 2, 2, 1
    async with operator.writing(issue + rolls + condition_):
        await cluster_user.rotate_runner("now")
        await cluster_user.runner_where(_succeeded)


async def test_a_secret_that_is_put_right_restarts_nobody(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    await cluster_user.create(deployment("web", WILLING))
    await cluster_user.ready_runner(restart=TARGETS[:1])
    await cluster_user.patch_secret("runner-token", {"metadata": {"ownerReferences": None}})
    await cluster_user.secret_where(lambda it: "ownerReferences" in it["metadata"])
    await operator.at_rest()
    assert await _rolled_for(cluster_user, "web") is None


async def test_a_workload_without_its_owners_consent_is_left_alone_and_named(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    await cluster_user.create(deployment("web", WILLING))
    version = (await cluster_user.create(deployment("worker", {})))["metadata"]["generation"]
    await cluster_user.ready_runner(restart=TARGETS)
    await cluster_user.rotate_runner("now")
    failed = await cluster_user.runner_where(_failed)
    assert is_ready(failed)
    assert "'worker'" in message(failed, "RestartsSucceeded")
    assert "'web'" not in message(failed, "RestartsSucceeded")
    assert (await _deployment(cluster_user, "worker"))["metadata"]["generation"] == version
    assert await _rolled_for(cluster_user, "web") == f"{failed.metadata.uid}.2"


async def test_a_restart_that_failed_is_tried_again_and_mints_nothing(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    await cluster_user.ready_runner(restart=TARGETS[:1])
    await cluster_user.rotate_runner("now")
    failed = await cluster_user.runner_where(_failed)
    assert "does not exist" in message(failed, "RestartsSucceeded")
    await cluster_user.create(deployment("web", WILLING))
    healed = await cluster_user.runner_where(_succeeded)
    assert healed.status.revision == 2
    assert await _rolled_for(cluster_user, "web") == f"{healed.metadata.uid}.2"


async def test_the_condition_goes_with_the_last_target(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    await cluster_user.create(deployment("web", WILLING))
    await cluster_user.ready_runner(restart=TARGETS[:1])
    await cluster_user.rotate_runner("now")
    await cluster_user.runner_where(_succeeded)
    await cluster_user.edit_runner(restart=[])
    after = await cluster_user.runner_where(lambda it: is_settled(it) and is_ready_at(2)(it))
    assert condition(after, "RestartsSucceeded") is None
