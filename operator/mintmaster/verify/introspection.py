"""Asking the gate whether a token is active (RFC 7662); its answers are remembered for seconds."""

import hashlib
import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec

from mintmaster.tokens import scopes, strict_json
from mintmaster.tokens.claims import ResourceClaim
from mintmaster.verify.access_token import AccessToken, instant
from mintmaster.verify.credentials import Credential
from mintmaster.verify.fetching import Fetcher, check_url
from mintmaster.verify.flights import Flights
from mintmaster.verify.published import Metadata
from mintmaster.verify.refusals import Cause, TokenNotAccepted, VerificationUnavailable

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Introspection:
    """Have every token judged by the gate: sees revocations at once, and accepts opaque tokens."""

    credential: Credential
    """Who asks: needs the right to introspect tokens of the service's audience."""
    remember: timedelta = timedelta(seconds=5)
    """How long an answer is used again: so long a revoked token may still be accepted."""
    remembered: int = 10_000
    """Answers remembered at a time; about 1 KB each."""
    endpoint: str = field(default="")
    """The URL to ask; by default the one of the issuer's metadata."""


class _Answer(msgspec.Struct):
    active: bool


class _Active(msgspec.Struct):
    """RFC 7662, section 2.2, with what our gates always say and others may leave out."""

    iss: str
    sub: str
    aud: tuple[str, ...]
    client_id: str
    jti: str
    iat: int
    resource: ResourceClaim = msgspec.field(name="mintmaster.dev")
    scope: str = ""
    exp: int | None = None
    roles: tuple[str, ...] = ()
    projects: tuple[str, ...] = ()
    username: str = ""

    def token(self) -> AccessToken:
        return AccessToken(
            id=self.jti,
            subject=self.sub,
            client_id=self.client_id,
            audiences=frozenset(self.aud),
            scopes=frozenset(scopes.split(self.scope)),
            roles=frozenset(self.roles),
            projects=frozenset(self.projects),
            issued_at=instant(self.iat),
            expires_at=instant(self.exp) if self.exp is not None else None,
            username=self.username,
            resource=self.resource,
        )


class _Remembered(NamedTuple):
    until: float
    token: AccessToken | None
    issuer: str


class Introspector:
    """Introspects tokens of one issuer."""

    def __init__(
        self,
        settings: Introspection,
        fetcher: Fetcher,
        now: Callable[[], datetime],
        monotonic: Callable[[], float],
    ) -> None:
        if settings.endpoint:
            check_url(settings.endpoint)
        self._settings = settings
        self._fetcher = fetcher
        self._now = now
        self._monotonic = monotonic
        self._answers: OrderedDict[bytes, _Remembered] = OrderedDict()
        self._flights: Flights[_Remembered] = Flights()

    async def introspect(self, token: str, issuer: Metadata) -> AccessToken:
        """Return what an active token is good for; TokenNotAccepted where it is not active, or of another issuer.

        Raises VerificationUnavailable where the gate does not answer: what is unknown is not accepted.
        """
        name = hashlib.sha256(token.encode()).digest()  # so that no token stays in memory
        answer = self._answers.get(name)
        if answer is None or self._monotonic() >= answer.until:
            answer = await self._flights.join(name, lambda: self._ask(name, token, issuer))
        found = answer.token
        if found is None or (found.expires_at is not None and self._now() >= found.expires_at):
            raise TokenNotAccepted(Cause.INACTIVE)
        if answer.issuer != issuer.issuer:
            raise TokenNotAccepted(Cause.MISADDRESSED)
        return found

    async def end(self) -> None:
        """Stop asking."""
        await self._flights.end()

    async def _ask(self, name: bytes, token: str, issuer: Metadata) -> _Remembered:
        endpoint = self._settings.endpoint or issuer.introspection_endpoint
        try:
            body = await self._post(endpoint, token)
            answer = self._read(endpoint, body)
        except VerificationUnavailable as failure:
            log.warning("introspection failed: %s", failure)
            raise
        self._answers[name] = answer
        self._answers.move_to_end(name)
        if len(self._answers) > self._settings.remembered:
            self._answers.popitem(last=False)
        return answer

    async def _post(self, endpoint: str, token: str) -> bytes:
        try:
            check_url(endpoint)
        except ValueError as error:
            raise VerificationUnavailable(f"introspection endpoint: {error}") from None
        form = {"token": token, "token_type_hint": "access_token"}
        return await self._fetcher.post(endpoint, form, self._settings.credential.authorization())

    def _read(self, endpoint: str, body: bytes) -> _Remembered:
        until = self._monotonic() + self._settings.remember.total_seconds()
        try:
            members = strict_json.parse_object(body)
            if not msgspec.convert(members, _Answer).active:
                return _Remembered(until, None, "")
            active = msgspec.convert(members, _Active)
            return _Remembered(until, active.token(), active.iss)
        except (ValueError, OverflowError, OSError):
            raise VerificationUnavailable(f"{endpoint}: not an answer of a gate") from None
