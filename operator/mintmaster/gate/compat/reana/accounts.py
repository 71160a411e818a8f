"""Users of REANA as resources of ours: one UserAccessToken for each, named after the user's address.

The name makes the API server see to it that a user has one token. A revocation cannot be taken back, so the token
that is granted after one is another resource, of the next life of that name.
"""

from __future__ import annotations

from email.utils import format_datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Final
from uuid import NAMESPACE_URL, uuid5

from mintmaster.api.names import GROUP
from mintmaster.api.reasons import State
from mintmaster.api.token_spec import Delivery

if TYPE_CHECKING:
    from mintmaster.api.user_access_token import UserAccessToken

LABEL_USER_ID: Final = f"{GROUP}/reana-user-id"
"""Label with the id by which REANA knows the user; imported users keep theirs."""

MAX_LIVES: Final = 99
"""Lives of a name: tokens of one user that were granted after a revocation."""

_PREFIX: Final = "reana-"


class AccessTokenStatus(StrEnum):
    """What REANA calls the state of a user's token."""

    REQUESTED = "requested"
    ACTIVE = "active"
    REVOKED = "revoked"


def default_user_id(issuer_url: str, email: str) -> str:
    """The id of a user who brings none along: the same wherever it is computed (RFC 9562, section 5.5)."""
    return str(uuid5(NAMESPACE_URL, f"{issuer_url}#{email}"))


def account_name(issuer_url: str, email: str, life: int = 1) -> str:
    """The name of the user's resource, in the issuer's API namespace."""
    name = f"{_PREFIX}{default_user_id(issuer_url, email)}"
    return name if life == 1 else f"{name}-{life}"


def life_of(name: str) -> int:
    """Which life of its name a resource is; 0 for one that is no account, as one that somebody applied."""
    stem, _, life = name.removeprefix(_PREFIX).rpartition("-")
    if not name.startswith(_PREFIX):
        return 0
    # The last part of a UUID has twelve digits.
    return int(life) if stem.count("-") == 4 and life.isdecimal() and len(life) <= 2 else 1


def user_id(issuer_url: str, resource: UserAccessToken) -> str:
    """The id by which REANA knows the user of a token."""
    labelled = resource.metadata.labels.get(LABEL_USER_ID)
    return labelled or default_user_id(issuer_url, resource.spec.user.email)


def status_of(resource: UserAccessToken) -> AccessTokenStatus:
    """The state of the user's token. REANA knows no expiry: what has expired counts as revoked."""
    meta, spec, status = resource.metadata, resource.spec, resource.status
    if spec.revoked or meta.deletion_timestamp is not None:
        return AccessTokenStatus.REVOKED
    if spec.delivery is Delivery.CALLER and not spec.token.value_digest:
        return AccessTokenStatus.REQUESTED
    if status.state == State.EXPIRED:
        return AccessTokenStatus.REVOKED
    return AccessTokenStatus.ACTIVE if status.tokens else AccessTokenStatus.REQUESTED


def requested_at(resource: UserAccessToken) -> str | None:
    """When the token was asked for, as Flask writes instants (RFC 1123); None where that is not known."""
    created = resource.metadata.creation_timestamp
    return format_datetime(created, usegmt=True) if created is not None else None
