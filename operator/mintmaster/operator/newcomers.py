"""Letting new resources pass while the Secrets are still being listed.

Listing 100,000 Secrets takes longer than anybody wants to wait for a first token. What rests on them waits; a new
resource does not, since it has none: where there is one of its name all the same, creating it fails, and it is read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mintmaster.api.client_application import ClientApplication
from mintmaster.api.token_spec import Delivery

if TYPE_CHECKING:
    from mintmaster.api.kinds import TokenResource
    from mintmaster.operator.queue import FairQueue, Key, Priority


class Barrier:
    """Keeps keys from being worked on until it is opened."""

    def __init__(self, queue: FairQueue) -> None:
        self._queue = queue
        self._kept: dict[Key, Priority] = {}
        self.is_open = False

    def __len__(self) -> int:
        return len(self._kept)

    def keep(self, key: Key, priority: Priority) -> None:
        """Have a key worked on once the barrier is opened."""
        self._kept[key] = min(priority, self._kept.get(key, priority))

    def open(self) -> None:
        """Let everything pass, now and from now on."""
        self.is_open = True
        kept, self._kept = self._kept, {}
        for key, priority in kept.items():
            self._queue.put(key, priority)


def is_newcomer(resource: TokenResource) -> bool:
    """Whether a resource was never acted on, and nothing decides about it but itself, its namespace and its issuer.

    Digests of callers and client ids rest on what other resources claim, and a request on the one who asked: of these
    it is better to know all.
    """
    spec = resource.spec
    return (
        not resource.status.uid
        and spec.requested_by is None
        and spec.delivery == Delivery.SECRET
        and not isinstance(resource, ClientApplication)
    )
