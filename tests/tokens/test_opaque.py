"""Opaque tokens: their form, their check characters, their randomness."""

import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mintmaster.tokens import opaque

BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
PREFIXES = st.from_regex(r"[A-Za-z0-9_-]{0,32}", fullmatch=True)


@given(PREFIXES)
def test_a_minted_token_has_its_form_and_checks_out(prefix: str) -> None:
    token = opaque.mint(prefix)
    assert token.startswith(prefix)
    assert len(token) == len(prefix) + 49
    assert set(token[len(prefix) :]) <= set(BASE62)
    assert opaque.checks_out(token, prefix)


def test_check_characters_of_a_known_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("secrets.randbits", lambda bits: 2**bits - 1)
    token = opaque.mint("glrt-")
    body, check = token[:-6], token[-6:]
    assert body == "glrt-" + _base62(2**256 - 1)
    assert check == _base62(zlib.crc32(body.encode())).rjust(6, "0")


def _base62(number: int) -> str:
    return (_base62(number // 62) if number >= 62 else "") + BASE62[number % 62]


def test_the_smallest_number_is_written_in_full_length(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("secrets.randbits", lambda _bits: 0)
    assert opaque.mint("").startswith("0" * 43)


@given(PREFIXES, st.data())
def test_any_one_changed_character_is_found(prefix: str, data: st.DataObject) -> None:
    token = opaque.mint(prefix)
    at = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.characters().filter(lambda c: c != token[at]))
    changed = token[:at] + other + token[at + 1 :]
    assert not opaque.checks_out(changed, prefix)


@given(st.data())
def test_a_changed_prefix_is_found_even_where_it_is_expected(data: st.DataObject) -> None:
    token = opaque.mint("glrt-")
    at = data.draw(st.integers(0, 4))
    other = data.draw(st.sampled_from(BASE62).filter(lambda c: c != token[at]))
    changed = token[:at] + other + token[at + 1 :]
    assert not opaque.checks_out(changed, changed[:5])


@given(PREFIXES, PREFIXES)
def test_a_token_checks_out_under_its_own_prefix_only(own: str, expected: str) -> None:
    assert opaque.checks_out(opaque.mint(own), expected) is (own == expected)


@given(st.text())
def test_foreign_text_does_not_check_out(text: str) -> None:
    assert not opaque.checks_out(text)
    assert not opaque.checks_out("glrt-" + text, "glrt-")


def _with_two_neighbours_swapped(token: str) -> str:
    at = next(i for i in range(10, len(token)) if token[i] != token[i + 1])
    return token[:at] + token[at + 1] + token[at] + token[at + 2 :]


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t[:-1],
        lambda t: t + "0",
        lambda t: t + "\n",
        lambda t: "glrt-" + t,
        lambda t: t.removeprefix("glrt-"),
        _with_two_neighbours_swapped,
    ],
    ids=["cut", "longer", "line feed", "prefix twice", "no prefix", "two neighbours swapped"],
)
def test_a_token_that_was_copied_badly_does_not_check_out(change: Callable[[str], str]) -> None:
    assert not opaque.checks_out(change(opaque.mint("glrt-")), "glrt-")


@pytest.mark.parametrize("prefix", ["x" * 33, "a.b", "a b", "é", "glrt-\n", "\n"])
def test_an_impossible_prefix_is_an_error_of_the_caller(prefix: str) -> None:
    with pytest.raises(ValueError, match="prefix"):
        opaque.mint(prefix)
    with pytest.raises(ValueError, match="prefix"):
        opaque.checks_out("anything", prefix)


def test_no_two_tokens_are_alike() -> None:
    assert len({opaque.mint() for _ in range(1000)}) == 1000
