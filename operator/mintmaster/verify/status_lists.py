"""The status lists of one issuer, fetched and kept: whether a token has been revoked, for verifiers that ask nobody."""

import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from mintmaster.tokens.claims import AccessTokenClaims
from mintmaster.verify import status_list
from mintmaster.verify.fetching import Fetcher, check_url, origin
from mintmaster.verify.flights import Flights
from mintmaster.verify.published import Publication
from mintmaster.verify.refusals import Cause, TokenNotAccepted, VerificationUnavailable
from mintmaster.verify.settings import Settings
from mintmaster.verify.status_list import Status, StatusList

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusLists:
    """Look up every JWT in its status list."""

    required: bool = True
    """Refuse tokens without an entry in a list: of issuers without `statusList`, and those that gates minted."""
    lasts: timedelta = timedelta(seconds=60)
    """How long a list is used that does not say so itself, by `ttl`: so long a revoked token may still be accepted."""
    kept: int = 64
    """Lists kept at a time. A list of 100,000 tokens takes 13 KB."""


@dataclass(slots=True)
class _Kept:
    list: StatusList
    fresh_until: float
    usable_until: float


class StatusListCache:
    """Fetches lists, and keeps them as long as they say."""

    def __init__(  # noqa: PLR0913 - what it is made of, once
        self,
        lists: StatusLists,
        fetcher: Fetcher,
        settings: Settings,
        *,
        issuer: str,
        now: Callable[[], datetime],
        monotonic: Callable[[], float],
    ) -> None:
        self._lists = lists
        self._fetcher = fetcher
        self._settings = settings
        self._issuer = issuer
        self._now = now
        self._monotonic = monotonic
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._flights: Flights[_Kept] = Flights()

    async def check(self, claims: AccessTokenClaims, published: Publication) -> None:
        """Pass if the token's list says that it is good; TokenNotAccepted if not.

        Raises VerificationUnavailable where there is no list that says anything: what is unknown is not accepted.
        """
        if claims.status is None:
            if self._lists.required:
                raise TokenNotAccepted(Cause.NO_STATUS)
            return
        entry = claims.status.status_list
        self._check_uri(entry.uri)
        found = await self._list(entry.uri, published)
        try:
            status = found.status(entry.idx)
        except status_list.NoSuchEntry:
            raise TokenNotAccepted(Cause.NO_STATUS) from None
        if status != Status.VALID:
            raise TokenNotAccepted(Cause.SUSPENDED if status == Status.SUSPENDED else Cause.REVOKED)

    async def end(self) -> None:
        """Stop fetching."""
        await self._flights.end()

    def _check_uri(self, uri: str) -> None:
        """Fetch from the issuer's own host only, so that no token can send us elsewhere."""
        try:
            own = origin(check_url(uri)) == origin(self._issuer)
        except ValueError:
            own = False
        if not own:
            raise TokenNotAccepted(Cause.NO_STATUS)

    async def _list(self, uri: str, published: Publication) -> StatusList:
        kept = self._kept.get(uri)
        if kept is None or self._monotonic() >= kept.fresh_until:
            kept = await self._flights.join(uri, lambda: self._renewed(uri, published))
        self._check_usable(uri, kept)
        return kept.list

    def _check_usable(self, uri: str, kept: _Kept) -> None:
        expires_at = kept.list.expires_at
        expired = expires_at is not None and self._now().timestamp() >= expires_at
        if expired or self._monotonic() >= kept.usable_until:
            raise VerificationUnavailable(
                f"{uri}: the status list is too old, and no newer one is to be had"
            )

    async def _renewed(self, uri: str, published: Publication) -> _Kept:
        """Fetch the list; while that fails, the one before is tried again later, and used as long as it is usable."""
        before = self._kept.get(uri)
        try:
            kept = await self._fetched(uri, published, before)
        except VerificationUnavailable as failure:
            log.warning("a status list is not to be had: %s", failure)
            if before is None:
                raise
            before.fresh_until = self._monotonic() + self._settings.retry.total_seconds()
            return before
        self._keep(uri, kept)
        return kept

    async def _fetched(self, uri: str, published: Publication, before: _Kept | None) -> _Kept:
        document = await self._fetcher.get(uri, status_list.MEDIA_TYPE)
        leeway = self._settings.leeway.total_seconds()
        try:
            found = status_list.read(
                document.body, uri, published.keys, self._now().timestamp(), leeway
            )
        except status_list.StatusListRefused as error:
            raise VerificationUnavailable(f"{uri}: {error}") from None
        if before is not None and found.issued_at < before.list.issued_at:
            raise VerificationUnavailable(f"{uri}: an older status list than the one known")
        # The draft, section 8.3: `ttl` and `exp` count, and not what HTTP says of caching.
        lasts = found.ttl if found.ttl is not None else self._lists.lasts.total_seconds()
        fresh_until = self._monotonic() + lasts
        return _Kept(found, fresh_until, fresh_until + self._settings.max_outage.total_seconds())

    def _keep(self, uri: str, kept: _Kept) -> None:
        self._kept[uri] = kept
        self._kept.move_to_end(uri)
        if len(self._kept) > self._lists.kept:
            self._kept.popitem(last=False)
