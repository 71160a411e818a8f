"""Issuers that are not ready to mint yet, and come to be so without anybody's help."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mintmaster.api import decoding
from mintmaster.api.kinds import TOKEN_ISSUER
from mintmaster.api.reasons import Reason
from mintmaster.kube.paths import object_path
from mintmaster.operator.issuers import issuer_key
from reconcile.builders import issuer
from reconcile.harness import running
from reconcile.reading import condition, is_ready, is_unready, message

if TYPE_CHECKING:
    from pathlib import Path

    from reconcile.harness import Cluster, Running


async def test_an_issuer_whose_keys_cannot_be_stored_says_so_and_tries_again(
    cluster_user: Cluster, kubeconfig: Path
) -> None:
    await cluster_user.forbid_secrets()
    async with running(kubeconfig, namespace=cluster_user.namespace):
        await cluster_user.create_issuer()
        refused = await cluster_user.issuer_where(is_unready("WriteFailed"))
        assert "exceeded quota" in message(refused)
        assert refused.status.keys == ()
        await cluster_user.allow_secrets()
        await cluster_user.issuer_where(is_ready)


async def test_an_operator_starts_although_an_issuers_keys_cannot_be_stored(
    cluster_user: Cluster, kubeconfig: Path
) -> None:
    await cluster_user.forbid_secrets()
    await cluster_user.create_issuer()
    async with running(kubeconfig, namespace=cluster_user.namespace):
        await cluster_user.issuer_where(is_unready("WriteFailed"))
        await cluster_user.create_runner()
        await cluster_user.runner_where(is_unready("WriteFailed"))
        await cluster_user.allow_secrets()
        await cluster_user.runner_where(is_ready)


async def test_an_issuer_that_was_just_applied_is_not_ready_rather_than_missing(
    operator: Running,
) -> None:
    """Applied together with what names it, it may be seen first and worked on last."""
    assert operator.process.core is not None
    body = issuer("seen", "anywhere")
    body["metadata"] |= {"uid": "1", "resourceVersion": "1"}
    seen = decoding.decode(TOKEN_ISSUER, body)
    operator.process.core.world.issuers.observe(issuer_key("seen"), seen)
    view = operator.process.core.issuers.view("seen")
    assert view is not None
    assert view.obstacle is not None
    assert view.obstacle.reason == Reason.ISSUER_NOT_READY


async def test_a_resource_waits_for_its_issuer_and_is_issued_for_when_it_comes(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.create_runner()
    waiting = await cluster_user.runner_where(is_unready("IssuerNotFound"))
    assert repr(cluster_user.issuer) in message(waiting)
    assert condition(waiting, "Stalled") is None
    await cluster_user.create_issuer()
    await cluster_user.runner_where(is_ready)


async def test_an_issuer_held_by_a_finalizer_goes_on_minting_until_it_is_gone(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    hold = {"metadata": {"finalizers": ["example.org/hold"]}}
    await cluster_user.patch(TOKEN_ISSUER, cluster_user.issuer, hold)
    await cluster_user.delete(TOKEN_ISSUER, cluster_user.issuer)
    await cluster_user.ready_runner()
    path = object_path("mintmaster.dev/v1alpha1", "tokenissuers", None, cluster_user.issuer)
    await cluster_user.client.merge_patch(path, {"metadata": {"finalizers": None}})
    await cluster_user.runner_where(is_unready("IssuerNotFound"))
