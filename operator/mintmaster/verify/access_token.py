"""A token that was accepted: what it says, and whether that is enough."""

from collections.abc import Collection
from datetime import UTC, datetime

import msgspec

from mintmaster.tokens import scopes
from mintmaster.tokens.claims import AccessTokenClaims, ResourceClaim
from mintmaster.verify.refusals import RightsInsufficient

ALL = "*"
"""Names every project."""


class AccessToken(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks, and what they may do. It does not hold the token itself."""

    id: str
    """`jti`: what logs name the token by."""
    subject: str
    """Who the token speaks for: `runner:<namespace>:<name>`, `user:<email>`, `app:<client id>`."""
    client_id: str
    audiences: frozenset[str]
    scopes: frozenset[str]
    roles: frozenset[str]
    projects: frozenset[str]
    """Empty means none; `*` means all."""
    issued_at: datetime
    expires_at: datetime | None
    """None for a token that does not expire."""
    username: str = ""
    resource: ResourceClaim
    """The resource in Kubernetes that the token was minted for."""

    @classmethod
    def from_claims(cls, claims: AccessTokenClaims) -> "AccessToken":
        """Take over what a JWT says that was verified."""
        return cls(
            id=claims.jti,
            subject=claims.sub,
            client_id=claims.client_id,
            audiences=frozenset(claims.aud),
            scopes=frozenset(scopes.split(claims.scope)),
            roles=frozenset(claims.roles),
            projects=frozenset(claims.projects),
            issued_at=instant(claims.iat),
            expires_at=instant(claims.exp),
            username=claims.preferred_username or "",
            resource=claims.resource,
        )

    def require(
        self, *, scopes: Collection[str] = (), roles: Collection[str] = (), project: str = ""
    ) -> None:
        """Pass if the token has all these scopes, all these roles, and may see this project.

        RightsInsufficient otherwise, which names all scopes that are needed, as RFC 6750, section 3 wants.
        """
        if not self.scopes.issuperset(scopes):
            raise RightsInsufficient(scopes)
        if not self.roles.issuperset(roles) or (project and not self.covers(project)):
            raise RightsInsufficient

    def covers(self, project: str) -> bool:
        """Whether the token is meant for this project."""
        return project in self.projects or ALL in self.projects


def instant(seconds: int) -> datetime:
    """A NumericDate (RFC 7519, section 2) as an instant."""
    return datetime.fromtimestamp(seconds, UTC)
