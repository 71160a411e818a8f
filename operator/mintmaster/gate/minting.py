"""Minting access tokens of gate-signed issuers: short-lived, and recorded nowhere (I15)."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from mintmaster.api.kinds import USER_ACCESS_TOKEN
from mintmaster.gate.messages import Answer, come_back, encode, oauth_error
from mintmaster.lifecycle.gate_minted import earliest
from mintmaster.lifecycle.identity import new_token_id
from mintmaster.tokens.jwt import (
    AccessTokenClaims,
    ActorClaim,
    ClaimsMalformed,
    ResourceClaim,
    Stencil,
    TokenTooLarge,
)

if TYPE_CHECKING:
    from mintmaster.api.rights import Rights
    from mintmaster.gate.issuer import KnownIssuer
    from mintmaster.gate.messages import Header
    from mintmaster.gate.signing_keys import SigningKeys
    from mintmaster.kube.clock import Clock, Skew
    from mintmaster.lifecycle.known import KnownResource, KnownToken
    from mintmaster.tokens.keys import SigningKey

_MAX_STENCILS = 10_000
"""Kept at a time, of about 1 KB each."""

_HEADERS: tuple[Header, ...] = ((b"cache-control", b"no-store"), (b"pragma", b"no-cache"))
"""RFC 6749, section 5.1."""


class _Response(msgspec.Struct, omit_defaults=True):
    """The members of RFC 6749, section 5.1, and of RFC 8693, section 2.2.1."""

    access_token: str
    token_type: str
    expires_in: int
    scope: str = ""
    issued_token_type: str = ""


class Order(NamedTuple):
    """A token to be minted."""

    issuer: KnownIssuer
    resource: KnownResource
    basis: KnownToken
    """The record that entitles to it, and in whose time it ends."""
    rights: Rights
    lifetime: float
    """Seconds that it is to live; less, where the issuer or the basis allows no more."""
    actor: str = ""
    """Who acts for the subject, where that is somebody else."""


@dataclass(frozen=True, slots=True)
class Minted:
    """A token, and how many seconds it lives."""

    token: str = field(repr=False)
    lifetime: int


class _Stencils:
    """What tokens of the same rights share, kept until the issuer, the resource or its record changes."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[object, ...], tuple[Order, Stencil]] = OrderedDict()

    def of(self, order: Order) -> Stencil:
        """The stencil of a token that is ordered. Raises ClaimsMalformed."""
        name = (order.issuer.name, order.resource.uid, order.actor, order.rights)
        kept = self._kept.get(name)
        if kept is not None and _rests_on_the_same(kept[0], order):
            return kept[1]
        stencil = Stencil.of(_shared_claims(order))
        self._kept[name] = (order, stencil)
        if len(self._kept) > _MAX_STENCILS:
            self._kept.popitem(last=False)
        return stencil


def _rests_on_the_same(one: Order, other: Order) -> bool:
    """Whether these are the same objects: each is replaced when it changes."""
    return (
        one.issuer is other.issuer
        and one.resource is other.resource
        and one.basis.revision == other.basis.revision
    )


@dataclass(frozen=True, slots=True)
class Minting:
    """Mints tokens with the keys at hand."""

    keys: SigningKeys
    clock: Clock
    skew: Skew
    _stencils: _Stencils = field(default_factory=_Stencils, init=False, repr=False)

    def mint(self, order: Order) -> Minted:
        """Mint a token. Refused with 503 without a key or a clock to trust, with 400 where none can be made."""
        key = self._key(order.issuer)
        issued_at = self._issued_at(order)
        lifetime = _lifetime(order, issued_at)
        name = new_token_id(order.resource.uid, order.basis.revision)
        try:
            stencil = self._stencils.of(order)
            return Minted(stencil.sign(key, name, issued_at, issued_at + lifetime), lifetime)
        except TokenTooLarge:
            raise oauth_error(400, "invalid_scope", "too large a token: narrow the scope") from None
        except ClaimsMalformed:
            raise oauth_error(400, "unauthorized_client", "its rights fit into no token") from None

    def _key(self, issuer: KnownIssuer) -> SigningKey:
        if self.skew.exceeded:
            raise come_back("the gate's clock is too far from the API server's")
        key = self.keys.of(issuer)
        if key is None:
            raise come_back("the gate has no key of the issuer to sign with")
        return key

    def _issued_at(self, order: Order) -> int:
        """Now; but what all earlier tokens have been voided for must not void this one, too."""
        issued_at = int(self.clock.now().timestamp())
        if issued_at < earliest(order.resource, order.issuer.view):
            raise come_back("all tokens up to now have been revoked", seconds=1)
        return issued_at


def response(minted: Minted, rights: Rights, issued_token_type: str = "") -> Answer:
    """The answer that hands a token over (RFC 6749, section 5.1). There is never a refresh token."""
    body = _Response(
        access_token=minted.token,
        token_type="Bearer",  # noqa: S106 - a type, not a token
        expires_in=minted.lifetime,
        scope=" ".join(rights.scopes),
        issued_token_type=issued_token_type,
    )
    return Answer(200, encode(body), headers=_HEADERS)


def _lifetime(order: Order, issued_at: int) -> int:
    limit, end = order.issuer.max_lifetime, order.basis.ends_at
    lifetime = int(min(order.lifetime, limit, end - issued_at))
    if lifetime <= 0:
        raise come_back("what entitles to the token is ending", seconds=1)
    return lifetime


def _shared_claims(order: Order) -> AccessTokenClaims:
    """All that the token says but its own name and times."""
    resource, rights = order.resource, order.rights
    revision = order.basis.revision
    return AccessTokenClaims(
        iss=order.issuer.url,
        sub=rights.subject,
        aud=rights.audiences,
        exp=0,
        iat=0,
        jti="-",
        client_id=resource.client_id,
        scope=" ".join(rights.scopes),
        roles=rights.roles,
        projects=rights.projects,
        email=_email(order),
        preferred_username=resource.username or None,
        act=ActorClaim(sub=order.actor) if order.actor else None,
        resource=ResourceClaim(
            kind=resource.kind,
            namespace=resource.namespace,
            name=resource.name,
            uid=resource.uid,
            revision=revision,
        ),
    )


def _email(order: Order) -> str | None:
    """The address of a user, who is called by it."""
    _, user, address = order.rights.subject.partition("user:")
    return address if user and order.resource.kind == USER_ACCESS_TOKEN.kind else None
