"""Making the token of one issue; the only place where a token's plain text comes into being (I14)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mintmaster.api.token_spec import Delivery, Format
from mintmaster.api.user_access_token import UserAccessToken
from mintmaster.lifecycle.identity import new_token_id
from mintmaster.lifecycle.outcome import record_of
from mintmaster.lifecycle.rights import client_id_of
from mintmaster.tokens import jwt, opaque
from mintmaster.tokens.digests import digest
from mintmaster.tokens.jwt import AccessTokenClaims, ResourceClaim, StatusClaim

if TYPE_CHECKING:
    from mintmaster.api.status import TokenRecord
    from mintmaster.lifecycle.decision import Issue
    from mintmaster.lifecycle.facts import Facts
    from mintmaster.tokens.claims import StatusListEntry
    from mintmaster.tokens.keys import SigningKey


@dataclass(frozen=True, slots=True)
class Minted:
    """A token and the record by which it will become active."""

    record: TokenRecord
    token: str | None = field(repr=False)
    """None where the caller holds the token."""


def mint(
    facts: Facts, issue: Issue, key: SigningKey, status_entry: StatusListEntry | None = None
) -> Minted:
    """Make a token, which names its entry in a status list if it has one. Raises TokenTooLarge."""
    id_ = new_token_id(facts.uid, issue.revision)
    token, key_id = None, ""
    value_digest = facts.resource.spec.token.value_digest or ""
    if facts.resource.spec.delivery == Delivery.SECRET:
        if issue.format == Format.JWT:
            token, key_id = jwt.sign(claims_of(facts, issue, id_, status_entry), key), key.kid
        else:
            token = opaque.mint(issue.prefix)
        value_digest = digest(token)
    record = record_of(
        issue,
        id_=id_,
        key_id=key_id,
        digest=value_digest,
        facts=facts,
        status_entry=status_entry,
    )
    return Minted(record, token)


def claims_of(
    facts: Facts, issue: Issue, id_: str, status_entry: StatusListEntry | None = None
) -> AccessTokenClaims:
    """What the JWT of an issue says, under the name that is given."""
    meta, rights = facts.resource.metadata, issue.rights
    user = facts.resource.spec.user if isinstance(facts.resource, UserAccessToken) else None
    issued_at = int(facts.now.timestamp())
    assert issue.lifetime is not None  # noqa: S101 - only a caller's opaque token may live without end
    return AccessTokenClaims(
        iss=facts.known_issuer.spec.url,
        sub=rights.subject,
        aud=rights.audiences,
        exp=issued_at + int(issue.lifetime.total_seconds()),
        iat=issued_at,
        jti=id_,
        client_id=client_id_of(facts.resource),
        scope=" ".join(rights.scopes),
        roles=rights.roles,
        projects=rights.projects,
        email=user.email if user else None,
        preferred_username=user.username or None if user else None,
        status=StatusClaim(status_list=status_entry) if status_entry is not None else None,
        resource=ResourceClaim(
            kind=facts.kind,
            namespace=meta.namespace,
            name=meta.name,
            uid=facts.uid,
            revision=issue.revision,
        ),
    )
