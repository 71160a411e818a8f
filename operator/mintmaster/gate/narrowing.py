"""What of its rights somebody asks for: scopes (RFC 6749, section 3.3) and targets (RFC 8707, RFC 8693)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from mintmaster.gate.messages import oauth_error
from mintmaster.tokens import scopes

if TYPE_CHECKING:
    from mintmaster.api.rights import Rights
    from mintmaster.lifecycle.issuer_view import IssuerView


def narrowed(
    rights: Rights, issuer: IssuerView, scope: str | None, targets: tuple[str, ...]
) -> Rights:
    """The rights that are asked for: all of them unless something is named.

    Refused with `invalid_scope` or `invalid_target` for what is not among them.
    """
    if scope is not None:
        rights = _for_scopes(rights, issuer, _asked(scope))
    if targets:
        rights = _for_targets(rights, targets)
    return rights


def _asked(scope: str) -> frozenset[str]:
    try:
        return frozenset(scopes.split(scope))
    except ValueError:
        raise oauth_error(400, "invalid_scope", "the scope is malformed") from None


def _for_scopes(rights: Rights, issuer: IssuerView, asked: frozenset[str]) -> Rights:
    """Leave out the other scopes, and roles that stand for more: services may look at either."""
    if not asked.issubset(rights.scopes):
        raise oauth_error(400, "invalid_scope", "the scope exceeds what was granted")
    brought = issuer.role_scopes
    return msgspec.structs.replace(
        rights,
        scopes=tuple(it for it in rights.scopes if it in asked),
        roles=tuple(it for it in rights.roles if brought.get(it) and brought[it] <= asked),
    )


def _for_targets(rights: Rights, targets: tuple[str, ...]) -> Rights:
    if not set(targets).issubset(rights.audiences):
        raise oauth_error(400, "invalid_target", "the target is none that the rights are for")
    return msgspec.structs.replace(
        rights, audiences=tuple(it for it in rights.audiences if it in targets)
    )
