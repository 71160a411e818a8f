"""Giving REANA's users tokens: new accounts, and tokens for accounts that have none."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import msgspec

from mintmaster.api import decoding
from mintmaster.api.token_issuer import ApprovalMode
from mintmaster.api.user_access_token import UserAccessTokenSpec
from mintmaster.cli import actions
from mintmaster.cli.exits import Failure
from mintmaster.cli.options import PATIENCE
from mintmaster.cli.reana_office import KIND
from mintmaster.gate.compat.orders import NotIssued, Order, completed
from mintmaster.gate.compat.reana.accounts import (
    LABEL_USER_ID,
    MAX_LIVES,
    AccessTokenStatus,
    account_name,
    default_user_id,
    status_of,
)
from mintmaster.tokens import opaque
from mintmaster.tokens.digests import digest

if TYPE_CHECKING:
    from mintmaster.api.user_access_token import User, UserAccessToken
    from mintmaster.cli.reana_office import Office
    from mintmaster.cli.reana_roster import Person
    from mintmaster.cli.session import Item, Object

MIN_BITS: Final = 128
"""What a token that is brought along has to be worth; REANA's own have just these."""

MAX_LENGTH: Final = 512
"""Characters of a token that is brought along, at most."""

_MIN_VARIETY = 8
"""Different characters in a token, at least: fewer are no random choice."""


@dataclass(frozen=True)
class Account:
    """An account to be made."""

    user: User
    id: str = ""
    """The id by which REANA knows the user; empty for the default one."""
    digest: str | None = None
    """Of the token; None for an account that has none yet."""
    life: int = 1


@dataclass(frozen=True)
class Granted:
    """A token that whoever typed the command gets to see once."""

    item: Item[UserAccessToken]
    token: str = field(repr=False)


def brought(token: str) -> str:
    """Check a token that is brought along; ValueError says what is wrong with it, and never what it is."""
    if not all(it.isascii() and (it.isalnum() or it in "-_") for it in token):
        raise ValueError("an access token has letters, digits, - and _ only")
    if len(token) > MAX_LENGTH:
        raise ValueError(f"an access token has at most {MAX_LENGTH} characters")
    if len(token) * _bits(token) < MIN_BITS or len(set(token)) < _MIN_VARIETY:
        raise ValueError(f"an access token has to be worth {MIN_BITS} random bits, 22 characters")
    return token


def _bits(token: str) -> float:
    """How many bits a character is worth at most, by the smallest usual alphabet that has them all."""
    if token.isdecimal():
        return 3.32
    if all(it in "0123456789abcdef" for it in token.lower()):
        return 4.0
    return 5.17 if token in {token.lower(), token.upper()} else 6.0


def body_of(office: Office, account: Account) -> Object:
    """The resource of an account. Failure where the issuer does not let it be."""
    url = office.issuer.url
    own_id = account.id or default_user_id(url, account.user.email)
    order = Order(
        office.issuer,
        office.administrator,
        UserAccessTokenSpec(user=account.user),
        name=account_name(url, account.user.email, account.life),
        labels={LABEL_USER_ID: own_id},
    )
    try:
        wanted = completed(order, account.digest or digest(""), office.labels)
    except NotIssued as error:
        raise Failure(str(error)) from error
    body: Object = msgspec.json.decode(decoding.encode(KIND, wanted))
    if account.digest is None:
        del body["spec"]["token"]["valueDigest"]
    return body


async def create(office: Office, account: Account, token: str) -> Granted:
    """Make an account with a token, and wait until it is active; nothing is left where it does not become so."""
    account = replace(account, digest=digest(token))
    created = await office.session.create(KIND, body_of(office, account))
    try:
        return Granted(await _active(office, created, digest(token)), token)
    except BaseException:
        await office.session.delete(KIND, created.name, uid=created.raw["metadata"]["uid"])
        raise


async def grant(office: Office, person: Person) -> Granted:
    """Give a user a token who has none: in the resource that asks for one, or after a revocation in another."""
    resource = person.item.resource
    waits = status_of(resource) is AccessTokenStatus.REQUESTED
    if waits and resource.metadata.namespace == office.session.namespace:
        return await _fill(office, person.item)
    if person.life == MAX_LIVES:
        raise Failure("too many tokens of the user were revoked: delete one of their resources")
    account = Account(resource.spec.user, person.id, life=person.life + 1)
    return await create(office, account, opaque.mint())


async def _fill(office: Office, item: Item[UserAccessToken]) -> Granted:
    """Put a token's digest into a resource that waits for one, in the administrator's name."""
    value, session = opaque.mint(), office.session
    asker = office.administrator.named
    named = {"subject": asker.subject, "uid": asker.uid, "jti": asker.jti}
    filled = {"spec": {"token": {"valueDigest": digest(value)}, "requestedBy": named}}
    patched = await session.patch(KIND, item.name, filled)
    try:
        if office.issuer.view.spec.approval.user_access_tokens is ApprovalMode.MANUAL:
            granting = "Granted on the command line."
            await actions.decide(session, patched, approved=True, message=granting)
        return Granted(await _active(office, patched, digest(value)), value)
    except BaseException:
        await session.patch(KIND, item.name, {"spec": {"token": {"valueDigest": None}}})
        raise


async def _active(
    office: Office, item: Item[UserAccessToken], wanted: str
) -> Item[UserAccessToken]:
    return await office.session.until(
        KIND,
        item.name,
        partial(is_active, wanted=wanted),
        what=f"the token of {item.label} is active",
        patience=PATIENCE,
    )


def is_active(resource: Any, wanted: str) -> bool:
    """Whether the status names the digest; Failure where it never will."""
    ready = actions.ready_or_stalled(resource)
    return ready and any(record.digest == wanted for record in resource.status.tokens)
