"""The verifier of a service: from the text of a token to who asks, or to the reason why not."""

import time
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from mintmaster.tokens.claims import AccessTokenClaims
from mintmaster.tokens.invalid_token import InvalidToken, InvalidTokenCode
from mintmaster.tokens.verifier import Verifier as JwtVerifier
from mintmaster.verify.access_token import AccessToken
from mintmaster.verify.bearer import bearer_token, checked
from mintmaster.verify.fetching import Fetcher
from mintmaster.verify.introspection import Introspection, Introspector
from mintmaster.verify.published import Publication, Published
from mintmaster.verify.refusals import Cause, TokenNotAccepted
from mintmaster.verify.settings import Settings
from mintmaster.verify.status_lists import StatusListCache, StatusLists

_DEFAULTS = Settings()


def _system_time() -> datetime:
    return datetime.now(UTC)


class Verifier:
    """Accepts tokens of one issuer that are meant for one service. To be used within `async with`.

    Without options a JWT is verified by signature and claims alone, and then neither a revocation, nor the end of an
    overlap, nor shrunk rights are seen until it expires. `status_lists` sees revocations within the time of a list,
    `introspection` sees everything within seconds, and accepts opaque tokens as well.
    """

    def __init__(  # noqa: PLR0913 - all by name, and all but two have a default
        self,
        issuer: str,
        *,
        audience: str | Collection[str],
        authority: Path | None = None,
        introspection: Introspection | None = None,
        status_lists: StatusLists | None = None,
        settings: Settings = _DEFAULTS,
        now: Callable[[], datetime] = _system_time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Nothing is fetched yet.

        `issuer` is the URL of the TokenIssuer, byte for byte; `audience` what the service is called in `aud`, and other
        names for it; `authority` a PEM file of CAs to trust instead of the system's. ValueError for URLs of http beyond
        loopback and for no audience, OSError for a file that cannot be read.
        """
        self._audiences = frozenset({audience} if isinstance(audience, str) else audience)
        if not self._audiences or "" in self._audiences:
            raise ValueError(
                "name the audience: a token that is meant for another service must not be accepted"
            )
        self._now = now
        self._settings = settings
        self._fetcher = Fetcher(authority, settings.timeout)
        self._published = Published(issuer, self._fetcher, settings, monotonic)
        self._introspector: Introspector | None = None
        if introspection is not None:
            self._introspector = Introspector(introspection, self._fetcher, now, monotonic)
        self._status_lists: StatusListCache | None = None
        if status_lists is not None:
            self._status_lists = StatusListCache(
                status_lists, self._fetcher, settings, issuer=issuer, now=now, monotonic=monotonic
            )

    async def __aenter__(self) -> Self:
        await self._fetcher.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for part in (self._published, self._introspector, self._status_lists):
            if part is not None:
                await part.end()
        await self._fetcher.close()

    async def authenticate(self, authorization: Sequence[str]) -> AccessToken:
        """Verify the token of a request, given all values of its Authorization header. Raises a `Refused`."""
        return await self._verify(bearer_token(authorization))

    async def verify(self, token: str) -> AccessToken:
        """Verify a token.

        Raises TokenNotAccepted, CredentialMalformed for text that is no bearer token at all, and
        VerificationUnavailable where the issuer would have to be asked and does not answer.
        """
        return await self._verify(checked(token))

    async def _verify(self, token: str) -> AccessToken:
        if "." in token:
            return await self._verify_jwt(token)
        if self._introspector is None:
            raise TokenNotAccepted(Cause.OPAQUE)
        published = await self._published.current()
        return await self._introspect(self._introspector, token, published)

    async def _verify_jwt(self, token: str) -> AccessToken:
        claims, published = await self._verify_offline(token, await self._published.current())
        if self._status_lists is not None:
            await self._status_lists.check(claims, published)
        if self._introspector is None:
            return AccessToken.from_claims(claims)
        return await self._introspect(self._introspector, token, published)

    async def _verify_offline(
        self, token: str, published: Publication
    ) -> tuple[AccessTokenClaims, Publication]:
        """Verify the JWT offline, once more if its key may have been published a moment ago."""
        try:
            return self._claims(token, published), published
        except InvalidToken as invalid:
            code = invalid.code
        newer = published
        if code is InvalidTokenCode.KEY_UNKNOWN:
            newer = await self._published.after(published)
        if newer is published:
            raise TokenNotAccepted(code)
        try:
            return self._claims(token, newer), newer
        except InvalidToken as invalid:
            code = invalid.code
        raise TokenNotAccepted(code)

    def _claims(self, token: str, published: Publication) -> AccessTokenClaims:
        verifier = JwtVerifier(
            published.metadata.issuer,
            published.keys,
            audiences=self._audiences,
            leeway=self._settings.leeway,
        )
        return verifier.verify(token, self._now())

    async def _introspect(
        self, introspector: Introspector, token: str, published: Publication
    ) -> AccessToken:
        found = await introspector.introspect(token, published.metadata)
        if found.audiences.isdisjoint(self._audiences):
            raise TokenNotAccepted(Cause.MISADDRESSED)
        return found
