"""Strict JSON: what the tables of attacks do not reach because tokens are small."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mintmaster.tokens import base64url
from mintmaster.tokens.strict_json import MAX_DEPTH, parse_object

PLAIN_TEXT = st.text(st.characters(categories=("L", "N", "P", "S", "Zs")))
FLAT = st.none() | st.booleans() | st.integers() | PLAIN_TEXT


@given(st.dictionaries(PLAIN_TEXT, FLAT | st.lists(FLAT) | st.dictionaries(PLAIN_TEXT, FLAT)))
def test_plain_objects_are_read_as_they_were_written(value: dict[str, object]) -> None:
    assert parse_object(json.dumps(value).encode()) == value
    assert parse_object(json.dumps(value, ensure_ascii=False).encode()) == value


def _nested(depth: int) -> bytes:
    return b'{"a":' * (depth - 1) + b"{}" + b"}" * (depth - 1)


def test_the_deepest_object_is_read_and_a_deeper_one_is_not() -> None:
    assert parse_object(_nested(MAX_DEPTH))
    with pytest.raises(ValueError, match="strict form"):
        parse_object(_nested(MAX_DEPTH + 1))


@pytest.mark.parametrize("bracket", [b"[", b'{"a":'])
def test_a_million_brackets_do_not_exhaust_the_stack(bracket: bytes) -> None:
    with pytest.raises(ValueError, match="strict form") as refusal:
        parse_object(bracket * 1_000_000)
    assert refusal.value.__context__ is None


@given(st.binary())
def test_arbitrary_octets_are_read_or_refused(octets: bytes) -> None:
    try:
        assert isinstance(parse_object(octets), dict)
    except ValueError as refusal:
        assert str(refusal) == "not a JSON object in the strict form"  # noqa: PT017 - either is fine


@given(st.binary())
def test_octets_have_one_spelling_in_base64url(octets: bytes) -> None:
    assert base64url.decode(base64url.encode(octets)) == octets


@given(st.binary())
def test_no_other_spelling_is_decoded(text: bytes) -> None:
    try:
        octets = base64url.decode(text)
    except ValueError:
        return
    assert base64url.encode(octets) == text
