"""Leaving another leader's issue alone while it is under way.

Two may lead for a moment: somebody deleted the Lease, or a process was paused. A token that one has delivered and not
recorded yet looks like drift to the other, who would deliver another one, which looks like drift to the first: each
round of that quarrel is an issue that nobody asked for. So a token that somebody else has delivered has a while to be
recorded. It is never adopted (I3): if its leader died between the two writes, it is overwritten after that while.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from mintmaster.lifecycle.facts import Facts
    from mintmaster.lifecycle.secret_view import SecretView
    from mintmaster.operator.queue import Key

PATIENCE = 2.0
"""Seconds from seeing what another leader delivered until it counts as left behind."""


class Deference:
    """Which deliveries were seen when, and which were our own."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._until: dict[Key, tuple[str, float]] = {}
        """Version of a Secret whose token is not on record, and when patience with it ends."""

    def delivered(self, key: Key, secret: SecretView) -> None:
        """We have delivered a token ourselves: should it never be recorded, nobody has to wait for that."""
        self._until[key] = (secret.metadata.resource_version, float("-inf"))

    def wait(self, key: Key, facts: Facts) -> float:
        """Seconds for which nothing may be issued for a resource; 0 where nobody else is about to record a token."""
        if facts.secret is None or not facts.delivered_ahead:
            return 0.0
        version, now = facts.secret.metadata.resource_version, self._monotonic()
        seen, until = self._until.get(key, ("", 0.0))
        if seen != version:
            until = now + PATIENCE
            self._until[key] = (version, until)
        return max(until - now, 0.0)

    def forget(self, key: Key) -> None:
        """A token was recorded, or the resource is gone."""
        self._until.pop(key, None)
