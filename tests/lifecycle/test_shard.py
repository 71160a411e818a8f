"""Which shard a namespace and a status list belong to: every one to exactly one, for every process alike."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.listed import ISSUER, URL, record, resource
from mintmaster.lifecycle.shard import ALONE, MAX_COUNT, Shard, number_of, parse
from mintmaster.lifecycle.status_lists import StatusLists, id_of

COUNTS = st.integers(1, MAX_COUNT)
NAMESPACES = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", fullmatch=True)


def all_of(count: int) -> tuple[Shard, ...]:
    return tuple(Shard(number, count) for number in range(1, count + 1))


@st.composite
def shards(draw: st.DrawFn) -> Shard:
    count = draw(COUNTS)
    return Shard(draw(st.integers(1, count)), count)


# Namespaces ---------------------------------------------------------------------------------------


@given(NAMESPACES, COUNTS)
def test_every_namespace_is_exactly_one_shards(namespace: str, count: int) -> None:
    owners = [shard for shard in all_of(count) if shard.owns(namespace)]
    assert owners == [Shard(number_of(namespace, count), count)]


@given(NAMESPACES)
def test_the_only_shard_owns_everything(namespace: str) -> None:
    assert ALONE.owns(namespace)
    assert ALONE.is_first


@pytest.mark.parametrize(
    ("namespace", "numbers"),
    [("default", (2, 2, 6)), ("team-a", (1, 1, 5)), ("mintmaster-system", (2, 3, 6))],
)
def test_whose_a_namespace_is_never_changes_with_a_version(
    namespace: str, numbers: tuple[int, ...]
) -> None:
    """Golden: were it computed in another way one day, two versions side by side would both own a namespace."""
    assert tuple(number_of(namespace, count) for count in (2, 3, 8)) == numbers


def test_another_process_computes_the_same() -> None:
    """Unlike `hash`, which Python draws anew for each process."""
    ask = "from mintmaster.lifecycle.shard import number_of; print(number_of('team-a', 64))"
    said = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)
    assert int(said.stdout) == number_of("team-a", 64)


def test_namespaces_spread_evenly() -> None:
    found = Counter(number_of(f"team-{number}", 8) for number in range(8000))
    assert set(found) == set(range(1, 9))
    assert max(found.values()) < 1.2 * min(found.values())


# What people write --------------------------------------------------------------------------------


@given(shards())
def test_what_a_shard_is_called_names_it(shard: Shard) -> None:
    assert parse(str(shard)) == (shard,)


@given(COUNTS)
def test_any_names_all(count: int) -> None:
    assert parse(f"any/{count}") == all_of(count)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0/2", "there is no shard 0 of 2: they are numbered from 1 to 2"),
        ("3/2", "there is no shard 3 of 2"),
        ("1/0", "there can be 1 to 64 shards, not 0"),
        ("any/0", "there can be 1 to 64 shards, not 0"),
        ("1/65", "there can be 1 to 64 shards, not 65"),
        ("x", "'x' names no shard: write NUMBER/COUNT such as 2/3"),
        ("", "'' names no shard"),
        ("2", "'2' names no shard"),
        ("-1/2", "'-1/2' names no shard"),
        ("1/2/3", "'1/2/3' names no shard"),
        ("1 / 2", "'1 / 2' names no shard"),
        ("\u0661/\u0662", "names no shard"),
        ("1/2\n", "names no shard"),
    ],
)
def test_what_names_no_shard_is_refused_with_the_rule(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        parse(text)


@given(st.text() | st.from_regex(r"[0-9a-z]{1,3}/[0-9]{1,3}", fullmatch=True))
def test_any_text_names_shards_or_is_refused_as_naming_none(text: str) -> None:
    try:
        found = parse(text)
    except ValueError:
        return
    assert found
    assert all(1 <= shard.number <= shard.count <= MAX_COUNT for shard in found)
    assert text in {str(found[0]), f"any/{len(found)}"} or text.startswith("0") or "/0" in text


# Status lists -------------------------------------------------------------------------------------


@given(shards(), COUNTS)
def test_every_list_is_exactly_one_shards_whatever_the_count_is_now(
    opener: Shard, count: int
) -> None:
    opened = StatusLists(opener).open(ISSUER, URL)
    assert id_of(opened.uri) == opened.id
    keepers = [shard for shard in all_of(count) if shard.owns_status_list(opened.id)]
    expected = opener.number if opener.count == count else 1
    assert keepers == [Shard(expected, count)]


def test_a_list_of_before_there_were_shards_is_the_first_ones() -> None:
    opened = StatusLists().open(ISSUER, URL)
    assert re.fullmatch("[0-9a-f]{32}", opened.id)
    assert [shard.number for shard in all_of(3) if shard.owns_status_list(opened.id)] == [1]


def test_only_its_keeper_takes_up_a_list_that_a_resource_names() -> None:
    opened = StatusLists(Shard(2, 2)).open(ISSUER, URL)
    ada = resource("ada", "uid", record(opened.uri, 7))
    for shard in (Shard(1, 2), Shard(2, 3), Shard(3, 3)):
        others = StatusLists(shard)
        others.observe("ada", ada)
        assert list(others) == []
    for shard in (Shard(2, 2), Shard(1, 3), ALONE):
        lists = StatusLists(shard)
        lists.observe("ada", ada)
        assert [each.uri for each in lists] == [opened.uri]
