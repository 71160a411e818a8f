"""JSON objects from strangers: what two parsers could read differently is refused (RFC 8725)."""

import json
import re
from typing import NoReturn

FORBIDDEN_CHARACTERS = (
    "\\x00-\\x1f\\x7f-\\x9f"  # C0 and C1 controls: NUL cuts strings, line feeds forge log lines
    "\\u061c\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069"  # bidirectional controls
    "\\u2028\\u2029"  # line and paragraph separators
    "\\ud800-\\udfff"  # lone surrogates: cannot be written as UTF-8 again
)
"""Body of a regular expression's character class: what no text of a header or a claim may
contain."""

MAX_DEPTH = 8
"""Levels of nesting, the outermost object included. Our own claims need three; more is an
attempt on the stack."""

_FORBIDDEN = re.compile(f"[{FORBIDDEN_CHARACTERS}]")


def parse_object(octets: bytes) -> dict[str, object]:
    """Parse one JSON object; ValueError, which quotes nothing of the input, for anything else.

    Refused on top of RFC 8259: duplicate members, NaN and infinities, byte order marks, nesting
    deeper than `MAX_DEPTH` and text with `FORBIDDEN_CHARACTERS`.
    """
    value = _parsed(octets)
    if not isinstance(value, dict) or not _is_plain(value, MAX_DEPTH):
        raise ValueError("not a JSON object in the strict form")
    return value


def _parsed(octets: bytes) -> object:
    """Return the JSON value, or None where there is none.

    No exception leaves, because those of the decoders carry the whole input in their attributes.
    """
    try:
        return _DECODER.decode(octets.decode())
    except (ValueError, RecursionError):
        return None


def _unique_members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("duplicate member")
    return members


def _no_constant(_name: str) -> NoReturn:
    raise ValueError("NaN and infinities are not JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_unique_members, parse_constant=_no_constant)


def _is_plain(value: object, depth: int) -> bool:
    if isinstance(value, str):
        return _FORBIDDEN.search(value) is None
    if isinstance(value, dict):
        return depth > 0 and all(
            _is_plain(part, depth - 1) for member in value.items() for part in member
        )
    if isinstance(value, list):
        return depth > 0 and all(_is_plain(item, depth - 1) for item in value)
    return True
