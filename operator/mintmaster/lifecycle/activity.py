"""Whether a token is active: what its resource has on record, judged by resource and issuer as they are now (I3, I5).

The clock is the caller's. Instants are POSIX seconds, as a gate compares one with many.
"""

from __future__ import annotations

import math
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec

from mintmaster.api.rights import Rights
from mintmaster.api.runner_registration import RunnerRegistrationSpec
from mintmaster.api.user_access_token import UserAccessTokenSpec
from mintmaster.lifecycle import grants

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from mintmaster.api.kinds import TokenResource
    from mintmaster.api.status import TokenRecord
    from mintmaster.lifecycle.issuer_view import IssuerView


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
    NOT_GRANTED = "not_granted"
    """The issuer as it is now does not grant the recorded rights."""
    ENDED = "ended"
    """Expired, or its overlap is over."""


class KnownToken(msgspec.Struct, frozen=True, gc=False):
    """A token on record."""

    id: str
    revision: int
    digest: str
    key_id: str
    issued_at: float
    ends_at: float
    """The earlier of `expiresAt` and `validUntil`; infinite without either."""
    unlimited: bool
    """Recorded without expiry."""
    rights: Rights


class KnownResource(msgspec.Struct, frozen=True, gc=False):
    """What has to be known of a resource to judge its tokens: a tenth of the resource itself."""

    kind: str
    namespace: str
    name: str
    uid: str
    seniority: tuple[str, str]
    """Who was first, where two claim the same digest: by creation, then by UID."""
    issuer: str
    deleted: bool
    revoked: bool
    not_before: float
    revision: int
    runner_type: str
    group: str
    username: str
    claimed_digest: str
    """The digest that a caller handed in, recorded or not."""
    tokens: tuple[KnownToken, ...]

    def token(self, jti: str) -> KnownToken | None:
        """The recorded token of that name."""
        return next((token for token in self.tokens if token.id == jti), None)

    def opaque_token(self, digest: str) -> KnownToken | None:
        """The recorded opaque token of that digest."""
        return next((it for it in self.tokens if it.digest == digest and not it.key_id), None)


class Presented(msgspec.Struct, frozen=True, gc=False):
    """What a token says by itself, once its signature and claims hold. An opaque one has only a digest."""

    digest: str
    key_id: str = ""
    jti: str = ""
    uid: str = ""
    revision: int = 0
    expires_at: float = math.inf


def known(kind: str, resource: TokenResource) -> KnownResource:
    """Reduce a resource to what judging its tokens needs. A status of another life counts for nothing (I10)."""
    meta, spec, status = resource.metadata, resource.spec, resource.status
    own = status.uid == meta.uid
    runner = spec if isinstance(spec, RunnerRegistrationSpec) else None
    created = meta.creation_timestamp
    return KnownResource(
        kind=kind,
        namespace=_shared(meta.namespace),
        name=meta.name,
        uid=meta.uid,
        seniority=(created.isoformat() if created else "", meta.uid),
        issuer=_shared(spec.issuer_ref.name),
        deleted=meta.deletion_timestamp is not None,
        revoked=spec.revoked,
        not_before=_seconds(status.not_before, -math.inf) if own else -math.inf,
        revision=status.revision if own else 0,
        runner_type=runner.type.value if runner else "",
        group=(runner.group or "") if runner else "",
        username=spec.user.username if isinstance(spec, UserAccessTokenSpec) else "",
        claimed_digest=spec.token.value_digest or "",
        tokens=tuple(map(_known_token, status.tokens)) if own else (),
    )


def judge(
    presented: Presented,
    resource: KnownResource | None,
    issuer: IssuerView,
    namespace_labels: Mapping[str, str],
) -> KnownToken | Inactivity:
    """The record by which a token is active, as far as time allows (see `ended`); else why it is not."""
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
    return _void_record(record, resource, issuer, namespace_labels) or record


def ended(record: KnownToken, presented: Presented, now: float) -> bool:
    """Whether the time of a token is over; at the very second of its end it is."""
    return now >= record.ends_at or now >= presented.expires_at


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


def _void_record(
    record: KnownToken, resource: KnownResource, issuer: IssuerView, labels: Mapping[str, str]
) -> Inactivity | None:
    key_id = record.key_id
    if key_id and (key_id in issuer.withdrawn or key_id not in issuer.key_ids):
        return Inactivity.KEY_WITHDRAWN
    not_before = _seconds(issuer.spec.not_before, -math.inf)
    if record.issued_at < max(not_before, resource.not_before):
        return Inactivity.TOO_OLD
    if not _granted(record, resource, issuer, labels):
        return Inactivity.NOT_GRANTED
    return None


def _granted(
    record: KnownToken, resource: KnownResource, issuer: IssuerView, labels: Mapping[str, str]
) -> bool:
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
        unlimited=record.unlimited,
    )
    return not grants.missing(request, issuer)


def _known_token(record: TokenRecord) -> KnownToken:
    return KnownToken(
        id=record.id,
        revision=record.revision,
        digest=record.digest,
        key_id=_shared(record.key_id),
        issued_at=record.issued_at.timestamp(),
        ends_at=min(_seconds(record.expires_at, math.inf), _seconds(record.valid_until, math.inf)),
        unlimited=record.expires_at is None,
        rights=_compact(record.rights),
    )


def _compact(rights: Rights) -> Rights:
    """The same rights, with lists shared between all tokens that have the same: most of a token's size."""
    return Rights(
        subject=rights.subject,
        audiences=_shared_list(rights.audiences),
        scopes=_shared_list(rights.scopes),
        roles=_shared_list(rights.roles),
        projects=_shared_list(rights.projects),
    )


@lru_cache(maxsize=4096)
def _shared(text: str) -> str:
    return text


@lru_cache(maxsize=4096)
def _shared_list(values: tuple[str, ...]) -> tuple[str, ...]:
    return values


def _seconds(instant: datetime | None, otherwise: float) -> float:
    return instant.timestamp() if instant is not None else otherwise
