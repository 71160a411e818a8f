"""Whose a client id is, where several applications of one issuer claim it.

Whoever has it on record keeps it; where nobody has, the oldest that is granted it comes first. An application that was
refused stays refused until its spec is edited or it is made anew: else an id that becomes free would pass, unseen, to
whoever waits for it, and with it the trust that others have in that name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mintmaster.api.reasons import ConditionType, Reason
from mintmaster.lifecycle.conditions import find
from mintmaster.lifecycle.identity import seniority

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from mintmaster.api.client_application import ClientApplication


def has(application: ClientApplication) -> bool:
    """Whether the client id is on record as this application's, in this life of it."""
    status, meta = application.status, application.metadata
    return status.uid == meta.uid and status.client_id == application.client_id


def was_refused(application: ClientApplication) -> bool:
    """Whether the client id was refused to the application as its spec stands."""
    status, meta = application.status, application.metadata
    if status.uid != meta.uid or status.observed_generation != meta.generation:
        return False
    ready = find(status.conditions, ConditionType.READY)
    return ready is not None and ready.reason == Reason.CLIENT_ID_CONFLICT


def is_taken(
    mine: ClientApplication,
    rivals: Iterable[ClientApplication],
    is_granted: Callable[[ClientApplication], bool],
) -> bool:
    """Whether one of those with the same client id comes first; who asks for what is not granted does not count."""
    return any(_outranks(rival, mine) and (has(rival) or is_granted(rival)) for rival in rivals)


def _outranks(other: ClientApplication, mine: ClientApplication) -> bool:
    if other.metadata.deletion_timestamp is not None:
        return False
    if has(other) is not has(mine):
        return has(other)
    if not has(other) and (other.spec.revoked or was_refused(other)):
        return False
    return seniority(other.metadata) < seniority(mine.metadata)
