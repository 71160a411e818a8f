"""Serving status lists as the operator signed them (draft-ietf-oauth-status-list, section 8)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from mintmaster.gate.documents import entity_tag, names
from mintmaster.gate.messages import Answer, come_back, oauth_error
from mintmaster.lifecycle.status_lists import uri_of
from mintmaster.tokens.status_list_token import MEDIA_TYPE

if TYPE_CHECKING:
    from collections.abc import Set

    from mintmaster.gate.issuer import KnownIssuer
    from mintmaster.gate.messages import IssuerRequest
    from mintmaster.kube.clock import Clock
    from mintmaster.kube.status_lists import SignedList

MAX_AGE = 10
"""Seconds that caches on the way may keep a list: verifiers keep it for its `ttl` on top of that."""


@dataclass(frozen=True, slots=True)
class PublishedList:
    """A list, ready to be served."""

    uid: str
    uri: str
    issued_at: int
    expires_at: int
    body: bytes
    tag: bytes


class PublishedLists:
    """The lists of all issuers, by URI. An older signature never replaces a newer one, as from a restored backup."""

    def __init__(self) -> None:
        self._lists: dict[str, PublishedList] = {}

    def observe(self, found: SignedList) -> None:
        """Take in a list as it lies in its ConfigMap."""
        token = found.token
        if token is None or not token.uri.endswith(f"/{found.id}"):
            return
        before = self._lists.get(token.uri)
        if before is not None and token.issued_at < before.issued_at:
            return
        body = found.text.encode()
        self._lists[token.uri] = PublishedList(
            uid=found.metadata.uid,
            uri=token.uri,
            issued_at=token.issued_at,
            expires_at=token.expires_at,
            body=body,
            tag=entity_tag(body),
        )

    def forget(self, id_: str) -> None:
        """Drop a list that is gone."""
        self._lists = {
            uri: each for uri, each in self._lists.items() if not uri.endswith(f"/{id_}")
        }

    def keep_only(self, uids: Set[str]) -> None:
        """Drop the lists that a complete list of ConfigMaps does not name."""
        self._lists = {uri: each for uri, each in self._lists.items() if each.uid in uids}

    def find(self, issuer: KnownIssuer, id_: str) -> PublishedList | None:
        """The list of that id, if it is this issuer's."""
        return self._lists.get(uri_of(issuer.url, id_))


@dataclass(frozen=True, slots=True)
class ServedLists:
    """`GET /status-lists/{id}`."""

    lists: PublishedLists
    clock: Clock

    async def __call__(self, request: IssuerRequest) -> Answer:
        """Answer with the signed list; 503 where its time is over and no other is to be had."""
        found = self.lists.find(request.issuer, request.path.rpartition("/")[2])
        if found is None:
            raise oauth_error(404, "not_found", "there is no such status list")
        if b"time" in parse_qs(request.query, keep_blank_values=True):
            # Section 8.4: what an entry was at another time is not known here.
            raise oauth_error(501, "not_implemented", "only the present list is to be had")
        left = found.expires_at - self.clock.now().timestamp()
        if left <= 0:
            raise come_back("the status list has expired, and no newer one has been signed")
        headers = (
            # Section 8.1: pages in a browser verify tokens, too.
            (b"access-control-allow-origin", b"*"),
            (b"cache-control", b"public, max-age=%d" % min(MAX_AGE, left)),
            (b"etag", found.tag),
        )
        if names(request, found.tag):
            return Answer(304, headers=headers)
        return Answer(200, found.body, MEDIA_TYPE.encode(), headers)
