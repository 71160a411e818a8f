"""Keeping the published status lists what they should be: signed when they change and before they end, not more often.

Level-triggered (I1): what should be published is compared with what is, every few seconds. A list that was deleted or
that an older backup brought back is written again for the same reason as one in which a token was revoked.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from mintmaster.kube.errors import AlreadyExists, Conflict, KubeError, NotFound
from mintmaster.kube.reflector import Reflector, Selection
from mintmaster.kube.status_lists import SELECTOR, SignedLists, collection, decode
from mintmaster.kube.versions import is_older
from mintmaster.lifecycle.status_list_issue import is_due, signed_now
from mintmaster.lifecycle.status_lists import id_of
from mintmaster.operator.leadership import LeadershipLost
from mintmaster.operator.setbacks import Overtaken
from mintmaster.tokens import status_list_token

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Set

    import msgspec

    from mintmaster.kube.client import Client
    from mintmaster.kube.clock import Clock, Skew
    from mintmaster.kube.reflector import ObjectKey
    from mintmaster.kube.status_lists import SignedList
    from mintmaster.lifecycle.status_lists import StatusList, StatusLists
    from mintmaster.operator.issuers import Issuers
    from mintmaster.operator.settings import StatusListSettings
    from mintmaster.tokens.keys import SigningKey
    from mintmaster.tokens.status_list_token import StatusListToken

log = logging.getLogger(__name__)

CLOSING_SECONDS = 3.0
"""How long the last look at shutdown may take; together with what was begun it is less than a Lease lasts."""


class SignedListSink:
    """Which lists are published, as the watch shows it; every one that can be read is taken up."""

    def __init__(self, lists: StatusLists) -> None:
        self._lists = lists
        self.by_id: dict[str, SignedList] = {}

    def put(self, found: SignedList) -> None:
        """A list lies so, by a list or by an own write; those of other shards are left alone."""
        if not self._lists.keeps(found.id):
            return
        self.by_id[found.id] = found
        if found.token is not None and id_of(found.token.uri) == found.id:
            self._lists.take_up(found.issuer, found.token.uri).outlive(found.needed_until)

    def upsert(self, raw: msgspec.Raw, *, listed: bool) -> None:
        """A ConfigMap stands so; an event that is older than an own write is none."""
        found = decode(raw)
        present = self.by_id.get(found.id)
        if present is None or listed or not _is_older(found, present):
            self.put(found)

    def delete(self, raw: msgspec.Raw) -> None:
        """A ConfigMap is gone."""
        gone = decode(raw)
        present = self.by_id.get(gone.id)
        if present is not None and present.metadata.uid == gone.metadata.uid:
            del self.by_id[gone.id]

    def listed(self, keys: Set[ObjectKey], resource_version: str) -> None:  # noqa: ARG002 - part of the protocol
        """A list is complete: what it does not name is gone, or was written since, which the next write finds out."""
        there = {key.uid for key in keys}
        self.by_id = {
            id_: found for id_, found in self.by_id.items() if found.metadata.uid in there
        }


class StatusListPublisher:
    """Publishes the lists of all issuers that the operator signs for."""

    def __init__(  # noqa: PLR0913 - what it is made of, once
        self,
        client: Client,
        namespace: str,
        lists: StatusLists,
        issuers: Issuers,
        settings: StatusListSettings,
        *,
        clock: Clock,
        skew: Skew,
        all_known: Callable[[], Awaitable[None]],
    ) -> None:
        """`all_known` waits until every resource that there is has been observed by `lists`."""
        self._lists = lists
        self._issuers = issuers
        self._settings = settings
        self._clock = clock
        self._skew = skew
        self._all_known = all_known
        self._store = SignedLists(client, namespace)
        self._published = SignedListSink(lists)
        selection = Selection(collection(namespace), labels=SELECTOR)
        self._watch = Reflector(client, selection, self._published)
        self._writing = asyncio.Lock()
        self.judges_all = False
        """Whether lists of other terms are looked at, too: once all resources are known."""
        self.behind = 0
        """How many lists could not be published as they should be, at the last look."""

    def __len__(self) -> int:
        return len(self._published.by_id)

    async def run(self) -> None:
        """Keep all lists up to date until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._watch.run())
            group.create_task(self._learn())
            group.create_task(self._keep())

    def relist(self) -> None:
        """Look anew at what is published: the database was restored from a backup."""
        self._watch.relist()

    async def close(self) -> None:
        """Give no more entries and publish that, when no issue is under way any more: it spares the next term a write.

        Where that fails, it is for the next term to find out.
        """
        for each in self._lists:
            each.close()
        try:
            async with asyncio.timeout(CLOSING_SECONDS):
                await self._look(own_only=not self.judges_all)
        except (TimeoutError, LeadershipLost):
            log.warning("the status lists could not be brought to their end in time")

    async def publish(self, status_list: StatusList) -> None:
        """Have a list published as it is. Raises Overtaken where nothing can sign it, and the API server's errors."""
        if not await self._attend(status_list):
            raise Overtaken("the issuer's keys have changed")

    async def _learn(self) -> None:
        """Find out when lists of other terms may be judged: a resource not known yet would seem to be gone."""
        await self._watch.synced.wait()
        while all(each.is_own for each in self._lists):  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(self._settings.pace)
        await self._all_known()
        self.judges_all = True

    async def _keep(self) -> None:
        await self._watch.synced.wait()
        while True:
            await asyncio.sleep(self._settings.pace)
            await self._look(own_only=not self.judges_all)

    async def _look(self, *, own_only: bool) -> None:
        """Bring every list to where it should be; what the API server refuses now is left to the next look."""
        behind = 0
        for each in self._lists:
            if own_only and not each.is_own:
                continue
            await asyncio.sleep(0)  # so that many lists keep nobody waiting
            if self._skew.exceeded:
                return
            try:
                behind += not await self._attend(each)
            except KubeError as error:
                log.warning("status list %s is tried again: %s", each.uri, error)
                behind += 1
        self.behind = behind

    async def _attend(self, status_list: StatusList) -> bool:
        """Publish or remove one list, if need be; False where nothing can sign it as it should be."""
        async with self._writing:
            self._lists.end_cut_short(self._now)
            if status_list.is_over(self._now):
                await self._remove(status_list)
                return True
            key = self._signer(status_list)
            if not self._is_due(status_list, key):
                return True
            if key is None:
                # Of an issuer that is gone nobody expects anything.
                return self._issuers.view(status_list.issuer) is None
            try:
                await self._write(status_list, key)
            except (AlreadyExists, Conflict, NotFound):
                await self._look_again(status_list.id)
                await self._write(status_list, key)
            return True

    def _is_due(self, status_list: StatusList, key: SigningKey | None) -> bool:
        return is_due(
            self._token(status_list),
            status_list.entries(),
            key.kid if key else "",
            self._now,
            self._settings.validity,
        )

    async def _write(self, status_list: StatusList, key: SigningKey) -> None:
        token = signed_now(
            status_list, self._token(status_list), self._now, self._settings.validity
        )
        text = status_list_token.sign(token, key)
        present = self._published.by_id.get(status_list.id)
        self._published.put(await self._store.write(status_list, text, present))

    def _token(self, status_list: StatusList) -> StatusListToken | None:
        """What is published of a list; None also where its ConfigMap holds something else."""
        present = self._published.by_id.get(status_list.id)
        token = present.token if present is not None else None
        return token if token is not None and token.uri == status_list.uri else None

    @property
    def _now(self) -> float:
        return self._clock.now().timestamp()

    async def _remove(self, status_list: StatusList) -> None:
        present = self._published.by_id.get(status_list.id)
        if present is not None:
            await self._store.remove(present)
            self._published.by_id.pop(status_list.id, None)
        self._lists.drop(status_list.uri)

    async def _look_again(self, id_: str) -> None:
        found = await self._store.read(id_)
        if found is None:
            self._published.by_id.pop(id_, None)
        else:
            self._published.put(found)

    def _signer(self, status_list: StatusList) -> SigningKey | None:
        """The key that signs for a list's issuer now; None while there is none, or it is the issuer of another URL."""
        view = self._issuers.view(status_list.issuer)
        if view is None or view.obstacle is not None or not view.signing_key_id:
            return None
        if not status_list.is_of(view.spec.url):
            return None
        return self._issuers.signing_key(status_list.issuer)


def _is_older(found: SignedList, present: SignedList) -> bool:
    same_life = found.metadata.uid == present.metadata.uid
    return same_life and is_older(
        found.metadata.resource_version, present.metadata.resource_version
    )
