"""What one status list says, when it is signed, and what a change costs."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec
import pytest

from lifecycle.build import NOW
from lifecycle.listed import ISSUER, KEY, URL, VALIDITY, is_invalid, record, resource
from mintmaster.lifecycle.status_list_issue import is_due, signed_now
from mintmaster.lifecycle.status_lists import ENTRIES, StatusList, StatusLists, id_of, uri_of

if TYPE_CHECKING:
    from datetime import datetime

    from mintmaster.tokens.status_list_token import StatusListToken

# One list -----------------------------------------------------------------------------------------


def test_an_open_list_calls_valid_what_is_named_under_way_or_not_given_yet() -> None:
    lists = StatusLists()
    opened = lists.open(ISSUER, URL)
    assert not any(opened.entries())
    first, second = opened.give(1.0), opened.give(1.0)
    opened.settle(first)
    assert is_invalid(opened.entries(), first)
    assert not is_invalid(opened.entries(), second)
    lists.observe("ada", resource("ada", "uid", record(opened.uri, first)))
    assert not is_invalid(opened.entries(), first)


def test_a_closed_list_calls_valid_only_what_is_named() -> None:
    lists = StatusLists()
    opened = lists.open(ISSUER, URL)
    named = opened.give(1.0)
    lists.observe("ada", resource("ada", "uid", record(opened.uri, named)))
    opened.close()
    invalid = sum(octet.bit_count() for octet in opened.entries())
    assert invalid == ENTRIES - 1
    assert not is_invalid(opened.entries(), named)
    with pytest.raises(ValueError, match="only the term that opened a list"):
        opened.give(1.0)


def test_entries_are_given_in_no_order() -> None:
    given = [StatusLists().open(ISSUER, URL).give(1.0) for _ in range(64)]
    assert len(set(given)) > 32
    opened = StatusLists().open(ISSUER, URL)
    later = [opened.give(1.0) for _ in range(64)]
    assert later != sorted(later)


def test_a_hundred_thousand_tokens_fit_and_one_change_costs_one_bit() -> None:
    lists = StatusLists()
    opened = lists.open(ISSUER, URL)
    places: list[tuple[str, int]] = []
    while len(places) < 100_000:
        if opened.is_full:
            opened = lists.open(ISSUER, URL)
        places.append((opened.uri, opened.give(1.0)))
        opened.settle(places[-1][1])
    assert len(set(places)) == 100_000
    assert len(list(lists)) == 2
    base, token = resource("r", "uid"), record("", 0)
    for number, (uri, index) in enumerate(places):
        named = msgspec.structs.replace(token, status_list=uri, status_index=index)
        held = msgspec.structs.replace(base.status, tokens=(named,))
        lists.observe(number, msgspec.structs.replace(base, status=held))
    before = {each.uri: int.from_bytes(each.entries()) for each in lists}
    lists.forget(4711)
    after = {each.uri: int.from_bytes(each.entries()) for each in lists}
    changed = [(before[uri] ^ after[uri]).bit_count() for uri in before]
    assert sorted(changed) == [0, 1]


def test_the_end_of_an_overlap_is_the_end_of_an_entry_but_expiry_alone_changes_nothing() -> None:
    lists = StatusLists()
    uri = uri_of(URL, "0" * 32)
    cut = record(uri, 1, valid_until=NOW + timedelta(minutes=5))
    lists.observe("ada", resource("ada", "uid", cut, record(uri, 2)))
    [each] = lists
    lists.end_cut_short((NOW + timedelta(minutes=4)).timestamp())
    assert [is_invalid(each.entries(), index) for index in (1, 2)] == [False, False]
    lists.end_cut_short((NOW + timedelta(hours=2)).timestamp())
    assert [is_invalid(each.entries(), index) for index in (1, 2)] == [True, False]
    assert each.is_over((NOW + timedelta(hours=2)).timestamp())


def test_a_token_whose_time_was_cut_short_long_ago_is_none_of_those_that_count() -> None:
    lists = StatusLists()
    uri = uri_of(URL, "0" * 32)
    lists.observe("ada", resource("ada", "uid", record(uri, 1, valid_until=NOW)))
    lists.end_cut_short(NOW.timestamp())
    [each] = lists
    assert is_invalid(each.entries(), 1)


@pytest.mark.parametrize(
    ("uri", "index"),
    [
        ("https://tokens.example.org/status-lists/short", 1),
        ("https://tokens.example.org/status-lists/" + "../" * 11, 1),
        ("", 1),
        (uri_of(URL, "0" * 32), ENTRIES),
    ],
)
def test_a_status_that_names_what_cannot_be_is_not_taken_up(uri: str, index: int) -> None:
    lists = StatusLists()
    lists.observe("ada", resource("ada", "uid", record(uri, index)))
    assert not list(lists)


def test_ids_are_found_in_uris_whatever_the_issuers_url() -> None:
    for url in (URL, f"{URL}/", f"{URL}/a/b"):
        uri = uri_of(url, "a" * 32)
        assert id_of(uri) == "a" * 32
        assert StatusList(ISSUER, uri).is_of(url)
        assert not StatusList(ISSUER, uri).is_of("https://elsewhere.example.org")


# Signing ------------------------------------------------------------------------------------------


def published(at: datetime = NOW) -> tuple[StatusList, StatusListToken]:
    each = StatusLists().open(ISSUER, URL)
    return each, msgspec.structs.replace(
        signed_now(each, None, at.timestamp(), VALIDITY), key_id=KEY
    )


def test_a_list_is_due_when_it_changed_when_its_key_did_and_at_half_of_its_life() -> None:
    each, present = published()
    half = (NOW + VALIDITY.lifetime / 2).timestamp()
    assert is_due(None, each.entries(), KEY, NOW.timestamp(), VALIDITY)
    assert not is_due(present, each.entries(), KEY, half - 1, VALIDITY)
    assert is_due(present, each.entries(), KEY, half, VALIDITY)
    assert is_due(present, each.entries(), "key-2", NOW.timestamp(), VALIDITY)
    each.settle(each.give(1.0))
    assert is_due(present, each.entries(), KEY, NOW.timestamp(), VALIDITY)


def test_49_a_list_is_never_issued_before_the_one_that_it_replaces() -> None:
    each, present = published()
    earlier = (NOW - timedelta(seconds=20)).timestamp()
    assert signed_now(each, present, earlier, VALIDITY).issued_at == present.issued_at
