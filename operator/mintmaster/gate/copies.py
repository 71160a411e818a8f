"""Copies of collections kept up to date, how old they are (I17), and reading them anew where that is too old."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, NoReturn

import msgspec

from mintmaster.api import kinds, names
from mintmaster.gate.sinks import IssuerSink, NamespaceSink, ResourceSink, StatusListSink
from mintmaster.kube.errors import KubeError
from mintmaster.kube.paths import collection_path, object_path
from mintmaster.kube.poll import Poll
from mintmaster.kube.reflector import Reflector, Selection
from mintmaster.kube.status_lists import SELECTOR, collection
from mintmaster.kube.versions import is_older

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from mintmaster.gate.knowledge import Knowledge
    from mintmaster.gate.status_lists import PublishedLists
    from mintmaster.kube.client import Client
    from mintmaster.kube.reflector import Sink
    from mintmaster.kube.scope import Scope

log = logging.getLogger(__name__)

BOOKMARK_SECONDS = 75.0
"""How often an idle watch is sure to show that it is alive: bookmarks come about every minute."""

_CHECK_SECONDS = 0.5
"""How often it is looked whether a copy has to be read anew."""

_REWIND_CHECK_SECONDS = 5.0
"""How often it is looked whether the database was restored from a backup: one small request."""

DEFAULT_MAX_STALENESS = 600.0
"""Seconds; holds while there is no issuer to say otherwise."""


class Copy:
    """One collection, or a part of it, followed; it can be read anew while the watch has nothing to tell."""

    def __init__(
        self, follow: Callable[[], Reflector | Poll], sink: Sink, part: str | None = None
    ) -> None:
        self._follow = follow
        self._follower = follow()
        self._sink = sink
        self.part = part
        """Of which namespace; None: of all."""
        self._contact_before = float("-inf")
        self._asked = asyncio.Event()
        self.listed = asyncio.Event()
        """Set once the first list is complete."""

    @property
    def last_contact(self) -> float:
        """When the copy was last known to be whole, on the monotonic clock, in seconds."""
        return max(self._contact_before, self._follower.last_contact)

    @property
    def refused(self) -> bool:
        """Whether the API server says that it may not be read."""
        return self._follower.refused

    @property
    def position(self) -> str:
        """The version up to which the copy is whole; empty while there is none."""
        return self._follower.position

    def read_anew(self) -> None:
        """Have everything listed again: a list is a quorum read. Nothing happens while a list is under way."""
        if self._follower.synced.is_set():
            self._asked.set()

    def empty(self) -> None:
        """Forget what was copied."""
        self._sink.listed(frozenset(), "")

    async def run(self) -> NoReturn:
        """Follow until cancelled; raises only what the sink raises."""
        while True:
            async with asyncio.TaskGroup() as group:
                running = group.create_task(self._follower.run())
                announcing = group.create_task(self._announce())
                await self._asked.wait()
                running.cancel()
                announcing.cancel()
            self._asked.clear()
            self._contact_before = self.last_contact
            self._follower = self._follow()

    async def _announce(self) -> None:
        await self._follower.synced.wait()
        self.listed.set()


def _number(version: str) -> int:
    return int(version) if version.isdecimal() else -1


class _Version(msgspec.Struct, rename="camel"):
    resource_version: str = ""


class _List(msgspec.Struct):
    metadata: _Version


class Copies:
    """All that a gate watches: the collections that its answers are made from."""

    def __init__(  # noqa: PLR0913 - what there is to copy, where from and where to
        self,
        client: Client,
        knowledge: Knowledge,
        status_lists: PublishedLists,
        *,
        namespace: str,
        scope: Scope,
        monotonic: Callable[[], float],
    ) -> None:
        self._client = client
        self._knowledge = knowledge
        self._monotonic = monotonic
        self._scope = scope
        self._began = monotonic()
        self._copies: dict[str, Copy] = {}

        def watch(name: str, sink: Sink, selection: Selection, part: str | None = None) -> None:
            def follow() -> Reflector:
                return Reflector(client, selection, sink, monotonic=monotonic)

            self._copies[_titled(name, part)] = Copy(follow, sink, part)

        def poll(name: str, sink: Sink, path: str, part: str) -> None:
            def follow() -> Poll:
                return Poll(client, path, sink, monotonic=monotonic)

            self._copies[_titled(name, part)] = Copy(follow, sink, part)

        ours = names.API_VERSION
        token_kinds: Iterable[kinds.ResourceKind[kinds.TokenResource]] = kinds.TOKEN_KINDS
        issuers = kinds.TOKEN_ISSUER.plural
        watch(issuers, IssuerSink(knowledge), Selection(collection_path(ours, issuers)))
        lists = Selection(collection(namespace), labels=SELECTOR)
        watch("status lists", StatusListSink(status_lists), lists)
        for part in scope.parts:
            labels = NamespaceSink(knowledge, part)
            if part is None:
                watch("namespaces", labels, Selection(collection_path("v1", "namespaces")))
            else:
                # A Role in a namespace lets it be read by its name, and not be watched.
                poll("namespaces", labels, object_path("v1", "namespaces", None, part), part)
            for kind in token_kinds:
                selection = Selection(collection_path(ours, kind.plural, part))
                watch(kind.plural, ResourceSink(knowledge, kind, part), selection, part)

    @property
    def missing(self) -> tuple[str, ...]:
        """What has never been listed in full, and has to be."""
        return tuple(
            name
            for name, it in self._copies.items()
            if not it.listed.is_set() and not self._is_withdrawn(it)
        )

    @property
    def age(self) -> float:
        """Seconds since the stalest copy was last known to be whole; infinite before all are listed."""
        copies = self._copies.values()
        oldest = min(copy.last_contact for copy in copies if not self._is_withdrawn(copy))
        return max(0.0, self._monotonic() - oldest)

    def _is_withdrawn(self, copy: Copy) -> bool:
        """Whether one of several namespaces has refused to be read for so long that it is not served any more.

        The others are not to suffer from what somebody did to a Role there.
        """
        if copy.part is None or not copy.refused:
            return False
        return self._monotonic() - max(copy.last_contact, self._began) > self.strictest

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
            group.create_task(self._drop_withdrawn())
            group.create_task(self._notice_rewinds())

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

    async def _drop_withdrawn(self) -> NoReturn:
        """Forget what may not be read any more (I17): nothing is vouched for that is older than `maxStaleness`."""
        dropped: set[str] = set()
        while True:
            await asyncio.sleep(_CHECK_SECONDS)
            withdrawn = {name for name, it in self._copies.items() if self._is_withdrawn(it)}
            for name in withdrawn - dropped:
                log.error("%s: may not be read any more; their tokens are inactive from now", name)
                self._copies[name].empty()
            dropped = withdrawn

    async def _notice_rewinds(self) -> NoReturn:
        """Read everything anew when versions have gone back, as when a backup was restored (attacks 76).

        Watches would go on from versions that are still to come, and never tell what was lost.
        """
        before = ""
        while True:
            await asyncio.sleep(_REWIND_CHECK_SECONDS)
            # What the watches have shown since the last look counts, too: a backup may lie between the two.
            known = max((before, *self._positions()), key=_number)
            try:
                version = await self._version()
            except (KubeError, msgspec.DecodeError):
                before = known
                continue  # the watches tell of it
            if is_older(version, known):
                log.warning("the database of the API server went back in time: reading all anew")
                for copy in self._copies.values():
                    copy.read_anew()
            before = version

    def _positions(self) -> Iterator[str]:
        """How far the copies of our own kinds are, whose versions the look is at; others may have another database."""
        for kind in kinds.ALL_KINDS:
            for part in {None, *self._scope.parts}:
                copy = self._copies.get(_titled(kind.plural, part))
                if copy is not None:
                    yield copy.position

    async def _version(self) -> str:
        """The version of the whole database, by a quorum read."""
        path = collection_path(names.API_VERSION, kinds.TOKEN_ISSUER.plural)
        body = await self._client.get(path, {"limit": "1"})
        return msgspec.json.decode(body, type=_List).metadata.resource_version


def _titled(what: str, part: str | None) -> str:
    return f"{what} of {part}" if part else what
