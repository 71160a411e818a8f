"""Alerts on tokens, keys and status lists: each fires where its condition is caused for real, and alone."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from mintmaster.api.kinds import RUNNER_REGISTRATION, TOKEN_ISSUER
from monitoring.conftest import Watch
from reconcile.builders import key_secret, secret
from reconcile.faults.spawning import until
from reconcile.faults.tampering import Target, process_with
from reconcile.harness import running
from reconcile.reading import condition, is_ready_at, is_unready
from reconcile.status_list_reading import INVALID, VALID, until_status
from reconcile.status_list_terms import Refusal, listed_runner, term

if TYPE_CHECKING:
    from pathlib import Path

    from reconcile.harness import Cluster, Running, SettableClock

READY = "Ready"
HOME = "mintmaster-system"


async def _well(user: Cluster, watch: Watch, **token: str) -> None:
    await user.ready_issuer()
    await user.ready_runner(token=token)
    assert watch.operator is not None
    await watch.operator.at_rest()
    await watch.all_is_well()


async def test_renewal_overdue_and_its_end(cluster_user: Cluster, tmp_path: Path) -> None:
    refusal = Refusal(Target("PATCH", "secrets", within=f"/{cluster_user.namespace}/"))
    async with running(cluster_user.kubeconfig, process_type=process_with(refusal)) as operator:
        refusal.over = True
        watch = Watch(tmp_path, operator)
        await _well(cluster_user, watch, lifetime="24h", renewBefore="8h")
        refusal.over = False
        renew_at = (await cluster_user.runner()).status.renew_at
        assert renew_at is not None
        operator.advance_to(renew_at)
        await cluster_user.runner_where(lambda it: condition(it, "RenewalFailing"))
        operator.advance_to(renew_at + timedelta(hours=5))
        await watch.goes_on(30)
        await watch.fires("MintmasterRenewalOverdue", "MintmasterRenewalFailing")
        refusal.over = True
        await cluster_user.runner_where(is_ready_at(2))
        await operator.at_rest()
        await watch.goes_on(2)
        await watch.is_calm()


async def test_renewal_failing(cluster_user: Cluster, watch: Watch) -> None:
    await cluster_user.ready_issuer(limits={"issuesPerHour": 1})
    await cluster_user.ready_runner()
    await cluster_user.rotate_runner("first")
    await _operator(watch).at_rest()
    await watch.all_is_well()
    await cluster_user.annotate(RUNNER_REGISTRATION, "runner", rotate="second")
    await cluster_user.runner_where(lambda it: condition(it, "RenewalFailing"))
    await _operator(watch).at_rest()
    await watch.goes_on(20)
    await watch.fires("MintmasterRenewalFailing")


async def test_secret_conflict(cluster_user: Cluster, watch: Watch) -> None:
    await _well(cluster_user, watch)
    await cluster_user.create(secret("second-token"))
    await cluster_user.create_runner("second")
    await cluster_user.runner_where(is_unready("SecretConflict"), "second")
    await _operator(watch).at_rest()
    await watch.goes_on(20)
    await watch.fires("MintmasterSecretConflict")


async def test_stalled(cluster_user: Cluster, watch: Watch) -> None:
    await _well(cluster_user, watch)
    await cluster_user.create_runner("second", scopes=["fly"])
    await cluster_user.runner_where(is_unready("ScopeUnknown"), "second")
    await _operator(watch).at_rest()
    await watch.goes_on(30)
    await watch.fires("MintmasterStalled")
    await cluster_user.delete(RUNNER_REGISTRATION, "second")
    await cluster_user.gone(RUNNER_REGISTRATION, "second")
    await _operator(watch).at_rest()
    await watch.goes_on(2)
    await watch.is_calm()


async def test_write_failed(cluster_user: Cluster, watch: Watch) -> None:
    await _well(cluster_user, watch)
    await cluster_user.forbid_secrets()
    await cluster_user.create_runner("second")
    await cluster_user.runner_where(is_unready("WriteFailed"), "second")
    await watch.goes_on(20)
    await watch.fires("MintmasterWriteFailed")


async def test_keys_lost(cluster_user: Cluster, watch: Watch) -> None:
    await _well(cluster_user, watch)
    await cluster_user.delete_secret(key_secret(cluster_user.issuer), HOME)
    await cluster_user.issuer_where(lambda it: condition(it, READY) == ("False", "KeysLost"))
    await _operator(watch).at_rest()
    await watch.goes_on(20)
    await watch.fires("MintmasterKeysLost")


async def test_issuer_not_ready(cluster_user: Cluster, watch: Watch) -> None:
    await _well(cluster_user, watch)
    url = (await cluster_user.own_issuer()).spec.url
    younger = f"{cluster_user.issuer}-younger"
    await cluster_user.until_younger(await cluster_user.raw(TOKEN_ISSUER, cluster_user.issuer))
    await cluster_user.create_issuer(younger, url=url)
    await cluster_user.issuer_where(
        lambda it: condition(it, READY) == ("False", "IssuerConflict"), younger
    )
    await _operator(watch).at_rest()
    await watch.goes_on(20)
    await watch.fires("MintmasterIssuerNotReady")


async def test_key_change_overdue(cluster_user: Cluster, tmp_path: Path) -> None:
    """The Secret of the keys cannot be written when the next key is due."""
    refusal = Refusal(Target("PATCH", "secrets", within=key_secret(cluster_user.issuer)))
    async with running(cluster_user.kubeconfig, process_type=process_with(refusal)) as operator:
        watch = Watch(tmp_path, operator)
        signing = {"keyLifetime": "100h", "publishBefore": "1h"}
        await cluster_user.ready_issuer(signing=signing)
        await operator.at_rest()
        await watch.all_is_well()
        operator.advance(timedelta(hours=101))
        await cluster_user.issuer_where(lambda it: condition(it, READY) == ("False", "WriteFailed"))
        await watch.goes_on(30)
        await watch.fires("MintmasterKeyChangeOverdue", "MintmasterIssuerNotReady")


async def test_status_lists_behind(
    cluster_user: Cluster, clock: SettableClock, tmp_path: Path
) -> None:
    refusal = Refusal(Target("PATCH", "configmaps"), over=True)
    async with term(cluster_user, clock, refusal) as operator:
        watch = Watch(tmp_path, operator)
        await cluster_user.ready_issuer(statusList=True)
        place = await listed_runner(cluster_user)
        await until_status(cluster_user, place, VALID)
        await operator.at_rest()
        await watch.all_is_well()
        refusal.over = False
        await cluster_user.edit_runner(revoked=True)
        await cluster_user.secret_gone("runner-token")
        await until(lambda: operator.metric("mintmaster_status_lists_behind"), "no list is behind")
        await watch.goes_on(20)
        await watch.fires("MintmasterStatusListsBehind")
        refusal.over = True
        await until_status(cluster_user, place, INVALID)


def _operator(watch: Watch) -> Running:
    assert watch.operator is not None
    return watch.operator
