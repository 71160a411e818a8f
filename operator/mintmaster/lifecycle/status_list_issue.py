"""When a status list is signed anew, and what its token says then; pure, the clock is the caller's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from mintmaster.tokens.status_list_token import StatusListToken

if TYPE_CHECKING:
    from mintmaster.lifecycle.status_lists import StatusList


@dataclass(frozen=True, slots=True, kw_only=True)
class Validity:
    """How long verifiers may rely on a list."""

    lifetime: timedelta = timedelta(hours=12)
    """Until `exp`; renewed at half of it. So long may the operator be away before verifiers go without an answer, and
    so long could somebody show them an old list; each renewal costs one write per list."""
    ttl: timedelta = timedelta(seconds=45)
    """How long verifiers keep a copy: together with the operator's pace and the gate's caches less than a minute."""


def is_due(
    present: StatusListToken | None, wanted: bytes, key_id: str, now: float, validity: Validity
) -> bool:
    """Whether a list has to be signed: there is none, it says something else, its key changed, or its end is near."""
    if present is None or present.entries != wanted or present.key_id != key_id:
        return True
    return now >= present.expires_at - validity.lifetime.total_seconds() / 2


def signed_now(
    status_list: StatusList, present: StatusListToken | None, now: float, validity: Validity
) -> StatusListToken:
    """What a list says when it is signed now. `iat` never goes back: verifiers take an older list for a replay."""
    issued_at = max(int(now), present.issued_at if present else 0)
    return StatusListToken(
        uri=status_list.uri,
        issued_at=issued_at,
        expires_at=int(now + validity.lifetime.total_seconds()),
        ttl=int(validity.ttl.total_seconds()),
        entries=status_list.entries(),
    )
