"""The status of an issuer: its public keys, and whether it can mint."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from mintmaster.api.reasons import STALLED_REASONS, ConditionType, Reason
from mintmaster.lifecycle.conditions import ConditionSet, without_wording
from mintmaster.lifecycle.issuer_view import Obstacle
from mintmaster.lifecycle.merge_patch import difference

if TYPE_CHECKING:
    from datetime import datetime

    from mintmaster.api.token_issuer import KeyRecord, TokenIssuer, TokenIssuerStatus
    from mintmaster.lifecycle.keyring import Keyring


def next_status(
    issuer: TokenIssuer, keys: tuple[KeyRecord, ...], obstacle: Obstacle | None, now: datetime
) -> TokenIssuerStatus:
    """The status of an issuer with these keys; equal to the present one where nothing has to be said."""
    built = ConditionSet(issuer.status.conditions, generation=issuer.metadata.generation, now=now)
    if obstacle is None:
        built.set(ConditionType.READY, True, Reason.KEYS_PUBLISHED, "The issuer's keys are in use.")
        built.remove(ConditionType.STALLED)
    else:
        built.set(ConditionType.READY, False, obstacle.reason, obstacle.message)
        stalled = obstacle.reason in STALLED_REASONS
        built.set_or_remove(
            ConditionType.STALLED, (obstacle.reason, obstacle.message) if stalled else None
        )
    return msgspec.structs.replace(
        issuer.status,
        observed_generation=issuer.metadata.generation,
        keys=keys,
        conditions=built.build(),
    )


def unpublished(issuer: TokenIssuer, ring: Keyring) -> Obstacle | None:
    """Why whoever does not own the issuer may not sign with its active key yet: nobody could verify that.

    The key is stored first and published second; a withdrawn one goes when the owner has seen that it is to go.
    """
    published = {key.id for key in issuer.status.keys} - set(issuer.spec.withdrawn_keys)
    if ring.active is not None and ring.active.id in published:
        return None
    return Obstacle(
        Reason.ISSUER_NOT_READY,
        "The issuer's key has not been published yet; the first shard of the operator does that.",
    )


def says_something_new(old: TokenIssuerStatus, new: TokenIssuerStatus) -> bool:
    """Whether a status has to be written: another wording alone is no reason to (I6)."""
    return _without_wording(old) != _without_wording(new)


def patch_of(old: TokenIssuerStatus, new: TokenIssuerStatus) -> dict[str, object]:
    """The merge patch that turns one status into another."""
    return difference(old, new)


def _without_wording(status: TokenIssuerStatus) -> TokenIssuerStatus:
    return msgspec.structs.replace(status, conditions=without_wording(status.conditions))
