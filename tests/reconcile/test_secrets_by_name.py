"""Where Secrets may not be listed or watched: drift is found by reading each by its name, within an interval."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from mintmaster.api import names
from mintmaster.api.kinds import RUNNER_REGISTRATION
from mintmaster.operator.settings import SecretSettings, Settings
from reconcile.builders import secret
from reconcile.harness import running
from reconcile.reading import condition, is_ready, is_ready_at, is_unready

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from reconcile.harness import Cluster, Running, SettableClock

NAME = "runner-token"
INTERVAL = timedelta(minutes=10)
HOLD = "example.org/hold"
BY_NAME = Settings(listen="127.0.0.1:0", secrets=SecretSettings(watched=False, interval=INTERVAL))


def settings() -> Settings:
    """The same, with an identity of this process's own."""
    return replace(BY_NAME, identity=Settings().identity)


@pytest.fixture
async def reader(cluster_user: Cluster, clock: SettableClock) -> AsyncIterator[Running]:
    """An operator that reads Secrets by their names."""
    async with running(cluster_user.kubeconfig, clock=clock, settings=settings()) as started:
        yield started


def requests(operator: Running, verb: str) -> float:
    """Requests about Secrets so far."""
    return sum(
        sample.value
        for metric in operator.process.metrics.requests.collect()
        for sample in metric.samples
        if sample.name.endswith("_total")
        and (sample.labels["verb"], sample.labels["resource"]) == (verb, "secrets")
    )


async def test_a_secret_that_was_deleted_is_back_within_the_interval(
    cluster_user: Cluster, reader: Running
) -> None:
    await cluster_user.ready_issuer()
    await cluster_user.ready_runner()
    await cluster_user.delete_secret(NAME)
    await reader.at_rest()
    assert await cluster_user.secret(NAME) is None, "nobody watches"
    reader.advance(INTERVAL)
    await cluster_user.runner_where(is_ready_at(2))
    assert await cluster_user.secret(NAME) is not None
    assert requests(reader, "list") == 0


EDITS: dict[str, dict[str, Any]] = {
    "a key is added": {"stringData": {"extra": "mine"}},
    "a label is removed": {"metadata": {"labels": {names.LABEL_MANAGED_BY: None}}},
    "the owner is stripped": {"metadata": {"ownerReferences": None}},
}


@pytest.mark.parametrize("what", EDITS)
async def test_an_edit_is_put_right_around_the_same_token_within_the_interval(
    what: str, cluster_user: Cluster, reader: Running
) -> None:
    await cluster_user.ready_issuer()
    before = await cluster_user.ready_runner()
    whole = await cluster_user.secret(NAME)
    assert whole is not None
    async with reader.writing(1):
        await cluster_user.patch_secret(NAME, EDITS[what])
        reader.advance(INTERVAL)
        await cluster_user.secret_where(lambda it: _shape(it) == _shape(whole))
    assert (await cluster_user.runner()).status.tokens == before.status.tokens


def _shape(body: dict[str, Any]) -> tuple[Any, ...]:
    meta = body["metadata"]
    return body["data"], meta["labels"], meta.get("ownerReferences")


async def test_an_edited_token_is_replaced_within_the_interval(
    cluster_user: Cluster, reader: Running
) -> None:
    await cluster_user.ready_issuer()
    await cluster_user.ready_runner()
    await cluster_user.write_secret_data(NAME, token="mine")
    reader.advance(INTERVAL)
    await cluster_user.runner_where(is_ready_at(2))


async def test_a_look_at_what_is_right_writes_nothing(
    cluster_user: Cluster, reader: Running
) -> None:
    await cluster_user.ready_issuer()
    await cluster_user.ready_runner()
    await reader.at_rest()
    before = requests(reader, "get")
    async with reader.writing(0):
        reader.advance(INTERVAL)
        await cluster_user.until(lambda: _later(requests(reader, "get")), lambda it: it > before)


async def _later(value: float) -> float:
    return value


async def test_a_secret_of_a_former_life_is_waited_for_no_longer_than_it_takes(
    cluster_user: Cluster, reader: Running
) -> None:
    await cluster_user.ready_issuer()
    await cluster_user.ready_runner()
    await cluster_user.patch_secret(NAME, {"metadata": {"finalizers": [HOLD]}})
    await cluster_user.delete(RUNNER_REGISTRATION, "runner")
    await cluster_user.gone(RUNNER_REGISTRATION, "runner")
    await cluster_user.create_runner()
    await cluster_user.runner_where(is_unready("SecretMissing"))

    await cluster_user.patch_secret(NAME, {"metadata": {"finalizers": None}})
    await cluster_user.secret_gone(NAME)

    reader.advance(timedelta(seconds=2))
    await cluster_user.runner_where(is_ready)


async def test_a_secret_of_another_resource_is_missed_soon_after_it_went(
    cluster_user: Cluster, reader: Running
) -> None:
    await cluster_user.ready_issuer()
    await cluster_user.ready_runner("first", secret={"name": NAME})
    await cluster_user.create_runner("second", secret={"name": NAME})
    await cluster_user.runner_where(is_unready("SecretConflict"), "second")

    await cluster_user.delete(RUNNER_REGISTRATION, "first")
    await cluster_user.secret_gone(NAME)

    reader.advance(timedelta(seconds=31))
    await cluster_user.runner_where(is_ready, "second")


async def test_a_restart_writes_nothing(cluster_user: Cluster, reader: Running) -> None:
    await cluster_user.ready_issuer()
    await cluster_user.ready_runner()
    await reader.at_rest()
    versions = await cluster_user.versions()
    reader.stop.set()
    await reader.task
    async with running(cluster_user.kubeconfig, settings=settings()) as again:
        await again.at_rest()
        assert await cluster_user.versions() == versions
        assert (again.writes(), requests(again, "list")) == (0, 0)


async def test_a_revocation_that_was_cut_short_is_finished_by_the_next_leader(
    cluster_user: Cluster, reader: Running
) -> None:
    await cluster_user.ready_issuer()
    await cluster_user.ready_runner()
    kept = await cluster_user.secret(NAME)
    assert kept is not None
    await cluster_user.edit_runner(revoked=True)
    await cluster_user.secret_gone(NAME)
    reader.stop.set()
    await reader.task
    # As if the process had died between the two writes.
    left = {key: kept["metadata"][key] for key in ("labels", "ownerReferences")}
    await cluster_user.create(secret(NAME, metadata=left))
    async with running(cluster_user.kubeconfig, settings=settings()):
        await cluster_user.secret_gone(NAME)


async def test_the_secret_of_somebody_else_is_left_alone(
    cluster_user: Cluster, reader: Running
) -> None:
    await cluster_user.ready_issuer()
    await cluster_user.create(secret(NAME))
    before = await cluster_user.secret(NAME)
    await cluster_user.create_runner()
    await cluster_user.runner_where(is_unready("SecretConflict"))
    reader.advance(INTERVAL)
    await reader.at_rest()
    assert await cluster_user.secret(NAME) == before
    await cluster_user.delete_secret(NAME)
    reader.advance(INTERVAL)
    await cluster_user.runner_where(is_ready)


async def test_lost_keys_are_noticed_within_the_interval(
    cluster_user: Cluster, reader: Running
) -> None:
    issuer = await cluster_user.ready_issuer()
    await cluster_user.ready_runner()
    keys = f"mintmaster-issuer-{issuer.metadata.name}"
    await cluster_user.delete_secret(keys, "mintmaster-system")
    await reader.at_rest()
    reader.advance(INTERVAL)
    lost = await cluster_user.issuer_where(is_unready("KeysLost"))
    assert condition(lost, "Ready") == ("False", "KeysLost")


async def test_a_resource_that_is_gone_is_read_for_no_more(
    cluster_user: Cluster, reader: Running
) -> None:
    await cluster_user.ready_issuer()
    await cluster_user.ready_runner()
    await cluster_user.delete(RUNNER_REGISTRATION, "runner")
    await cluster_user.secret_gone(NAME)
    await reader.at_rest()
    async with reader.writing(0):
        reader.advance(INTERVAL)
        await reader.at_rest()
    assert await cluster_user.secret(NAME) is None
