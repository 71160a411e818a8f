"""What the decisions about tokens need to know of an issuer, prepared once per change of the issuer."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from mintmaster.api.reasons import Reason
    from mintmaster.api.rights import Rights
    from mintmaster.api.token_issuer import TokenIssuerSpec


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why something that ought to happen can't: a reason and a sentence that says what to do."""

    reason: Reason
    message: str
    retry_at: datetime | None = None
    """When it may resolve itself with nobody changing anything; None: only a change resolves it."""


@dataclass(frozen=True)
class IssuerView:
    """A `TokenIssuer` as the decisions see it; a new view is made whenever the issuer changes."""

    name: str
    spec: TokenIssuerSpec
    signing_key_id: str = ""
    """The key that signs now; empty when the operator holds none for this issuer."""
    obstacle: Obstacle | None = None
    """Why nothing can be minted for this issuer, e.g. its keys are lost."""
    key_ids: frozenset[str] = field(default_factory=frozenset)
    """All published keys: next, active and retired. Empty where they are not known."""

    @cached_property
    def role_scopes(self) -> Mapping[str, frozenset[str]]:
        """The scopes that each role brings along."""
        return {role.name: frozenset(role.scopes) for role in self.spec.roles}

    @cached_property
    def scope_names(self) -> frozenset[str]:
        """The scopes that can be asked for at all."""
        return frozenset(scope.name for scope in self.spec.scopes)

    @cached_property
    def withdrawn(self) -> frozenset[str]:
        """Keys whose tokens are void, whatever else holds."""
        return frozenset(self.spec.withdrawn_keys)

    @cached_property
    def grantable_scopes(self) -> frozenset[str]:
        """The scopes that a token may have: those that can be asked for, and those that roles bring along."""
        return self.scope_names.union(*self.role_scopes.values())

    def unknown(self, rights: Rights) -> tuple[str, ...]:
        """The scopes and roles among these rights that the issuer does not know (any more)."""
        scopes = sorted(set(rights.scopes) - self.grantable_scopes)
        roles = sorted(set(rights.roles) - self.role_scopes.keys())
        return (*(f"scope {scope!r}" for scope in scopes), *(f"role {role!r}" for role in roles))

    def scopes_of(self, roles: tuple[str, ...]) -> frozenset[str]:
        """All scopes that these roles bring along today; an unknown role brings none."""
        known = self.role_scopes
        return frozenset().union(*(known.get(role, frozenset()) for role in roles))
