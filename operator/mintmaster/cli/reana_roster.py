"""REANA's users as the cluster shows them: one row for each, with the token where it may be shown."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from mintmaster.api.token_spec import Delivery
from mintmaster.gate.compat.reana.accounts import AccessTokenStatus, life_of, status_of, user_id
from mintmaster.kube.errors import Forbidden
from mintmaster.lifecycle import ownership
from mintmaster.tokens.digests import digest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mintmaster.api.user_access_token import UserAccessToken
    from mintmaster.cli.reana_office import Office
    from mintmaster.cli.session import Item, Session

MASK: Final = "********"
"""Stands for a token that exists but may not, or cannot, be shown: of most we know the digest alone."""

NONE: Final = "None"
"""What REANA prints for nothing."""

_READS = 16
"""Secrets that are read at a time."""


@dataclass(frozen=True)
class Person:
    """A user."""

    id: str
    item: Item[UserAccessToken]
    """The resource that counts: the account, or else what somebody applied for them."""

    @property
    def email(self) -> str:
        """The address, by which all resources of a user belong together."""
        return self.item.resource.spec.user.email

    @property
    def status(self) -> AccessTokenStatus:
        """The state of the token."""
        return status_of(self.item.resource)

    @property
    def is_active(self) -> bool:
        """Whether there is a token that works."""
        return self.status is AccessTokenStatus.ACTIVE

    @property
    def life(self) -> int:
        """Which life of the account it is; 0 for a resource that somebody applied."""
        return life_of(self.item.name)

    def holds(self, presented: str) -> bool:
        """Whether the token of this digest is theirs."""
        resource = self.item.resource
        recorded = {token.digest for token in resource.status.tokens}
        return presented in recorded | {resource.spec.token.value_digest}


@dataclass(frozen=True)
class Row:
    """A user, and what is printed for the token."""

    person: Person
    token: str = field(repr=False)

    @property
    def cells(self) -> tuple[str, str, str, str]:
        """Id, address, token and its state."""
        return self.person.id, self.person.email, self.token, self.person.status.value


def people(office: Office) -> list[Person]:
    """All users, by address."""
    named: dict[str, Item[UserAccessToken]] = {}
    for item in office.tokens:
        email = item.resource.spec.user.email
        before = named.get(email)
        if before is None or _rank(office, item) > _rank(office, before):
            named[email] = item
    url = office.issuer.url
    return [Person(user_id(url, named[email].resource), named[email]) for email in sorted(named)]


def person(office: Office, named_id: str | None, email: str | None) -> Person | None:
    """The user of that id, or of that address; none where neither is given."""
    everybody: Iterable[Person] = people(office) if named_id or email else ()
    if named_id:
        return next((it for it in everybody if it.id == named_id), None)
    return next((it for it in everybody if it.email == (email or "").lower()), None)


async def rows(office: Office, shown: Iterable[Person]) -> list[Row]:
    """The users with their tokens, where the identity in use may read the Secret."""
    reader = _Reader(office.session)
    shown = list(shown)
    tokens = await asyncio.gather(*(reader.token_of(it) for it in shown))
    return [Row(it, token) for it, token in zip(shown, tokens, strict=True)]


def _rank(office: Office, item: Item[UserAccessToken]) -> tuple[int, bool, str]:
    """The account goes before what somebody applied, and its last life before others; then what is active."""
    resource = item.resource
    at_home = resource.metadata.namespace == office.session.namespace
    created = str(item.raw["metadata"].get("creationTimestamp", ""))
    is_active = status_of(resource) is AccessTokenStatus.ACTIVE
    return life_of(item.name) if at_home else 0, is_active, created


class _Reader:
    """Reads tokens from Secrets, until it has been told that it may not."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._forbidden: set[str] = set()
        self._reads = asyncio.Semaphore(_READS)

    async def token_of(self, person: Person) -> str:
        if not person.is_active:
            return NONE
        resource = person.item.resource
        namespace = resource.metadata.namespace
        if resource.spec.delivery is Delivery.CALLER or namespace in self._forbidden:
            return MASK
        async with self._reads:
            try:
                reading = await self._session.secrets.read(
                    namespace, ownership.secret_name(resource)
                )
            except Forbidden:
                self._forbidden.add(namespace)
                return MASK
        value = reading.data.get(resource.spec.secret.token_key, b"") if reading else b""
        token = value.decode(errors="replace")
        return token if person.holds(digest(token)) else MASK
