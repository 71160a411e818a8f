"""Token Status Lists: which entry is whose token's, and what each list has to say (draft-ietf-oauth-status-list).

A list belongs to one term of leadership and is named by chance. A term gives entries of its own lists only, each
once, and knows from memory which it has given. So no crash, no second leader and no restored backup makes it give
one twice.

What a list says is computed from what the statuses of live resources name, and is kept nowhere else: whatever no live
resource names is INVALID. Only entries that nobody was given yet are VALID while their list is open: verifiers keep a
list for a while, and a token that is issued meanwhile must be good in the copy that they have. That ends with the
term, since nobody knows any more then which were given.

The clock is the caller's; instants are POSIX seconds.
"""

from __future__ import annotations

import heapq
import math
import re
import secrets
from typing import TYPE_CHECKING, NamedTuple

from mintmaster.lifecycle.known import seconds
from mintmaster.lifecycle.shard import ALONE

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    from mintmaster.api.kinds import TokenResource
    from mintmaster.api.status import TokenRecord
    from mintmaster.lifecycle.shard import Shard

ENTRIES = 2**17
"""Entries of a list: 16 KiB unpacked, at most 30 KB signed, far below what an object may have (1 MiB). All lists have
had this many, so another number needs lists that know their own."""

CAPACITY = ENTRIES * 3 // 4
"""How many entries of a list are given before the next list is opened: indexes are drawn until one is free."""

_OCTETS = ENTRIES // 8
_ALL = (1 << ENTRIES) - 1

_URI = re.compile(r"(?P<issuer>.+)/status-lists/(?P<id>[0-9a-f]{32}(-[0-9]{1,9}-of-[0-9]{1,9})?)")


def uri_of(issuer_url: str, id_: str) -> str:
    """Where the list of an issuer is published."""
    return f"{issuer_url.rstrip('/')}/status-lists/{id_}"


def id_of(uri: str) -> str:
    """The id of the list at a URI; empty where there can be none of ours."""
    match = _URI.fullmatch(uri)
    return match["id"] if match else ""


class Entry(NamedTuple):
    """An entry that a live resource names."""

    uri: str
    position: int
    expires_at: float
    """When the token expires: nobody asks for its entry afterwards."""
    cut_at: float
    """When its time ends early, by the end of an overlap or because it was made void; infinite if it does not."""


def entries_of(resource: TokenResource) -> tuple[Entry, ...]:
    """The entries that a resource names; none if it is revoked, on its way out, or its status is of another life."""
    meta, status = resource.metadata, resource.status
    if status.uid != meta.uid or meta.deletion_timestamp is not None or resource.spec.revoked:
        return ()
    entries = (_entry(record) for record in status.tokens)
    return tuple(entry for entry in entries if entry is not None)


def _entry(record: TokenRecord) -> Entry | None:
    uri, index = record.status_list, record.status_index
    if uri is None or index is None or index >= ENTRIES or not id_of(uri):
        return None
    expires_at = seconds(record.expires_at, math.inf)
    valid_until = seconds(record.valid_until, math.inf)
    return Entry(uri, index, expires_at, valid_until if valid_until < expires_at else math.inf)


class Bits:
    """A set of indexes, one bit each."""

    def __init__(self) -> None:
        self._octets = bytearray(_OCTETS)

    def __contains__(self, index: int) -> bool:
        return bool(self._octets[index >> 3] & 1 << (index & 7))

    def add(self, index: int) -> None:
        """Put an index in."""
        self._octets[index >> 3] |= 1 << (index & 7)

    def discard(self, index: int) -> None:
        """Take an index out, if it is in."""
        self._octets[index >> 3] &= ~(1 << (index & 7))

    def __int__(self) -> int:
        return int.from_bytes(self._octets, "little")


class StatusList:
    """One list; open while the term that gives its entries lasts."""

    def __init__(self, issuer: str, uri: str, *, is_own: bool = False) -> None:
        self.issuer = issuer
        self.uri = uri
        self.id = id_of(uri)
        self.is_own = is_own
        """Whether this term opened it."""
        self.expires_at = 0.0
        """When the last token that is known to have an entry expires."""
        self._named = Bits()
        self._given = Bits() if is_own else None
        """None of a list of another term: nobody knows, so all count as given."""
        self._given_count = 0
        self._under_way: set[int] = set()

    def is_of(self, url: str) -> bool:
        """Whether it is a list of the issuer of that URL."""
        return self.uri == uri_of(url, self.id)

    @property
    def is_open(self) -> bool:
        """Whether entries of it may still be given."""
        return self._given is not None

    @property
    def is_full(self) -> bool:
        """Whether no more entries are to be given."""
        return self._given_count >= CAPACITY

    def give(self, expires_at: float) -> int:
        """Give an entry to a token that is about to be minted, at random, so that it does not tell the order of issues.

        The entry is VALID until `settle` is called for it.
        """
        if self._given is None:
            raise ValueError("only the term that opened a list may give its entries")
        index = secrets.randbelow(ENTRIES)
        while index in self._given:
            index = secrets.randbelow(ENTRIES)
        self._given.add(index)
        self._given_count += 1
        self._under_way.add(index)
        self.outlive(expires_at)
        return index

    def settle(self, index: int) -> None:
        """The issue is over: from now on the entry is what the statuses make of it."""
        self._under_way.discard(index)

    def close(self) -> None:
        """Give no more: whatever is not named is INVALID from now on."""
        self._given = None
        self._under_way.clear()

    def name(self, entry: Entry) -> None:
        """A live resource names the entry."""
        self._named.add(entry.position)
        self.outlive(entry.expires_at)

    def unname(self, index: int) -> None:
        """No live resource names the entry any more."""
        self._named.discard(index)

    def outlive(self, expires_at: float) -> None:
        """Keep the list at least until then."""
        self.expires_at = max(self.expires_at, expires_at)

    def is_over(self, now: float) -> bool:
        """Whether all tokens with an entry have expired, and no more are given one."""
        return now >= self.expires_at and (self.is_full or not self.is_open)

    def entries(self) -> bytes:
        """What is to be published: one bit per index, 1 is INVALID."""
        given = int(self._given) if self._given is not None else _ALL
        invalid = given & ~int(self._named)
        for index in self._under_way:
            invalid &= ~(1 << index)
        return invalid.to_bytes(_OCTETS, "little")


class StatusLists:
    """All lists that resources name, or that this term opened; kept up to date one resource at a time."""

    def __init__(self, shard: Shard = ALONE) -> None:
        """`shard` is whose lists these are; those of others are left out."""
        self._shard = shard
        self._lists: dict[str, StatusList] = {}
        self._named_by: dict[Hashable, tuple[Entry, ...]] = {}
        self._cuts: list[tuple[float, Entry, Hashable]] = []

    def __iter__(self) -> Iterator[StatusList]:
        return iter(list(self._lists.values()))

    def __contains__(self, uri: str) -> bool:
        return uri in self._lists

    def open(self, issuer: str, url: str) -> StatusList:
        """Open a list of this term, for an issuer of that name and URL."""
        uri = uri_of(url, secrets.token_hex(16) + self._shard.list_suffix)
        opened = self._lists[uri] = StatusList(issuer, uri, is_own=True)
        return opened

    def keeps(self, id_: str) -> bool:
        """Whether it is for this shard to say what a list contains."""
        return self._shard.owns_status_list(id_)

    def take_up(self, issuer: str, uri: str) -> StatusList:
        """The list at a URI, which another term opened if it is not known."""
        if uri not in self._lists:
            self._lists[uri] = StatusList(issuer, uri)
        return self._lists[uri]

    def drop(self, uri: str) -> None:
        """Forget a list that is over."""
        self._lists.pop(uri, None)

    def observe(self, holder: Hashable, resource: TokenResource) -> None:
        """A resource stands so."""
        entries = tuple(it for it in entries_of(resource) if self.keeps(id_of(it.uri)))
        if entries == self._named_by.get(holder, ()):
            return
        self.forget(holder)
        self._named_by[holder] = entries
        for entry in entries:
            self.take_up(resource.spec.issuer_ref.name, entry.uri).name(entry)
            if entry.cut_at < math.inf:
                heapq.heappush(self._cuts, (entry.cut_at, entry, holder))

    def forget(self, holder: Hashable) -> None:
        """A resource is gone."""
        for entry in self._named_by.pop(holder, ()):
            self._unname(entry)

    def end_cut_short(self, now: float) -> None:
        """Let the entries of tokens end whose time was cut short and is over."""
        while self._cuts and self._cuts[0][0] <= now:
            _, entry, holder = heapq.heappop(self._cuts)
            if entry in self._named_by.get(holder, ()):
                self._unname(entry)

    def _unname(self, entry: Entry) -> None:
        known = self._lists.get(entry.uri)
        if known is not None:
            known.unname(entry.position)
