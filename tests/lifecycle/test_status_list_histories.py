"""Status lists through issues, crashes, changes of leadership and restored backups, in any order."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from typing import TYPE_CHECKING
from unittest import mock

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from lifecycle.build import NOW, having, meta
from lifecycle.listed import HOUR, ISSUER, KEY, URL, VALIDITY, is_invalid, record, resource
from mintmaster.lifecycle import status_lists
from mintmaster.lifecycle.status_list_issue import is_due, signed_now
from mintmaster.lifecycle.status_lists import StatusLists

if TYPE_CHECKING:
    from datetime import datetime

    from mintmaster.api.kinds import TokenResource
    from mintmaster.lifecycle.status_lists import StatusList
    from mintmaster.tokens.status_list_token import StatusListToken


@dataclass(frozen=True)
class Minted:
    """A token that somebody may hold, whatever became of its issue."""

    id: str
    uri: str
    index: int
    expires_at: datetime


@dataclass
class Stored:
    """What the API server holds: it outlives every operator, and may come back from a backup."""

    resources: dict[str, TokenResource] = field(default_factory=dict)
    lists: dict[str, StatusListToken] = field(default_factory=dict)


class Histories(RuleBasedStateMachine):
    """One issuer, a few resources, and terms of leadership that end in every way.

    Lists are so short here that entries meet: whoever gives one twice is caught.
    """

    def __init__(self) -> None:
        super().__init__()
        self.short = mock.patch.multiple(status_lists, ENTRIES=16, CAPACITY=12)
        self.short.start()
        self.now = NOW
        self.stored = Stored()
        self.backup = Stored()
        self.minted: list[Minted] = []
        self.numbers = count(1)
        self.published_uris: set[str] = set()
        self.begin_term()

    def teardown(self) -> None:
        self.short.stop()

    # Terms ----------------------------------------------------------------------------------------

    def begin_term(self) -> None:
        self.lists = StatusLists()
        self.open: StatusList | None = None
        self.take_in()

    def take_in(self) -> None:
        for uri in self.stored.lists:
            self.lists.take_up(ISSUER, uri).outlive(self.needed_until(uri))
        for name, found in self.stored.resources.items():
            self.lists.observe(name, found)

    def needed_until(self, uri: str) -> float:
        ends = [token.expires_at.timestamp() for token in self.minted if token.uri == uri]
        return max(ends, default=0.0)

    @rule()
    def leader_crashes(self) -> None:
        self.begin_term()

    @rule()
    def leader_stops_in_order_and_the_next_has_nothing_to_write(self) -> None:
        for each in self.lists:
            each.close()
        self.look()
        self.begin_term()
        before = dict(self.stored.lists)
        self.look()
        assert self.stored.lists == before

    @rule()
    def database_is_backed_up(self) -> None:
        self.backup = copy.deepcopy(self.stored)

    @rule(dies=st.booleans())
    def database_is_restored(self, dies: bool) -> None:
        """With the leader alive, which sees all resources anew, or dead."""
        for name in self.stored.resources.keys() - self.backup.resources.keys():
            self.lists.forget(name)
        self.stored = copy.deepcopy(self.backup)
        if dies:
            self.begin_term()
        else:
            self.take_in()

    # Issues ---------------------------------------------------------------------------------------

    def mint(self, name: str) -> tuple[Minted, StatusList]:
        lifetime = HOUR * (1 + next(self.numbers) % 5)
        expires_at = self.now + lifetime
        if self.open is None or self.open.is_full:
            self.open = self.lists.open(ISSUER, URL)
            self.open.outlive(expires_at.timestamp())
            assert self.open.uri not in self.published_uris
            self.published_uris.add(self.open.uri)
            self.publish(self.open)
        index = self.open.give(expires_at.timestamp())
        token = Minted(f"{name}.{next(self.numbers)}", self.open.uri, index, expires_at)
        assert not is_invalid(self.stored_entries(token.uri), index), (
            "a copy that is older than the token calls it invalid"
        )
        self.minted.append(token)
        return token, self.open

    def stored_entries(self, uri: str) -> bytes:
        found = self.stored.lists.get(uri)
        return found.entries if found is not None else self.open_entries(uri)

    def open_entries(self, uri: str) -> bytes:
        """A restored backup may lack a list that is still open; it is published again at the next look."""
        assert self.open is not None
        assert self.open.uri == uri
        return self.open.entries()

    @rule(name=st.sampled_from("abc"), overlap=st.sampled_from([0, 5, 90]))
    def token_is_issued(self, name: str, overlap: int) -> None:
        token, given_by = self.mint(name)
        end = self.now + timedelta(minutes=overlap)
        present = self.stored.resources.get(name)
        uid = present.metadata.uid if present else f"uid-{next(self.numbers)}"
        former = present.status.tokens if present else ()
        kept = tuple(
            msgspec.structs.replace(it, valid_until=min(it.valid_until or end, end))
            for it in former
            if it.valid_until is None or self.now < it.valid_until
        )
        fresh = record(token.uri, token.index, expires_at=token.expires_at, id_=token.id)
        self.put(name, resource(name, uid, fresh, *kept))
        given_by.settle(token.index)

    @rule(name=st.sampled_from("abc"))
    def issue_comes_to_nothing(self, name: str) -> None:
        token, given_by = self.mint(name)
        given_by.settle(token.index)

    @rule(name=st.sampled_from("abc"))
    def leader_crashes_between_secret_and_status(self, name: str) -> None:
        self.mint(name)
        self.begin_term()

    # What people do -------------------------------------------------------------------------------

    def put(self, name: str, found: TokenResource) -> None:
        self.stored.resources[name] = found
        self.lists.observe(name, found)

    @rule(name=st.sampled_from("abc"))
    def resource_is_revoked(self, name: str) -> None:
        if name in self.stored.resources:
            self.put(name, having("revoked", True)(self.stored.resources[name]))

    @rule(name=st.sampled_from("abc"))
    def resource_is_on_its_way_out(self, name: str) -> None:
        if name in self.stored.resources:
            self.put(name, meta("deletion_timestamp", self.now)(self.stored.resources[name]))

    @rule(name=st.sampled_from("abc"), seen=st.booleans())
    def resource_is_deleted(self, name: str, seen: bool) -> None:
        """Where the leader does not see it, it is away and another comes."""
        self.stored.resources.pop(name, None)
        if seen:
            self.lists.forget(name)
        else:
            self.begin_term()

    @rule(name=st.sampled_from("abc"))
    def resource_is_created_again_with_its_former_status(self, name: str) -> None:
        if name in self.stored.resources:
            self.put(name, meta("uid", f"uid-{next(self.numbers)}")(self.stored.resources[name]))

    @rule(minutes=st.sampled_from([1, 5, 61, 400, 720]))
    def time_passes(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)

    # What is published ----------------------------------------------------------------------------

    def look(self) -> None:
        now = self.now.timestamp()
        self.lists.end_cut_short(now)
        for each in self.lists:
            if each.is_over(now):
                self.stored.lists.pop(each.uri, None)
                self.lists.drop(each.uri)
            elif is_due(self.stored.lists.get(each.uri), each.entries(), KEY, now, VALIDITY):
                self.publish(each)

    def publish(self, each: StatusList) -> None:
        signed = signed_now(each, self.stored.lists.get(each.uri), self.now.timestamp(), VALIDITY)
        self.stored.lists[each.uri] = msgspec.structs.replace(signed, key_id=KEY)

    @invariant()
    def no_two_tokens_share_an_entry(self) -> None:
        places = [(token.uri, token.index) for token in self.minted]
        assert len(places) == len(set(places))

    @precondition(lambda self: self.minted)
    @rule()
    def lists_say_what_is_active(self) -> None:
        self.look()
        active = {
            record.id: record
            for found in self.stored.resources.values()
            for record in found.status.tokens
            if self.counts(found) and record.valid_until and self.now < record.valid_until
        }
        for token in self.minted:
            if self.now < token.expires_at:
                self.see(token, active=token.id in active)

    def counts(self, found: TokenResource) -> bool:
        on_its_way_out = found.metadata.deletion_timestamp is not None
        own = found.status.uid == found.metadata.uid
        return own and not found.spec.revoked and not on_its_way_out

    def see(self, token: Minted, *, active: bool) -> None:
        found = self.stored.lists.get(token.uri)
        if found is None:
            assert not active
            return
        assert is_invalid(found.entries, token.index) is not active
        assert found.expires_at > self.now.timestamp()


TestHistories = Histories.TestCase
TestHistories.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
