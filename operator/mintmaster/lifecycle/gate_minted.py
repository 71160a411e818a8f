"""Tokens that gates mint: which rights they may have, and whether one is active though no status names it (I15).

What a resource may have minted is what it has on record: an application what its client secret was issued with, any
other resource that opted into token exchange what its own token was issued with. So whoever ends that ends these.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from mintmaster.lifecycle.activity import Inactivity, granted, void_record
from mintmaster.lifecycle.known import seconds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mintmaster.api.rights import Rights
    from mintmaster.lifecycle.activity import Presented
    from mintmaster.lifecycle.issuer_view import IssuerView
    from mintmaster.lifecycle.known import KnownResource, KnownToken

SERVICE_ACCOUNT = "serviceaccount:"
"""Before namespace and name of a service account that acts for a resource (the claim `act`)."""


class Grounds(NamedTuple):
    """What decides about the tokens that a gate mints for a resource."""

    resource: KnownResource
    issuer: IssuerView
    """The gate-signed issuer that mints."""
    home: IssuerView | None
    """The issuer that the resource names; for an application that is the one that mints."""
    namespace_labels: Mapping[str, str]

    def are(self, others: Grounds) -> bool:
        """Whether these are the same objects: each is replaced when it changes, so identity tells, and quickly."""
        return (
            self.resource is others.resource
            and self.issuer is others.issuer
            and self.home is others.home
            and self.namespace_labels is others.namespace_labels
        )


def actor(namespace: str, service_account: str) -> str:
    """How the claim `act` names a service account."""
    return f"{SERVICE_ACCOUNT}{namespace}:{service_account}"


def basis(grounds: Grounds) -> KnownToken | Inactivity:
    """The record that a token can be minted from now, with the rights that it has at most; else why there is none.

    Its end is the end of whatever is minted from it.
    """
    resource = grounds.resource
    if resource.deleted:
        return Inactivity.DELETED
    if resource.revoked:
        return Inactivity.REVOKED
    if resource.application is not None:
        return _of_application(grounds)
    return _of_exchange(grounds)


def judge_minted(presented: Presented, grounds: Grounds) -> KnownToken | Inactivity:
    """The token as a record of its own, if it is active as far as time allows; else why it is not."""
    resource, rights = grounds.resource, presented.rights
    assert rights is not None  # noqa: S101 - a token with a signature has claims
    found = basis(grounds)
    if isinstance(found, Inactivity):
        # No later revision takes these back; anything else it may.
        final = found in {Inactivity.DELETED, Inactivity.REVOKED, Inactivity.DISABLED}
        return found if final or presented.revision <= resource.revision else _NOT_YET
    if presented.revision > resource.revision:
        return _NOT_YET
    application = resource.application
    if application is not None and presented.jti in application.revoked_tokens:
        return Inactivity.REVOKED
    if presented.issued_at < earliest(resource, grounds.issuer):
        return Inactivity.TOO_OLD
    if not within(rights, found.rights) or not _acts_for(presented.actor, resource):
        return Inactivity.NOT_GRANTED
    return msgspec.structs.replace(
        found,
        id=presented.jti,
        revision=presented.revision,
        digest=presented.digest,
        key_id=presented.key_id,
        issued_at=presented.issued_at,
        rights=rights,
    )


def earliest(resource: KnownResource, issuer: IssuerView) -> float:
    """Tokens of this issuer for the resource that were issued before this instant are inactive."""
    return max(seconds(issuer.spec.not_before, -math.inf), resource.not_before)


def within(rights: Rights, bounds: Rights) -> bool:
    """Whether rights are those of the same subject, and nothing among them is missing in the bounds."""
    return (
        rights.subject == bounds.subject
        and set(rights.audiences) <= set(bounds.audiences)
        and set(rights.scopes) <= set(bounds.scopes)
        and set(rights.roles) <= set(bounds.roles)
        and set(rights.projects) <= set(bounds.projects)
    )


_NOT_YET = Inactivity.NOT_YET_RECORDED


def _of_application(grounds: Grounds) -> KnownToken | Inactivity:
    resource, issuer = grounds.resource, grounds.issuer
    assert resource.application is not None  # noqa: S101 - asked before
    if resource.issuer != issuer.name:
        return Inactivity.OTHER_ISSUER
    if not resource.application.enabled:
        return Inactivity.DISABLED
    record = _newest(resource.application.secrets)
    if record is None:
        return Inactivity.NOT_RECORDED
    # The resource's own notBefore is about access tokens: it must not end the client secret.
    if record.issued_at < seconds(issuer.spec.not_before, -math.inf):
        return Inactivity.TOO_OLD
    return _limited(record, record.rights, grounds)


def _of_exchange(grounds: Grounds) -> KnownToken | Inactivity:
    resource, issuer, home = grounds.resource, grounds.issuer, grounds.home
    exchange, record = resource.exchange, _newest(resource.tokens)
    if exchange is None or exchange.issuer != issuer.name or home is None:
        return Inactivity.OTHER_ISSUER
    if record is None:
        return Inactivity.NOT_RECORDED
    void = void_record(record, resource, home, grounds.namespace_labels)
    if void is not None:
        return void
    return _limited(record, _exchanged(record.rights, issuer), grounds)


def _limited(record: KnownToken, rights: Rights, grounds: Grounds) -> KnownToken | Inactivity:
    """The record with these rights, if the minting issuer grants them for tokens that end."""
    record = msgspec.structs.replace(record, rights=rights, unlimited=False)
    if not granted(record, grounds.resource, grounds.issuer, grounds.namespace_labels):
        return Inactivity.NOT_GRANTED
    return record


def _exchanged(rights: Rights, issuer: IssuerView) -> Rights:
    """The same rights for those of their audiences that are the minting issuer's, too; for all if none is.

    Issuers may serve different services. An audience that is not the issuer's own needs its grant.
    """
    shared = tuple(it for it in rights.audiences if it in issuer.spec.audiences)
    return msgspec.structs.replace(rights, audiences=shared or rights.audiences)


def _newest(records: tuple[KnownToken, ...]) -> KnownToken | None:
    return max(records, key=lambda it: it.revision, default=None)


def _acts_for(named: str, resource: KnownResource) -> bool:
    """Whether who acts is still listed in the resource; for an application it acts itself."""
    if resource.application is not None:
        return not named
    accounts = resource.exchange.service_accounts if resource.exchange is not None else ()
    return any(named == actor(resource.namespace, account) for account in accounts)
