"""Copies of collections kept up to date, how old they are (I17), and reading them anew where that is too old."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NoReturn

from mintmaster.api import kinds, names
from mintmaster.gate.sinks import IssuerSink, NamespaceSink, ResourceSink
from mintmaster.kube.paths import collection_path
from mintmaster.kube.reflector import Reflector, Selection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from mintmaster.gate.knowledge import Knowledge
    from mintmaster.kube.client import Client
    from mintmaster.kube.reflector import Sink

BOOKMARK_SECONDS = 75.0
"""How often an idle watch is sure to show that it is alive: bookmarks come about every minute."""

_CHECK_SECONDS = 0.5
"""How often it is looked whether a copy has to be read anew."""

DEFAULT_MAX_STALENESS = 600.0
"""Seconds; holds while there is no issuer to say otherwise."""


class Copy:
    """One collection, reflected; it can be read anew while the watch has nothing to tell."""

    def __init__(self, reflect: Callable[[], Reflector]) -> None:
        self._reflect = reflect
        self._reflector = reflect()
        self._contact_before = float("-inf")
        self._asked = asyncio.Event()
        self.listed = asyncio.Event()
        """Set once the first list is complete."""

    @property
    def last_contact(self) -> float:
        """When the copy was last known to be whole, on the monotonic clock, in seconds."""
        return max(self._contact_before, self._reflector.last_contact)

    def read_anew(self) -> None:
        """Have everything listed again: a list is a quorum read. Nothing happens while a list is under way."""
        if self._reflector.synced.is_set():
            self._asked.set()

    async def run(self) -> NoReturn:
        """Reflect until cancelled; raises only what the sink raises."""
        while True:
            async with asyncio.TaskGroup() as group:
                running = group.create_task(self._reflector.run())
                announcing = group.create_task(self._announce())
                await self._asked.wait()
                running.cancel()
                announcing.cancel()
            self._asked.clear()
            self._contact_before = self.last_contact
            self._reflector = self._reflect()

    async def _announce(self) -> None:
        await self._reflector.synced.wait()
        self.listed.set()


class Copies:
    """All that a gate watches: the collections that its answers are made from."""

    def __init__(
        self, client: Client, knowledge: Knowledge, monotonic: Callable[[], float]
    ) -> None:
        self._knowledge = knowledge
        self._monotonic = monotonic

        def copy(path: str, sink: Sink) -> Copy:
            return Copy(lambda: Reflector(client, Selection(path), sink, monotonic=monotonic))

        ours = names.API_VERSION
        token_kinds: Iterable[kinds.ResourceKind[kinds.TokenResource]] = kinds.TOKEN_KINDS
        self._copies = {
            kinds.TOKEN_ISSUER.plural: copy(
                collection_path(ours, kinds.TOKEN_ISSUER.plural), IssuerSink(knowledge)
            ),
            "namespaces": copy(collection_path("v1", "namespaces"), NamespaceSink(knowledge)),
        } | {
            kind.plural: copy(collection_path(ours, kind.plural), ResourceSink(knowledge, kind))
            for kind in token_kinds
        }

    @property
    def missing(self) -> tuple[str, ...]:
        """The collections that have never been listed in full."""
        return tuple(name for name, it in self._copies.items() if not it.listed.is_set())

    @property
    def age(self) -> float:
        """Seconds since the stalest copy was last known to be whole; infinite before all are listed."""
        oldest = min(copy.last_contact for copy in self._copies.values())
        return max(0.0, self._monotonic() - oldest)

    @property
    def strictest(self) -> float:
        """The least `maxStaleness` of all issuers, in seconds."""
        limits = [issuer.max_staleness for issuer in self._knowledge.issuers.values()]
        return min(limits, default=DEFAULT_MAX_STALENESS)

    async def run(self) -> None:
        """Keep all copies up to date until cancelled."""
        async with asyncio.TaskGroup() as group:
            for name, copy in self._copies.items():
                group.create_task(copy.run(), name=name)
            group.create_task(self._keep_fresh())

    async def _keep_fresh(self) -> NoReturn:
        """Read anew what bookmarks do not confirm often enough for an issuer with a short `maxStaleness`."""
        while True:
            await asyncio.sleep(_CHECK_SECONDS)
            limit = self.strictest
            if limit >= 2 * BOOKMARK_SECONDS:
                continue
            for copy in self._copies.values():
                if self._monotonic() - copy.last_contact > limit / 3:
                    copy.read_anew()
