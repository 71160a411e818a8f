"""Mark and sweep after a re-list: what was deleted while no watch stood leaves no DELETED event behind."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from itertools import chain, islice
from typing import TYPE_CHECKING

import msgspec

from mintmaster.api import kinds, names
from mintmaster.api.meta import ObjectMeta
from mintmaster.kube.backoff import Backoff
from mintmaster.kube.errors import KubeError
from mintmaster.kube.paths import collection_path
from mintmaster.operator.queue import Key, Priority

if TYPE_CHECKING:
    from mintmaster.kube.client import Client
    from mintmaster.kube.scope import Scope
    from mintmaster.operator.gathering import Gatherer
    from mintmaster.operator.queue import FairQueue
    from mintmaster.operator.world import World

log = logging.getLogger(__name__)

QUIET_SECONDS = 2.0
"""How long to wait after the last sign of a re-list, so that one sweep serves for all of it."""

PAGE_SIZE = "500"

PROBES = 10
"""How many resources are read at a time that kopf does not hand over: they are gone, or it has not come so far."""


class _ListMeta(msgspec.Struct):
    continue_: str = msgspec.field(default="", name="continue")


class _Item(msgspec.Struct):
    metadata: ObjectMeta


class _Page(msgspec.Struct):
    metadata: _ListMeta
    items: list[_Item] = []


_decode_page = msgspec.json.Decoder(_Page).decode


class Sweep:
    """Finds resources that are known but gone, whenever kopf has listed anew."""

    def __init__(
        self, client: Client, scope: Scope, world: World, queue: FairQueue, gatherer: Gatherer
    ) -> None:
        self._client = client
        self._scope = scope
        self._world = world
        self._queue = queue
        self._gatherer = gatherer
        self._wanted = asyncio.Event()

    def request(self) -> None:
        """Ask for a sweep; requests that come close together are one."""
        self._wanted.set()

    async def run(self) -> None:
        """Sweep whenever asked to, for ever."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            await asyncio.sleep(QUIET_SECONDS)
            if self._wanted.is_set():
                continue
            try:
                await self.sweep()
            except KubeError as error:
                log.info("the sweep is tried again: %s", error)
                self._wanted.set()

    async def sweep(self) -> None:
        """Look for each known resource in a list, and one by one for those that are not in it."""
        for kind in kinds.TOKEN_KINDS:
            caches = (self._world.tokens, self._world.elsewhere)
            known = {key for cache in caches for key in cache[kind.kind]}
            listed = await self._listed(kind.kind, kind.plural)
            # Of what may not be listed now nothing is said.
            judged = {key for key in known if not listed.keys().isdisjoint({None, key.namespace})}
            for key in judged.difference(*listed.values()):
                if await self._gatherer.fresh(key) is None:
                    self._queue.put(key, Priority.RESYNC)

    async def until_all_known(self) -> None:
        """Wait until every resource that a list shows now is known, or gone, or beyond reading.

        kopf does not tell when it has handed over all that it listed. Holds on through outages of the API server.
        """
        unknown: set[Key] | None = None
        for delay in Backoff(cap=5.0):
            try:
                unknown = await self._unknown(unknown)
            except KubeError as error:
                log.info("the resources are counted again: %s", error)
            if unknown is not None and not unknown:
                return
            await asyncio.sleep(delay)

    async def _unknown(self, before: set[Key] | None) -> set[Key]:
        """The resources that are not known yet, among those that were not before; of all that there are at first."""
        if before is None:
            listed = [await self._listed(kind.kind, kind.plural) for kind in kinds.TOKEN_KINDS]
            found = chain.from_iterable(keys for parts in listed for keys in parts.values())
            return {key for key in found if not self._is_known(key)}
        left = {key for key in before if not self._is_known(key)}
        if len(left) < len(before):
            return left
        return left - {
            key for key in islice(left, PROBES) if not await self._gatherer.is_readable(key)
        }

    def _is_known(self, key: Key) -> bool:
        return self._world.uid_of(key) is not None

    async def _listed(self, kind: str, plural: str) -> dict[str | None, set[Key]]:
        return await self._scope.read(partial(self._listed_in, kind, plural))

    async def _listed_in(self, kind: str, plural: str, namespace: str | None) -> set[Key]:
        params = {"limit": PAGE_SIZE}
        keys: set[Key] = set()
        while True:
            raw = await self._client.get(
                collection_path(names.API_VERSION, plural, namespace), params
            )
            page = _decode_page(raw)
            keys |= {Key(kind, item.metadata.namespace, item.metadata.name) for item in page.items}
            if not page.metadata.continue_:
                return keys
            params["continue"] = page.metadata.continue_
