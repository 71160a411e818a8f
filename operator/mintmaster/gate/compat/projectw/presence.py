"""Which runners are online: what this gate has heard since it started, and for how long it counts.

Kept in memory and bounded. Sessions carry a code by which another gate recognizes them, so that a runner may register
at one gate and report to the next.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import datetime

TIMEOUT: Final = 60.0
"""Seconds without a report after which a runner counts as offline; it reports every 10."""

_MOST = 20_000
_NONCE_LENGTH = 22
_CODE_LENGTH = 32


@dataclass(slots=True)
class Presence:
    """A runner that is online."""

    session: str
    """Digest of the session; empty for runners of version 0.2, which have none."""
    heard_at: datetime


class Presences:
    """The runners that are online, by UID."""

    def __init__(self) -> None:
        self._online: OrderedDict[str, Presence] = OrderedDict()

    def of(self, uid: str, now: datetime) -> Presence | None:
        """The presence of a runner; None for one that has not been heard of lately."""
        found = self._online.get(uid)
        if found is None or (now - found.heard_at).total_seconds() > TIMEOUT:
            return None
        return found

    def heard(self, uid: str, session: str, now: datetime) -> None:
        """Note that a runner has registered or reported."""
        self._online[uid] = Presence(_hidden(session), now)
        self._online.move_to_end(uid)
        if len(self._online) > _MOST:
            self._online.popitem(last=False)

    def forget(self, uid: str) -> None:
        """Note that a runner has gone."""
        self._online.pop(uid, None)


def is_of(presence: Presence, session: str) -> bool:
    """Whether a session is the one that a runner is online with."""
    return hmac.compare_digest(presence.session, _hidden(session))


def new_session(runner_token: str) -> str:
    """A session: random, with a code that only holders of the runner's token can make."""
    nonce = secrets.token_urlsafe(16)
    return nonce + _code(runner_token, nonce)


def may_be_session(runner_token: str, session: str) -> bool:
    """Whether some gate may have made that session for that runner."""
    nonce, code = session[:_NONCE_LENGTH], session[_NONCE_LENGTH:]
    expected = _code(runner_token, nonce)
    return hmac.compare_digest(code.encode(), expected.encode())


def _code(runner_token: str, nonce: str) -> str:
    return hmac.digest(runner_token.encode(), nonce.encode(), "sha256").hex()[:_CODE_LENGTH]


def _hidden(session: str) -> str:
    return hashlib.sha256(session.encode()).hexdigest() if session else ""
