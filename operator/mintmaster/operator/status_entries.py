"""Giving an entry of a status list to each token of issuers that have lists, before it is minted."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from mintmaster.api.token_spec import Delivery, Format
from mintmaster.kube.errors import Forbidden, Invalid
from mintmaster.operator.setbacks import Refused, refusal
from mintmaster.tokens.claims import StatusListEntry

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from mintmaster.lifecycle.decision import Issue
    from mintmaster.lifecycle.facts import Facts
    from mintmaster.lifecycle.issuer_view import IssuerView
    from mintmaster.lifecycle.status_lists import StatusList, StatusLists
    from mintmaster.operator.status_lists import StatusListPublisher


class StatusEntries:
    """Gives entries of lists that this term of leadership opened, the first of each issuer at its first issue."""

    def __init__(self, lists: StatusLists, publisher: StatusListPublisher) -> None:
        self._lists = lists
        self._publisher = publisher
        self._open: dict[str, StatusList] = {}
        self._opening: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    @asynccontextmanager
    async def given(self, facts: Facts, issue: Issue) -> AsyncIterator[StatusListEntry | None]:
        """Give an entry for the length of an issue; afterwards it is good only if a status names it.

        None where the token gets none: opaque ones, those of callers, and those of issuers without lists. Raises
        Refused where a list cannot be published, and the errors of the API server.
        """
        if not _wants_entry(facts, issue):
            yield None
            return
        assert issue.lifetime is not None  # noqa: S101 - only opaque tokens may live without end
        expires_at = (facts.now + issue.lifetime).timestamp()
        current = await self._list_of(facts.known_issuer, expires_at)
        index = current.give(expires_at)
        try:
            yield StatusListEntry(idx=index, uri=current.uri)
        finally:
            current.settle(index)

    async def _list_of(self, issuer: IssuerView, expires_at: float) -> StatusList:
        """The open list of an issuer; a new one is published before anybody hears of it."""
        async with self._opening[issuer.name]:
            current = self._open.get(issuer.name)
            if current is None or current.is_full or not current.is_of(issuer.spec.url):
                current = await self._opened(issuer, expires_at)
                self._open[issuer.name] = current
            return current

    async def _opened(self, issuer: IssuerView, expires_at: float) -> StatusList:
        opened = self._lists.open(issuer.name, issuer.spec.url)
        opened.outlive(expires_at)
        try:
            await self._publisher.publish(opened)
        except BaseException as error:
            # It may have been written all the same: then nothing is lost but a list that nobody names.
            self._lists.drop(opened.uri)
            if isinstance(error, Forbidden | Invalid):
                raise Refused(refusal("a status list", error)) from error
            raise
        return opened


def _wants_entry(facts: Facts, issue: Issue) -> bool:
    return (
        facts.known_issuer.spec.status_list
        and issue.format == Format.JWT
        and facts.resource.spec.delivery == Delivery.SECRET
    )
