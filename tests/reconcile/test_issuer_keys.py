"""The keys of an issuer: made once, rotated in the open, withdrawn at a word, and never replaced in silence (I16)."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from mintmaster.api.kinds import RUNNER_REGISTRATION, TOKEN_ISSUER
from mintmaster.operator.issuers import LOSS_RETRY
from mintmaster.tokens.keys import Algorithm, SigningKey
from reconcile.builders import key_secret, secret
from reconcile.reading import (
    condition,
    current,
    header,
    is_ready,
    is_ready_at,
    is_unready,
    revisions,
)

if TYPE_CHECKING:
    from mintmaster.api.token_issuer import TokenIssuer
    from reconcile.harness import Cluster, Object, Running

HOME = "mintmaster-system"
SIGNING = {"keyLifetime": "100h", "publishBefore": "1h"}


def _states(issuer: TokenIssuer) -> dict[str, str]:
    return {key.id: key.state for key in issuer.status.keys}


async def _kid(user: Cluster) -> str:
    return str(header((await user.secret_data("runner-token"))["token"])["kid"])


async def test_an_issuer_gets_one_key_whose_private_half_is_in_one_secret_alone(
    cluster_user: Cluster, operator: Running
) -> None:
    issuer = await cluster_user.ready_issuer()
    (key,) = issuer.status.keys
    assert condition(issuer, "Ready") == ("True", "KeysPublished")
    assert set(key.public_jwk) == {"alg", "crv", "kid", "kty", "use", "x", "y"}
    stored = await cluster_user.secret(key_secret(cluster_user.issuer), HOME)
    assert stored is not None
    assert stored["data"] == sorted([f"{key.id}.pem", "keys.json"])
    assert "ownerReferences" not in stored["metadata"]


@pytest.mark.parametrize("algorithm", ["ES256", "RS256", "EdDSA"])
async def test_tokens_are_signed_with_the_algorithm_of_the_issuer(
    algorithm: str, cluster_user: Cluster, operator: Running
) -> None:
    issuer = await cluster_user.ready_issuer(signing={"algorithm": algorithm})
    await cluster_user.ready_runner()
    head = header((await cluster_user.secret_data("runner-token"))["token"])
    assert (head["alg"], head["kid"]) == (algorithm, issuer.status.keys[0].id)


async def test_a_key_is_published_before_it_signs_and_retired_after(
    cluster_user: Cluster, operator: Running
) -> None:
    """Attack 64."""
    (old,) = (await cluster_user.ready_issuer(signing=SIGNING)).status.keys
    await cluster_user.ready_runner(token={"lifetime": "10h"})
    await cluster_user.annotate(TOKEN_ISSUER, cluster_user.issuer, rotate="now")
    issuer = await cluster_user.issuer_where(lambda it: len(it.status.keys) == 2)
    following = next(key for key in issuer.status.keys if key.state == "Next")
    assert _states(issuer) == {old.id: "Active", following.id: "Next"}
    await cluster_user.rotate_runner("before its time")
    assert await _kid(cluster_user) == old.id

    operator.advance_to(following.not_before)
    issuer = await cluster_user.issuer_where(lambda it: _states(it)[following.id] == "Active")
    assert _states(issuer)[old.id] == "Retired"
    await operator.at_rest()
    assert (await cluster_user.runner()).status.revision == 2, "a key change mints nothing anew"
    await cluster_user.rotate_runner("with the new key")
    assert await _kid(cluster_user) == following.id

    retired = next(key for key in issuer.status.keys if key.id == old.id)
    operator.advance_to(retired.retire_at)
    await cluster_user.issuer_where(lambda it: old.id not in _states(it))


async def test_a_key_is_followed_by_another_when_its_own_lifetime_ends(
    cluster_user: Cluster, operator: Running
) -> None:
    (old,) = (await cluster_user.ready_issuer(signing=SIGNING)).status.keys
    assert old.not_before is not None
    operator.advance_to(old.not_before + timedelta(hours=99))
    await cluster_user.issuer_where(lambda it: sorted(_states(it).values()) == ["Active", "Next"])
    operator.advance_to(old.not_before + timedelta(hours=100, seconds=5))
    await cluster_user.issuer_where(lambda it: _states(it)[old.id] == "Retired")


async def test_another_algorithm_is_a_key_rotation(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer(signing=SIGNING)
    await cluster_user.edit_issuer(signing={"algorithm": "EdDSA"})
    issuer = await cluster_user.issuer_where(lambda it: len(it.status.keys) == 2)
    assert {key.algorithm: key.state for key in issuer.status.keys} == {
        "ES256": "Active",
        "EdDSA": "Next",
    }


async def test_a_rotation_annotation_that_was_handled_makes_no_further_key(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer(signing=SIGNING)
    await cluster_user.annotate(TOKEN_ISSUER, cluster_user.issuer, rotate="now")
    issuer = await cluster_user.issuer_where(lambda it: len(it.status.keys) == 2)
    operator.advance_to(issuer.status.keys[0].not_before)
    issuer = await cluster_user.issuer_where(lambda it: "Retired" in _states(it).values())
    await operator.at_rest()
    assert len((await cluster_user.own_issuer()).status.keys) == 2


async def test_a_withdrawn_key_is_replaced_at_once_and_what_it_signed_is_issued_anew(
    cluster_user: Cluster, operator: Running
) -> None:
    (old,) = (await cluster_user.ready_issuer()).status.keys
    await cluster_user.ready_runner()
    await cluster_user.ready_user(token={"format": "Opaque"})
    await cluster_user.edit_issuer(withdrawnKeys=[old.id])
    runner = await cluster_user.runner_where(is_ready_at(2))
    assert revisions(runner) == [2]
    assert condition(runner, "Ready") == ("True", "Renewed")
    issuer = await cluster_user.issuer_where(is_ready)
    assert _states(issuer) == {old.id: "Withdrawn", await _kid(cluster_user): "Active"}
    stored = await cluster_user.secret(key_secret(cluster_user.issuer), HOME)
    assert stored is not None
    assert f"{old.id}.pem" not in stored["data"]
    await operator.at_rest()
    assert (await cluster_user.user()).status.revision == 1, "an opaque token has no key"


async def _lose(user: Cluster) -> None:
    await user.delete_secret(key_secret(user.issuer), HOME)


async def _corrupt(user: Cluster) -> None:
    (key,) = (await user.own_issuer()).status.keys
    await _overwrite(
        user, key.id, b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"
    )


async def _swap(user: Cluster) -> None:
    (key,) = (await user.own_issuer()).status.keys
    await _overwrite(user, key.id, SigningKey.generate(Algorithm.RS256).to_pem())


async def _forget_the_index(user: Cluster) -> None:
    await user.patch_secret(key_secret(user.issuer), {"data": {"keys.json": None}}, HOME)


async def _overwrite(user: Cluster, kid: str, pem: bytes) -> None:
    data = {f"{kid}.pem": base64.b64encode(pem).decode()}
    await user.patch_secret(key_secret(user.issuer), {"data": data}, HOME)


DAMAGE = {
    "deleted": _lose,
    "corrupted": _corrupt,
    "swapped for one of another algorithm": _swap,
    "without its index": _forget_the_index,
}


@pytest.mark.parametrize("how", DAMAGE)
async def test_keys_that_are_damaged_stop_minting_and_heal_when_they_are_restored(
    how: str, cluster_user: Cluster, operator: Running
) -> None:
    """Attack 63: live tokens stay good, and no key is made in silence."""
    issuer = await cluster_user.ready_issuer()
    before = await cluster_user.ready_runner()
    backup = await cluster_user.secret_data(key_secret(cluster_user.issuer), HOME)
    await DAMAGE[how](cluster_user)
    lost = await cluster_user.issuer_where(is_unready("KeysLost"))
    assert lost.status.keys == issuer.status.keys
    await cluster_user.create_runner("another")
    await cluster_user.runner_where(is_unready("KeysLost"), "another")
    assert is_ready(await cluster_user.runner())

    await _restore(cluster_user, operator, backup)
    await cluster_user.issuer_where(is_ready)
    await cluster_user.runner_where(is_ready, "another")
    assert (await cluster_user.own_issuer()).status.keys == issuer.status.keys
    assert (await cluster_user.runner()).status.tokens == before.status.tokens


async def _restore(user: Cluster, operator: Running, backup: dict[str, str]) -> None:
    """Put the key Secret back as a backup tool does, whether or not something of it is left."""
    name = key_secret(user.issuer)
    found = await user.secret(name, HOME)
    if found is not None:
        await user.patch_secret(name, {"stringData": backup}, HOME)
        return
    body: Object = secret(name, stringData=backup, metadata={"namespace": HOME})
    await user.create(body)
    # No watch shows a Secret without our labels: it is looked for now and then.
    operator.advance(LOSS_RETRY)


async def test_a_secret_edited_while_the_keys_are_lost_does_not_condemn_its_token(
    cluster_user: Cluster, operator: Running
) -> None:
    """The public keys are published still: whether a signature holds can be told."""
    await cluster_user.ready_issuer()
    await cluster_user.ready_runner()
    await _lose(cluster_user)
    await cluster_user.issuer_where(is_unready("KeysLost"))
    await cluster_user.patch_secret("runner-token", {"stringData": {"extra": "mine"}})
    await operator.at_rest()
    assert is_ready(await cluster_user.runner())


async def test_lost_keys_are_given_up_by_withdrawing_them(
    cluster_user: Cluster, operator: Running
) -> None:
    (old,) = (await cluster_user.ready_issuer()).status.keys
    await cluster_user.ready_runner()
    await _lose(cluster_user)
    await cluster_user.issuer_where(is_unready("KeysLost"))
    await cluster_user.edit_issuer(withdrawnKeys=[old.id])
    renewed = await cluster_user.runner_where(is_ready_at(2))
    assert current(renewed).key_id != old.id
    assert revisions(renewed) == [2]


async def test_an_issuer_created_again_without_its_keys_makes_none_while_tokens_name_it(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    await cluster_user.ready_runner()
    await cluster_user.delete(TOKEN_ISSUER, cluster_user.issuer)
    await cluster_user.runner_where(is_unready("IssuerNotFound"))
    await _lose(cluster_user)
    await cluster_user.create_issuer()
    lost = await cluster_user.issuer_where(is_unready("KeysLost"))
    assert lost.status.keys == ()
    await cluster_user.delete(RUNNER_REGISTRATION, "runner")
    await cluster_user.gone(RUNNER_REGISTRATION, "runner")
    operator.advance(LOSS_RETRY)
    await cluster_user.issuer_where(is_ready)


async def test_the_retired_key_of_a_damaged_secret_is_still_published(
    cluster_user: Cluster, operator: Running
) -> None:
    """Only the private half is lost, and nobody needs that of a retired key."""
    (old,) = (await cluster_user.ready_issuer(signing=SIGNING)).status.keys
    await cluster_user.ready_runner()
    await cluster_user.annotate(TOKEN_ISSUER, cluster_user.issuer, rotate="now")
    issuer = await cluster_user.issuer_where(lambda it: len(it.status.keys) == 2)
    operator.advance_to(issuer.status.keys[0].not_before)
    await cluster_user.issuer_where(lambda it: _states(it)[old.id] == "Retired")
    pem: Object = {"data": {f"{old.id}.pem": None}}
    await cluster_user.patch_secret(key_secret(cluster_user.issuer), pem, HOME)
    await operator.at_rest()
    after = await cluster_user.own_issuer()
    assert {key.id: key.public_jwk for key in after.status.keys}[old.id] == old.public_jwk
    await cluster_user.patch_secret("runner-token", {"stringData": {"extra": "mine"}})
    await cluster_user.secret_where(lambda it: it["data"] == ["token"])
    assert (await cluster_user.runner()).status.revision == 1
