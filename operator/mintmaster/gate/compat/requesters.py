"""Who asks a foreign API: the bearer of one of our tokens, wherever in the request that system puts it."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from mintmaster.api.delivery import RequestedBy
from mintmaster.gate.callers import is_opaque_of_ours
from mintmaster.gate.verification import Active
from mintmaster.lifecycle.activity import Inactivity
from mintmaster.lifecycle.requester import lacking
from mintmaster.tokens.digests import digest

if TYPE_CHECKING:
    from mintmaster.api.kinds import TokenResource
    from mintmaster.api.rights import Rights
    from mintmaster.gate.callers import Callers
    from mintmaster.gate.issuer import KnownIssuer
    from mintmaster.gate.verification import Arrivals, Verdict, Verification


class Rejection(Enum):
    """Why a credential is none; systems that tell these apart tell the holder no more than they know already."""

    UNKNOWN = "it is no token of this issuer, or of nobody who is known"
    EXPIRED = "it has ended"
    REVOKED = "it was revoked"


_REJECTIONS = {
    Inactivity.ENDED: Rejection.EXPIRED,
    Inactivity.REVOKED: Rejection.REVOKED,
    Inactivity.DELETED: Rejection.REVOKED,
}


class Requester(NamedTuple):
    """Somebody who showed an active token."""

    token: Active
    is_administrator: bool
    """Whether it is an administrator's token (docs/gate.md)."""

    @property
    def rights(self) -> Rights:
        """What was recorded when the token was issued (I5)."""
        return self.token.record.rights

    @property
    def uid(self) -> str:
        """The UID of the resource that the token belongs to."""
        return self.token.resource.uid

    @property
    def named(self) -> RequestedBy:
        """How a resource that was made for them names them."""
        return RequestedBy(subject=self.rights.subject, uid=self.uid, jti=self.token.record.id)

    def lacks(self, resource: TokenResource, wanted: Rights) -> tuple[str, ...]:
        """What they would need to have a token with these rights made for a resource; empty when they have it all."""
        return lacking(resource, wanted, self.rights)


_PERHAPS_NOT_YET = (Inactivity.RESOURCE_UNKNOWN, Inactivity.NOT_RECORDED)


@dataclass(frozen=True, slots=True)
class Requesters:
    """Tells who shows a credential."""

    verification: Verification
    callers: Callers
    arrivals: Arrivals
    patience: float
    """Seconds that a token is waited for which may have been made a moment ago, at another gate."""

    async def of(self, issuer: KnownIssuer, credential: str) -> Requester | Rejection:
        """The bearer of a token of this issuer; else why it is none."""
        verdict = await self.verification.verify(issuer, credential)
        if verdict in _PERHAPS_NOT_YET and is_opaque_of_ours(credential):
            verdict = await self._awaited(issuer, credential)
        if isinstance(verdict, Active):
            return Requester(verdict, self.callers.is_administrator(verdict))
        if isinstance(verdict, Inactivity):
            return _REJECTIONS.get(verdict, Rejection.UNKNOWN)
        return Rejection.UNKNOWN

    async def _awaited(self, issuer: KnownIssuer, credential: str) -> Verdict:
        """Judge an opaque token of ours once the watch shows it, or patience ends.

        The gate that made it knew it when it answered; whoever asks next may come to another one first. Runners take a
        refusal seriously.
        """
        presented = digest(credential)
        with suppress(TimeoutError):
            async with asyncio.timeout(self.patience):
                while not self.arrivals.full:
                    await self.arrivals.news_of(presented)
                    verdict = self.verification.judge(issuer, credential)
                    if verdict not in _PERHAPS_NOT_YET:
                        return verdict
        return self.verification.judge(issuer, credential)
