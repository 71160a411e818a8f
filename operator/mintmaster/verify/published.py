"""What an issuer publishes: its metadata (OpenID Connect Discovery 1.0, section 4) and its keys (RFC 7517), cached."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import msgspec

from mintmaster.tokens import strict_json
from mintmaster.tokens.keys import KeyDamaged, PublicKey
from mintmaster.verify.fetching import Document, Fetcher, check_url
from mintmaster.verify.flights import Flights
from mintmaster.verify.refusals import VerificationUnavailable
from mintmaster.verify.settings import Settings

log = logging.getLogger(__name__)

_WELL_KNOWN = "/.well-known/openid-configuration"


class Metadata(msgspec.Struct, frozen=True):
    """What has to be known of an issuer."""

    issuer: str
    jwks_uri: str
    introspection_endpoint: str = ""


@dataclass(frozen=True, slots=True)
class Publication:
    """What the issuer published at one time."""

    metadata: Metadata
    keys: Mapping[str, PublicKey]
    """By kid: those that are of a kind that we use."""
    fetched_at: float
    """By the monotonic clock, in seconds."""
    lasts: float
    """Seconds that it may be kept."""


class Published:
    """The newest publication of an issuer."""

    def __init__(
        self, issuer: str, fetcher: Fetcher, settings: Settings, monotonic: Callable[[], float]
    ) -> None:
        """ValueError where the issuer is no URL that may be asked."""
        self._issuer = check_url(issuer)
        self._fetcher = fetcher
        self._settings = settings
        self._monotonic = monotonic
        self._newest: Publication | None = None
        self._failure: VerificationUnavailable | None = None
        self._failed_at = 0.0
        self._flights: Flights[Publication] = Flights()

    async def current(self) -> Publication:
        """What is published now; while the issuer is away, what it published last, up to `max_outage`.

        Raises VerificationUnavailable.
        """
        newest = self._newest
        if newest is not None and self._age(newest) < newest.lasts:
            return newest
        try:
            return await self._renewed()
        except VerificationUnavailable:
            if newest is None or self._age(newest) >= self._outlives(newest):
                raise
            return newest

    async def after(self, known: Publication) -> Publication:
        """What is published now, because a token named a key that `known` lacks; `known` itself within the cooldown.

        A failure is not raised: the token names no key that we know of, and most such tokens are made up.
        """
        newest = self._newest or known
        if newest is not known or self._age(known) < self._settings.cooldown.total_seconds():
            return newest
        try:
            return await self._renewed()
        except VerificationUnavailable:
            return newest

    async def end(self) -> None:
        """Stop fetching."""
        await self._flights.end()

    async def _renewed(self) -> Publication:
        """Fetch anew, once for all who ask at a time. A failure is remembered for a moment."""
        if self._failure is not None:
            left = self._failed_at + self._settings.retry.total_seconds() - self._monotonic()
            if left > 0:
                raise VerificationUnavailable(str(self._failure), left)
        return await self._flights.join(self._issuer, self._fetch_and_keep)

    async def _fetch_and_keep(self) -> Publication:
        try:
            self._newest = await self._fetch()
        except VerificationUnavailable as failure:
            log.warning("the keys of %s are not to be had: %s", self._issuer, failure)
            self._failure, self._failed_at = failure, self._monotonic()
            raise
        self._failure = None
        return self._newest

    async def _fetch(self) -> Publication:
        metadata = await self._metadata()
        document = await self._fetcher.get(metadata.jwks_uri, "application/jwk-set+json")
        keys = _keys(document, metadata.jwks_uri)
        longest = self._settings.keys_age.total_seconds()
        lasts = longest if document.max_age is None else min(document.max_age, longest)
        return Publication(metadata, keys, self._monotonic(), lasts)

    async def _metadata(self) -> Metadata:
        """Read who the issuer says it is: that has to be exactly the one that was asked for (section 4.3)."""
        url = self._issuer.rstrip("/") + _WELL_KNOWN
        document = await self._fetcher.get(url, "application/json")
        try:
            metadata = msgspec.convert(strict_json.parse_object(document.body), Metadata)
            check_url(metadata.jwks_uri)
        except ValueError:
            raise VerificationUnavailable(f"{url}: not the metadata of an issuer") from None
        if metadata.issuer != self._issuer:
            raise VerificationUnavailable(f"{url}: the metadata of another issuer")
        return metadata

    def _age(self, publication: Publication) -> float:
        return self._monotonic() - publication.fetched_at

    def _outlives(self, publication: Publication) -> float:
        return publication.lasts + self._settings.max_outage.total_seconds()


def _keys(document: Document, url: str) -> dict[str, PublicKey]:
    """Read the keys, passing over those that are not of ours (RFC 7517, section 5)."""
    try:
        members = strict_json.parse_object(document.body).get("keys")
    except ValueError:
        members = None
    if not isinstance(members, list):
        raise VerificationUnavailable(f"{url}: not a JWK Set")
    read = [key for jwk in members if (key := _key(jwk)) is not None]
    return {key.kid: key for key in read}


def _key(jwk: object) -> PublicKey | None:
    try:
        return PublicKey.from_jwk(jwk) if isinstance(jwk, dict) else None
    except KeyDamaged as error:
        log.warning("a published key is not used: %s", error)
        return None
