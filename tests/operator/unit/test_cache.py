"""The cache: never behind an own write, and never ahead of the cluster for long (I7)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from mintmaster.api.meta import ObjectMeta
from mintmaster.kube.versions import is_older
from mintmaster.operator.cache import PIN_SECONDS, Cache
from mintmaster.operator.queue import Key

if TYPE_CHECKING:
    from collections.abc import Callable

    from kube.waiting import FakeTime

KEY = Key("Thing", "team", "a")


class Thing(msgspec.Struct, frozen=True):
    metadata: ObjectMeta
    colour: str = "red"


def thing(version: str, *, uid: str = "u", colour: str = "red") -> Thing:
    return Thing(ObjectMeta(name="a", uid=uid, resource_version=version), colour)


@pytest.fixture
def cache(clock: FakeTime) -> Cache[Thing]:
    return made(clock.elapsed)


def made(monotonic: Callable[[], float]) -> Cache[Thing]:
    return Cache(
        Thing,
        metadata=lambda value: value.metadata,
        group=lambda value: value.colour,
        monotonic=monotonic,
    )


def version(cache: Cache[Thing]) -> str | None:
    found = cache.get(KEY)
    return found.metadata.resource_version if found else None


def test_what_is_seen_is_known_and_news_once(cache: Cache[Thing]) -> None:
    assert cache.observe(KEY, thing("1"))
    assert not cache.observe(KEY, thing("1"))

    assert cache.get(KEY) == thing("1")
    assert (cache.uid_of(KEY), len(cache), list(cache), KEY in cache) == ("u", 1, [KEY], True)


def test_what_was_never_seen_is_unknown(cache: Cache[Thing]) -> None:
    assert (cache.get(KEY), cache.uid_of(KEY), KEY in cache) == (None, None, False)
    assert cache.keys_of("red") == []


def test_an_own_write_is_no_news_when_the_watch_shows_it(cache: Cache[Thing]) -> None:
    cache.observe(KEY, thing("1"))
    cache.wrote(KEY, thing("5"))

    assert not cache.observe(KEY, thing("5"))


def test_older_events_do_not_replace_an_own_write(cache: Cache[Thing]) -> None:
    cache.wrote(KEY, thing("10"))

    assert not cache.observe(KEY, thing("9"))
    assert version(cache) == "10"


def test_newer_events_do(cache: Cache[Thing]) -> None:
    cache.wrote(KEY, thing("9"))

    assert cache.observe(KEY, thing("10"))
    assert version(cache) == "10"


def test_after_a_newer_event_nothing_is_pinned_any_more(cache: Cache[Thing]) -> None:
    cache.wrote(KEY, thing("9"))
    cache.observe(KEY, thing("10"))

    assert cache.observe(KEY, thing("8"))


def test_a_read_ends_the_pin_since_after_a_restore_it_is_right(cache: Cache[Thing]) -> None:
    cache.wrote(KEY, thing("1000"))

    assert cache.read(KEY, thing("7"))
    assert cache.observe(KEY, thing("6"))
    assert version(cache) == "6"


def test_what_is_read_again_as_it_was_is_no_news(cache: Cache[Thing]) -> None:
    cache.wrote(KEY, thing("1000"))

    assert not cache.read(KEY, thing("1000"))


def test_another_life_ends_the_pin(cache: Cache[Thing]) -> None:
    cache.wrote(KEY, thing("1000"))

    assert cache.observe(KEY, thing("7", uid="v"))
    assert cache.uid_of(KEY) == "v"


@pytest.mark.parametrize(("seconds", "news"), [(PIN_SECONDS - 0.1, False), (PIN_SECONDS, True)])
def test_the_pin_ends_by_itself(
    cache: Cache[Thing], clock: FakeTime, seconds: float, news: bool
) -> None:
    cache.wrote(KEY, thing("1000"))
    clock.advance(seconds)

    assert cache.observe(KEY, thing("7")) is news


def test_another_own_write_pins_anew(cache: Cache[Thing], clock: FakeTime) -> None:
    cache.wrote(KEY, thing("1000"))
    clock.advance(PIN_SECONDS - 1)
    cache.wrote(KEY, thing("1001"))
    clock.advance(PIN_SECONDS - 1)

    assert not cache.observe(KEY, thing("1000"))


@pytest.mark.parametrize(("uid", "gone"), [(None, True), ("u", True), ("v", False)])
def test_only_the_life_that_ended_is_dropped(
    cache: Cache[Thing], uid: str | None, gone: bool
) -> None:
    cache.observe(KEY, thing("1"))

    assert cache.drop(KEY, uid) is gone
    assert (KEY in cache) is not gone
    assert not cache.drop(Key("Thing", "team", "unknown"))


def test_groups_follow_what_is_known(cache: Cache[Thing]) -> None:
    other = Key("Thing", "team", "b")
    cache.observe(KEY, thing("1", colour="red"))
    cache.observe(other, thing("2", colour="red"))
    assert cache.keys_of("red") == [KEY, other]

    cache.observe(KEY, thing("3", colour="blue"))
    cache.drop(other)

    assert (cache.keys_of("red"), cache.keys_of("blue")) == ([], [KEY])


def test_the_keys_can_be_gone_through_while_they_change(cache: Cache[Thing]) -> None:
    for number in range(3):
        cache.observe(Key("Thing", "team", str(number)), thing("1"))

    for key in cache:
        cache.drop(key)

    assert len(cache) == 0


@pytest.mark.parametrize(
    ("one", "than", "older"),
    [
        ("9", "10", True),
        ("10", "9", False),
        ("10", "10", False),
        ("", "10", False),
        ("9", "", False),
        ("abc", "10", False),
        ("18446744073709551615", "18446744073709551616", True),
    ],
)
def test_versions_are_compared_as_numbers(one: str, than: str, older: bool) -> None:
    assert is_older(one, than) is older
