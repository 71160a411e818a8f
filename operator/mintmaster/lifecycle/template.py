"""Placeholders in further keys of a Secret: fixed names, fixed filters, no expressions.

`{{ name }}` or `{{ name | filter }}`. A template engine, even a sandboxed one, can be made to use all memory or
time; this is one pass over the text, and the size of the outcome is checked before it is built (attacks 78).
"""

from __future__ import annotations

import base64
import json
import re
import shlex
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MAX_RENDERED_BYTES = 64 * 1024
"""All rendered keys of one Secret together: a config file fits, and a Secret's 1 MiB is never near."""

NAMES = frozenset({
    "token", "previous_token", "expires_at", "issuer", "subject", "name", "namespace", "id", "tags", "description",
    "client_id",
})  # fmt: skip
"""What can stand in a placeholder."""

_TOML_ESCAPES = {
    '"': '\\"',
    "\\": "\\\\",
    "\b": "\\b",
    "\t": "\\t",
    "\n": "\\n",
    "\f": "\\f",
    "\r": "\\r",
}


def _toml(text: str) -> str:
    """Write a TOML basic string with its quotes; control characters as \\uXXXX (TOML 1.0, String)."""
    escaped = (
        _TOML_ESCAPES.get(char)
        or (f"\\u{ord(char):04X}" if ord(char) < 0x20 or ord(char) == 0x7F else char)
        for char in text
    )
    return '"' + "".join(escaped) + '"'


FILTERS: Mapping[str, Callable[[str], str]] = {
    "json": lambda text: json.dumps(text, ensure_ascii=False),
    "toml": _toml,
    "base64": lambda text: base64.b64encode(text.encode()).decode("ascii"),
    "shell": shlex.quote,
}

_PLACEHOLDER = re.compile(r"\{\{([^{}]{0,64})\}\}")
_INSIDE = re.compile(r"\s*([a-z_]+)\s*(?:\|\s*([a-z0-9]+)\s*)?")


class TemplateInvalid(ValueError):
    """A template that can't be rendered; the message names the key and what is wrong, never a value."""


Part = str | tuple[str, str]
"""Literal text, or the name and filter ("" for none) of a placeholder."""


@lru_cache(maxsize=512)
def parse(text: str) -> tuple[Part, ...]:
    """Split a template into literal text and placeholders.

    Raises `TemplateInvalid` on an unknown name or filter, and on braces that are no placeholder.
    """
    parts: list[Part] = []
    position = 0
    for match in _PLACEHOLDER.finditer(text):
        parts += [_literal(text[position : match.start()]), _placeholder(match.group(1))]
        position = match.end()
    parts.append(_literal(text[position:]))
    return tuple(part for part in parts if part)


def render(templates: Mapping[str, str], values: Mapping[str, str]) -> dict[str, bytes]:
    """Render all templates of a Secret. Raises `TemplateInvalid` naming the key."""
    rendered: dict[str, bytes] = {}
    size = 0
    for key, text in templates.items():
        try:
            rendered[key] = _rendered(text, values, MAX_RENDERED_BYTES - size)
        except TemplateInvalid as error:
            raise TemplateInvalid(f"spec.secret.template.data[{key!r}]: {error}") from None
        size += len(rendered[key])
    return rendered


def check(templates: Mapping[str, str]) -> None:
    """Find what is wrong with templates before any value is at hand. Raises `TemplateInvalid`."""
    render(templates, dict.fromkeys(NAMES, ""))


def _rendered(text: str, values: Mapping[str, str], room: int) -> bytes:
    """Render one template; ends as soon as there is no room for a piece, however many would follow."""
    pieces: list[bytes] = []
    for part in parse(text):
        pieces.append(_piece(part, values))
        room -= len(pieces[-1])
        if room < 0:
            raise TemplateInvalid("with it, all keys render to more than 64 KiB")
    return b"".join(pieces)


def _piece(part: Part, values: Mapping[str, str]) -> bytes:
    if isinstance(part, str):
        return part.encode()
    name, filter_name = part
    value = values[name]
    return (FILTERS[filter_name](value) if filter_name else value).encode()


def _literal(text: str) -> str:
    if "{{" in text or "}}" in text:
        raise TemplateInvalid(
            "braces that are no placeholder; write {{ name }} or {{ name | filter }}"
        )
    return text


def _placeholder(inside: str) -> tuple[str, str]:
    match = _INSIDE.fullmatch(inside)
    if match is None:
        raise TemplateInvalid(
            "a placeholder is {{ name }} or {{ name | filter }}, without expressions"
        )
    name, filter_name = match.group(1), match.group(2) or ""
    if name not in NAMES:
        raise TemplateInvalid(f"unknown placeholder {name!r}; known are {', '.join(sorted(NAMES))}")
    if filter_name and filter_name not in FILTERS:
        raise TemplateInvalid(
            f"unknown filter {filter_name!r}; known are {', '.join(sorted(FILTERS))}"
        )
    return name, filter_name
