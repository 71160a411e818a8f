"""What lists and events do: they update what is known and put a key into the queue, nothing else."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import msgspec

from mintmaster.api import decoding, kinds
from mintmaster.api.client_application import ClientApplication
from mintmaster.api.token_issuer import TokenIssuer
from mintmaster.lifecycle import client_ids, schedule
from mintmaster.operator.queue import Key, Priority

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mintmaster.api.kinds import Resource, TokenResource
    from mintmaster.api.meta import ObjectMeta
    from mintmaster.kube.clock import Clock
    from mintmaster.operator.holdback import Holdback
    from mintmaster.operator.queue import FairQueue
    from mintmaster.operator.tap import Meta
    from mintmaster.operator.world import World

log = logging.getLogger(__name__)

_KINDS: dict[str, kinds.ResourceKind[Resource]] = {kind.kind: kind for kind in kinds.ALL_KINDS}

_ECHOING = {kind.kind for kind in kinds.TOKEN_KINDS if kind is not kinds.CLIENT_APPLICATION}
"""Kinds of which an event that shows what is known has no consequence."""


class Inbox:
    """The listener of the pump."""

    def __init__(
        self,
        world: World,
        queue: FairQueue,
        holdback: Holdback,
        clock: Clock,
        *,
        relisted: Callable[[], None],
    ) -> None:
        self._world = world
        self._queue = queue
        self._holdback = holdback
        self._clock = clock
        self._relisted = relisted

    def saw(self, kind: str, body: Mapping[str, Any]) -> None:
        """An event shows that a resource stands so."""
        self._saw(kind, body, listed=False)

    def listed(self, kind: str, raw: msgspec.Raw) -> None:
        """A list shows that a resource stands so."""
        self._saw(kind, raw, listed=True)

    def is_echo(self, kind: str, meta: Meta) -> bool:
        """Whether an event shows what is known, as an own write does.

        Of a ClientApplication it is never certain: see `_revisit_rivals`.
        """
        if kind not in _ECHOING:
            return False
        known = self._world.tokens[kind].version_of(Key(kind, meta.namespace, meta.name))
        return known == (meta.uid, meta.resource_version)

    def _saw(self, kind: str, body: msgspec.Raw | Mapping[str, Any], *, listed: bool) -> None:
        """Take a resource in. One that can't be read is logged and left alone, with whatever it has."""
        try:
            resource = decoding.decode(_KINDS[kind], body)
        except decoding.MalformedResource as error:
            log.error("%s is not reconciled: %s", _name(kind, body), error)  # noqa: TRY400 - no traceback: not ours
            return
        key = _key(kind, resource.metadata)
        if isinstance(resource, TokenIssuer):
            self._saw_issuer(key, resource)
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
        if dropped and (cache is not None or self._is_ours(key)):
            self._queue.put(key, Priority.EDIT)

    def _saw_issuer(self, key: Key, issuer: TokenIssuer) -> None:
        if self._world.issuers.observe(key, issuer):
            self._queue.put(key, Priority.LATE_RENEWAL)

    def _saw_token(self, key: Key, resource: TokenResource, *, listed: bool) -> None:
        if listed and self._world.uid_of(key) is not None:
            self._relisted()
        if self._world.observe(key, resource, listed=listed) and self._is_ours(key):
            self._put(key, self._priority(resource) if listed else Priority.EDIT)
        if isinstance(resource, ClientApplication) and client_ids.has(resource):
            self._revisit_rivals(key, resource)

    def _put(self, key: Key, priority: Priority) -> None:
        if priority is Priority.RESYNC:
            self._holdback.put(key)
        else:
            self._queue.put(key, priority)

    def _revisit_rivals(self, key: Key, application: ClientApplication) -> None:
        """Have those looked at that have the same client id, as when one was not known yet at the other's turn.

        An own write that the watch shows is no news, but may be what makes them two.
        """
        for rival in self._world.rivals(key, application):
            its_key = _key(key.kind, rival.metadata)
            if client_ids.has(rival) and self._is_ours(its_key):
                self._queue.put(its_key, Priority.EDIT)

    def _is_ours(self, key: Key) -> bool:
        """Whether it is for this shard to work on; of others' resources, decisions here take note."""
        return self._world.shard.owns(key.namespace)

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


def _name(kind: str, body: msgspec.Raw | Mapping[str, Any]) -> str:
    if isinstance(body, msgspec.Raw):
        body = msgspec.json.decode(body, type=dict[str, Any])
    meta = body.get("metadata", {})
    return f"{kind} {meta.get('namespace', '')}/{meta.get('name', '')}"
