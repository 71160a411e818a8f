"""What kopf's events do: they update what is known and put a key into the queue, nothing else."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from mintmaster.api import decoding, kinds
from mintmaster.api.token_issuer import TokenIssuer
from mintmaster.lifecycle import schedule
from mintmaster.operator.queue import Key, Priority

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mintmaster.api.kinds import Resource, TokenResource
    from mintmaster.api.meta import ObjectMeta
    from mintmaster.kube.clock import Clock
    from mintmaster.operator.queue import FairQueue
    from mintmaster.operator.world import World

log = logging.getLogger(__name__)

_KINDS: dict[str, kinds.ResourceKind[Resource]] = {kind.kind: kind for kind in kinds.ALL_KINDS}


class Inbox:
    """The listener of the pump."""

    def __init__(
        self, world: World, queue: FairQueue, clock: Clock, *, relisted: Callable[[], None]
    ) -> None:
        self._world = world
        self._queue = queue
        self._clock = clock
        self._relisted = relisted

    def saw(self, kind: str, body: Mapping[str, Any], *, listed: bool) -> None:
        """A resource stands so. One that can't be read is logged and left alone, with whatever it has."""
        try:
            resource = decoding.decode(_KINDS[kind], body)
        except decoding.MalformedResource as error:
            log.error("%s is not reconciled: %s", _name(kind, body), error)  # noqa: TRY400 - no traceback: not ours
            return
        key = _key(kind, resource.metadata)
        if isinstance(resource, TokenIssuer):
            self._saw_issuer(key, resource, listed=listed)
        else:
            self._saw_token(key, resource, listed=listed)

    def gone(self, kind: str, body: Mapping[str, Any]) -> None:
        """A resource was deleted."""
        meta = body["metadata"]
        key = Key(kind, meta.get("namespace", ""), meta["name"])
        cache = self._world.issuers if kind == kinds.TOKEN_ISSUER.kind else None
        dropped = (
            cache.drop(key, meta["uid"])
            if cache is not None
            else self._world.forget(key, meta["uid"])
        )
        if dropped:
            self._queue.put(key, Priority.EDIT)

    def _saw_issuer(self, key: Key, issuer: TokenIssuer, *, listed: bool) -> None:
        if self._world.issuers.observe(key, issuer, listed=listed):
            self._queue.put(key, Priority.LATE_RENEWAL)

    def _saw_token(self, key: Key, resource: TokenResource, *, listed: bool) -> None:
        if listed and self._world.uid_of(key) is not None:
            self._relisted()
        if self._world.observe(key, resource, listed=listed):
            self._queue.put(key, self._priority(resource) if listed else Priority.EDIT)

    def _priority(self, resource: TokenResource) -> Priority:
        """How urgent a listed resource is: nobody waits for one that was acted on and is not due."""
        meta, status = resource.metadata, resource.status
        if status.uid != meta.uid or status.observed_generation != meta.generation:
            return Priority.EDIT
        late_at = schedule.late_at(status)
        if late_at is not None and self._clock.now() >= late_at:
            return Priority.LATE_RENEWAL
        return Priority.RESYNC


def _key(kind: str, meta: ObjectMeta) -> Key:
    return Key(kind, meta.namespace, meta.name)


def _name(kind: str, body: Mapping[str, Any]) -> str:
    meta = body.get("metadata", {})
    return f"{kind} {meta.get('namespace', '')}/{meta.get('name', '')}"
