"""How status lists are published: by whom, when they are signed anew, and when they go."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from mintmaster.api import names
from mintmaster.api.kinds import RUNNER_REGISTRATION, TOKEN_ISSUER
from mintmaster.kube.paths import object_path
from mintmaster.tokens.keys import SigningKey
from mintmaster.tokens.status_list_token import StatusListToken, sign
from reconcile.builders import key_secret
from reconcile.faults.tampering import Disturbance, Recorder, Target
from reconcile.reading import header, is_unready
from reconcile.status_list_reading import (
    INVALID,
    VALID,
    Place,
    config_map,
    said_of,
    status_of,
    until_status,
)
from reconcile.status_list_terms import (
    Mortal,
    judged,
    listed_runner,
    term,
    version_of,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from reconcile.harness import Cluster, Running, SettableClock


@pytest.fixture
async def operator(cluster_user: Cluster, clock: SettableClock) -> AsyncIterator[Running]:
    """An operator that looks at its lists often, and an issuer that keeps lists."""
    async with term(cluster_user, clock) as started:
        await cluster_user.ready_issuer(statusList=True)
        yield started


# Terms --------------------------------------------------------------------------------------------


async def test_a_restart_writes_nothing_and_the_next_term_gives_entries_of_its_own_list(
    cluster_user: Cluster, clock: SettableClock
) -> None:
    async with term(cluster_user, clock):
        await cluster_user.ready_issuer(statusList=True)
        place = await listed_runner(cluster_user)
    version = await version_of(cluster_user, place.uri)
    recorder = Recorder()
    async with term(cluster_user, clock, recorder) as operator:
        await judged(operator)
        await operator.at_rest()
        assert not recorder.writes_about("/configmaps")
        assert await version_of(cluster_user, place.uri) == version
        other = await listed_runner(cluster_user, "other")
        assert other.uri != place.uri
        assert await status_of(cluster_user, place) == VALID
        assert await status_of(cluster_user, other) == VALID
        await cluster_user.edit_runner(revoked=True)
        await until_status(cluster_user, place, INVALID)


async def test_48_a_resource_that_vanished_while_the_operator_was_down_is_marked(
    cluster_user: Cluster, clock: SettableClock
) -> None:
    async with term(cluster_user, clock):
        await cluster_user.ready_issuer(statusList=True)
        gone = await listed_runner(cluster_user, "gone")
        again = await listed_runner(cluster_user, "again")
        revoked = await listed_runner(cluster_user, "revoked")
        kept = await listed_runner(cluster_user, "kept")
    for name in ("gone", "again"):
        await cluster_user.delete(RUNNER_REGISTRATION, name)
        await cluster_user.gone(RUNNER_REGISTRATION, name)
    await cluster_user.create_runner("again")
    await cluster_user.edit_runner("revoked", revoked=True)
    async with term(cluster_user, clock):
        for place in (gone, again, revoked):
            await until_status(cluster_user, place, INVALID)
        assert await status_of(cluster_user, kept) == VALID


async def test_47_after_a_crash_only_what_a_status_names_is_valid(
    cluster_user: Cluster, clock: SettableClock
) -> None:
    mortal = Mortal()
    async with term(cluster_user, clock, mortal) as operator:
        await cluster_user.ready_issuer(statusList=True)
        kept = await listed_runner(cluster_user, "kept")
        gone = await listed_runner(cluster_user, "gone")
        mortal.dead = True
        await cluster_user.delete(RUNNER_REGISTRATION, "gone")
        await operator.at_rest()
    free = next(index for index in range(99) if index not in {kept.idx, gone.idx})
    never_given = Place(kept.uri, free)
    assert await status_of(cluster_user, never_given) == VALID
    async with term(cluster_user, clock):
        await until_status(cluster_user, gone, INVALID)
        assert await status_of(cluster_user, never_given) == INVALID
        assert await status_of(cluster_user, kept) == VALID


# Signing ------------------------------------------------------------------------------------------


async def test_a_list_that_a_withdrawn_key_signed_is_signed_by_the_new_one(
    operator: Running, cluster_user: Cluster
) -> None:
    place = await listed_runner(cluster_user)
    first = (await cluster_user.own_issuer()).status.keys[0].id
    await cluster_user.edit_issuer(withdrawnKeys=[first])
    await until_status(cluster_user, place, INVALID)
    found = await config_map(cluster_user, place.uri)
    assert found is not None
    assert header(found["data"]["status-list.jwt"])["kid"] != first


async def test_a_list_is_signed_again_at_half_of_its_life_and_says_so(
    operator: Running, cluster_user: Cluster
) -> None:
    place = await listed_runner(cluster_user)
    before = await said_of(cluster_user, place.uri)
    operator.advance(timedelta(hours=5, minutes=59))
    async with operator.writing(0):
        pass
    operator.advance(timedelta(minutes=2))
    after = await cluster_user.until(
        lambda: said_of(cluster_user, place.uri), lambda it: it["iat"] > before["iat"]
    )
    assert after["exp"] - after["iat"] == before["exp"] - before["iat"] == 12 * 3600


async def test_what_somebody_did_to_a_list_is_undone(
    operator: Running, cluster_user: Cluster
) -> None:
    place = await listed_runner(cluster_user)
    found = await config_map(cluster_user, place.uri)
    assert found is not None
    path = object_path("v1", "configmaps", "mintmaster-system", found["metadata"]["name"])
    await cluster_user.client.delete(path)
    await cluster_user.until(lambda: config_map(cluster_user, place.uri), bool)
    other = sign(
        StatusListToken(uri="other", issued_at=1, expires_at=2**40, ttl=1, entries=b"\0"),
        SigningKey.generate(),
    )
    for text in ("nonsense", other):
        damage = {
            "metadata": {"annotations": {names.ANNOTATION_EXPIRES_AT: "nonsense"}},
            "data": {"status-list.jwt": text},
        }
        await cluster_user.client.merge_patch(path, damage)
        await until_status(cluster_user, place, VALID)


async def test_a_list_that_somebody_changes_at_the_same_moment_is_written_all_the_same(
    cluster_user: Cluster, clock: SettableClock
) -> None:
    uri = ""

    async def meddle() -> None:
        found = await config_map(cluster_user, uri)
        assert found is not None
        path = object_path("v1", "configmaps", "mintmaster-system", found["metadata"]["name"])
        if disturbance.count == 1:
            await cluster_user.client.merge_patch(path, {"data": {"note": "mine"}})
        elif disturbance.count == 3:
            await cluster_user.client.delete(path)

    disturbance = Disturbance(Target("PATCH", "configmaps"), meddle)
    async with term(cluster_user, clock, disturbance):
        await cluster_user.ready_issuer(statusList=True)
        for name in ("changed", "deleted"):
            place = await listed_runner(cluster_user, name)
            uri = place.uri
            await cluster_user.edit_runner(name, revoked=True)
            await until_status(cluster_user, place, INVALID)
        assert disturbance.count == 3


async def test_63_without_keys_lists_stay_as_they_are_until_the_keys_are_back(
    operator: Running, cluster_user: Cluster
) -> None:
    place = await listed_runner(cluster_user)
    version = await version_of(cluster_user, place.uri)
    path = object_path("v1", "secrets", "mintmaster-system", key_secret(cluster_user.issuer))
    keys = await cluster_user.get(path)
    await cluster_user.client.delete(path)
    await cluster_user.issuer_where(is_unready("KeysLost"))
    await cluster_user.edit_runner(revoked=True)

    async def behind() -> float | None:
        return operator.metric("mintmaster_status_lists_behind")

    await cluster_user.until(behind, lambda count: count == 1)
    assert await version_of(cluster_user, place.uri) == version
    kept = {name: keys["metadata"][name] for name in ("name", "namespace", "labels")}
    await cluster_user.create(keys | {"metadata": kept})
    await until_status(cluster_user, place, INVALID)
    await cluster_user.until(behind, lambda count: count == 0)


async def test_a_mistrusted_clock_signs_nothing(operator: Running, cluster_user: Cluster) -> None:
    place = await listed_runner(cluster_user)
    version = await version_of(cluster_user, place.uri)
    operator.skew.mistrusted = True
    await cluster_user.edit_runner(revoked=True)
    await cluster_user.runner_where(lambda it: it.status.state == "Revoked")
    await operator.at_rest()
    assert await version_of(cluster_user, place.uri) == version
    operator.skew.mistrusted = False
    await until_status(cluster_user, place, INVALID)


async def test_a_list_goes_when_all_its_tokens_have_expired(
    cluster_user: Cluster, clock: SettableClock
) -> None:
    async with term(cluster_user, clock):
        await cluster_user.ready_issuer(statusList=True)
        place = await listed_runner(cluster_user, token={"lifetime": "1h"})
        await cluster_user.edit_runner(suspend=True)
        await cluster_user.runner_where(lambda it: it.status.state == "Suspended")
    async with term(cluster_user, clock) as operator:
        await judged(operator)
        operator.advance(timedelta(minutes=59))
        await operator.at_rest()
        assert await config_map(cluster_user, place.uri) is not None
        operator.advance(timedelta(minutes=2))
        await cluster_user.until(
            lambda: config_map(cluster_user, place.uri), lambda found: found is None
        )


async def test_lists_of_an_issuer_that_is_gone_stay_as_they_are(
    operator: Running, cluster_user: Cluster
) -> None:
    place = await listed_runner(cluster_user)
    await cluster_user.delete(TOKEN_ISSUER, cluster_user.issuer)
    await cluster_user.gone(TOKEN_ISSUER, cluster_user.issuer)
    await operator.at_rest()
    version = await version_of(cluster_user, place.uri)
    await cluster_user.delete(RUNNER_REGISTRATION, "runner")
    await cluster_user.gone(RUNNER_REGISTRATION, "runner")
    await operator.at_rest()
    assert await version_of(cluster_user, place.uri) == version
    assert operator.metric("mintmaster_status_lists_behind") == 0
    await cluster_user.ready_issuer(statusList=True)
    await until_status(cluster_user, place, INVALID)
