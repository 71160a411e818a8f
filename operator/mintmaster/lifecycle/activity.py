"""Whether a token is active: what its resource has on record, judged by resource and issuer as they are now (I3, I5).

The clock is the caller's. Instants are POSIX seconds, as a gate compares one with many.
"""

from __future__ import annotations

import math
from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

from mintmaster.api.rights import Rights
from mintmaster.lifecycle import grants
from mintmaster.lifecycle.known import seconds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mintmaster.lifecycle.issuer_view import IssuerView
    from mintmaster.lifecycle.known import KnownResource, KnownToken


class Inactivity(StrEnum):
    """Why a token is not active: for metrics, never for whoever presented it."""

    RESOURCE_UNKNOWN = "resource_unknown"
    """No resource of that UID, or none that names this opaque token: deleted, of another life, or forged."""
    OTHER_ISSUER = "other_issuer"
    """The resource belongs to another issuer."""
    DELETED = "deleted"
    """The resource has a deletionTimestamp (I8)."""
    REVOKED = "revoked"
    """`spec.revoked`, whether or not the operator has seen it."""
    NOT_YET_RECORDED = "not_yet_recorded"
    """Of a later revision than the status known here: it may have been issued a moment ago."""
    NOT_RECORDED = "not_recorded"
    """The status does not name it: never issued, or superseded and forgotten."""
    NOT_AS_RECORDED = "not_as_recorded"
    """The status names its jti with another digest or key."""
    KEY_WITHDRAWN = "key_withdrawn"
    """The issuer does not publish the key (any more)."""
    TOO_OLD = "too_old"
    """Issued before the `notBefore` of its issuer or of its resource."""
    DISABLED = "disabled"
    """An application that is switched off (`spec.enabled`)."""
    NOT_GRANTED = "not_granted"
    """The issuer as it is now does not grant the recorded rights."""
    ENDED = "ended"
    """Expired, or its overlap is over."""


class Presented(msgspec.Struct, frozen=True, gc=False):
    """What a token says by itself, once its signature and claims hold. An opaque one has only a digest."""

    digest: str
    key_id: str = ""
    jti: str = ""
    uid: str = ""
    revision: int = 0
    expires_at: float = math.inf
    issued_at: float = -math.inf
    rights: Rights | None = None
    """What a gate-minted token says that it may do: there is no record that would."""
    actor: str = ""
    """Who acts for the subject (the claim `act`); empty for the subject itself."""


def judge(
    presented: Presented,
    resource: KnownResource | None,
    issuer: IssuerView,
    namespace_labels: Mapping[str, str],
) -> KnownToken | Inactivity:
    """The record by which a token is active, as far as time allows (see `end`); else why it is not."""
    if resource is None:
        return Inactivity.RESOURCE_UNKNOWN
    void = _void_resource(resource, issuer)
    if void is not None:
        return void
    record = _record(presented, resource)
    if record is None:
        newer = presented.revision > resource.revision
        return Inactivity.NOT_YET_RECORDED if newer else Inactivity.NOT_RECORDED
    if (record.digest, record.key_id) != (presented.digest, presented.key_id):
        return Inactivity.NOT_AS_RECORDED
    return void_record(record, resource, issuer, namespace_labels) or record


def end(record: KnownToken, presented: Presented) -> float:
    """When the token ends: at that very second it is inactive."""
    return min(record.ends_at, presented.expires_at)


def _void_resource(resource: KnownResource, issuer: IssuerView) -> Inactivity | None:
    if resource.issuer != issuer.name:
        return Inactivity.OTHER_ISSUER
    if resource.deleted:
        return Inactivity.DELETED
    if resource.revoked:
        return Inactivity.REVOKED
    return None


def _record(presented: Presented, resource: KnownResource) -> KnownToken | None:
    if presented.jti:
        return resource.token(presented.jti)
    return resource.opaque_token(presented.digest)


def void_record(
    record: KnownToken, resource: KnownResource, issuer: IssuerView, labels: Mapping[str, str]
) -> Inactivity | None:
    """Why a record does not count although it stands in the status; None if it does, as far as time allows."""
    key_id = record.key_id
    if key_id and (key_id in issuer.withdrawn or key_id not in issuer.key_ids):
        return Inactivity.KEY_WITHDRAWN
    not_before = seconds(issuer.spec.not_before, -math.inf)
    if record.issued_at < max(not_before, resource.not_before):
        return Inactivity.TOO_OLD
    if not granted(record, resource, issuer, labels):
        return Inactivity.NOT_GRANTED
    return None


def granted(
    record: KnownToken, resource: KnownResource, issuer: IssuerView, labels: Mapping[str, str]
) -> bool:
    """Whether an issuer as it is now grants the rights that were recorded."""
    rights = record.rights
    if grants.denied(rights.subject, issuer) or issuer.unknown(rights):
        return False
    request = grants.Request(
        kind=resource.kind,
        namespace=resource.namespace,
        namespace_labels=labels,
        rights=rights,
        runner_type=resource.runner_type,
        group=resource.group,
        client_id=resource.granted_client_id,
        unlimited=record.unlimited,
    )
    return not grants.missing(request, issuer)
