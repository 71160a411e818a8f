"""Mark and sweep after a re-list: what was deleted while no watch stood leaves no DELETED event behind."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import msgspec

from mintmaster.api import kinds, names
from mintmaster.api.meta import ObjectMeta
from mintmaster.kube.errors import KubeError
from mintmaster.kube.paths import collection_path
from mintmaster.operator.queue import Key, Priority

if TYPE_CHECKING:
    from mintmaster.kube.client import Client
    from mintmaster.operator.gathering import Gatherer
    from mintmaster.operator.queue import FairQueue
    from mintmaster.operator.world import World

log = logging.getLogger(__name__)

QUIET_SECONDS = 2.0
"""How long to wait after the last sign of a re-list, so that one sweep serves for all of it."""

PAGE_SIZE = "500"


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

    def __init__(self, client: Client, world: World, queue: FairQueue, gatherer: Gatherer) -> None:
        self._client = client
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
            known = set(self._world.tokens[kind.kind])
            for key in known - await self._listed(kind.kind, kind.plural):
                if await self._gatherer.fresh(key) is None:
                    self._queue.put(key, Priority.RESYNC)

    async def _listed(self, kind: str, plural: str) -> set[Key]:
        params = {"limit": PAGE_SIZE}
        keys: set[Key] = set()
        while True:
            raw = await self._client.get(collection_path(names.API_VERSION, plural), params)
            page = _decode_page(raw)
            keys |= {Key(kind, item.metadata.namespace, item.metadata.name) for item in page.items}
            if not page.metadata.continue_:
                return keys
            params["continue"] = page.metadata.continue_
