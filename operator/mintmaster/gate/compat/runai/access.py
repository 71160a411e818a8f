"""Who asks Run:ai's API about applications, and whether they may manage those of others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from mintmaster.gate.compat.requesters import Rejection
from mintmaster.gate.compat.runai import answers

if TYPE_CHECKING:
    from mintmaster.gate.compat.requesters import Requester
    from mintmaster.gate.compat.runai.homes import Homes
    from mintmaster.gate.issuer import KnownIssuer
    from mintmaster.gate.messages import IssuerRequest

MANAGE: Final = "settings"
"""Scope of those who manage applications: Run:ai has these among the tenant's settings."""


class Asked(NamedTuple):
    """Who asks, and the issuer whose applications they mean."""

    requester: Requester
    home: KnownIssuer

    def demand_management(self) -> None:
        """403 unless they may manage the applications of others."""
        if not self.requester.is_administrator and MANAGE not in self.requester.rights.scopes:
            raise answers.error(403)


@dataclass(frozen=True, slots=True)
class Access:
    """Tells who asks."""

    homes: Homes

    async def of(self, request: IssuerRequest) -> Asked:
        """The bearer of an access token; 401 for everybody else, 404 where no applications can be."""
        home = self.homes.home(request.issuer)
        if home is None:
            raise answers.error(404)
        values = request.values(b"authorization")
        scheme, _, credential = values[0].partition(b" ") if len(values) == 1 else (b"", b"", b"")
        if scheme.lower() != b"bearer":
            raise answers.error(401)
        shown = credential.strip().decode("latin-1")
        found = await self.homes.requester(request.issuer, home, shown)
        if isinstance(found, Rejection):
            raise answers.error(401)
        return Asked(found, home)
