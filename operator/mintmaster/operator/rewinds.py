"""What this process remembers that a restored backup of the cluster has forgotten (attacks 76).

After a restore the status of a resource may name tokens again that were superseded or voided since the backup was
made. Whoever saw the newer revision must not let them live: they are voided and another token is issued.

A list that shows an older revision than is known proves nothing by itself: it may have been read before an own
write that it now seems to contradict. It counts only when the database was found to have gone back, a little before
or after.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from mintmaster.operator.queue import Key

WINDOW_SECONDS = 60.0
"""How far apart the two signs may be: a Lease is renewed every 2 s, but a restore may take the API server away."""


class Rewinds:
    """The revisions below which no token of a resource may live again."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._confirmed_until = float("-inf")
        self._suspected: dict[Key, tuple[int, float]] = {}
        self._floors: dict[Key, int] = {}

    def saw_older(self, key: Key, known_revision: int) -> None:
        """A list showed a resource at an older revision than is known."""
        now = self._monotonic()
        if now < self._confirmed_until:
            self._raise(key, known_revision)
        else:
            self._suspected[key] = (known_revision, now)

    def confirm(self) -> list[Key]:
        """The database has gone back; returns the resources that were seen to have."""
        now = self._monotonic()
        self._confirmed_until = now + WINDOW_SECONDS
        suspected = self._suspected.items()
        recent = {key: known for key, (known, at) in suspected if now - at < WINDOW_SECONDS}
        self._suspected.clear()
        for key, known in recent.items():
            self._raise(key, known)
        return list(recent)

    def floor(self, key: Key) -> int:
        """Revisions below this one were superseded; 0 where nothing is known of a restore."""
        return self._floors.get(key, 0)

    def forget(self, key: Key) -> None:
        """The resource is gone."""
        self._floors.pop(key, None)
        self._suspected.pop(key, None)

    def _raise(self, key: Key, revision: int) -> None:
        self._floors[key] = max(revision, self.floor(key))
