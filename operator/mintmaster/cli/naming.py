"""How people name a resource: `rr/build`, `runner/build`, `tokenissuer/default`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from mintmaster.api.kinds import (
    CLIENT_APPLICATION,
    RUNNER_REGISTRATION,
    TOKEN_ISSUER,
    TOKEN_KINDS,
    USER_ACCESS_TOKEN,
)
from mintmaster.cli.exits import Exit, Failure

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mintmaster.api.kinds import ResourceKind, TokenResource

TOKEN_KINDS_BY_NAME: Final[Mapping[str, ResourceKind[TokenResource]]] = {
    kind.kind: kind for kind in TOKEN_KINDS
}
"""The kinds that tokens are issued for, by the name of the kind."""

WORDS: Final[Mapping[str, ResourceKind[Any]]] = {
    "runner": RUNNER_REGISTRATION,
    "token": USER_ACCESS_TOKEN,
    "application": CLIENT_APPLICATION,
    "issuer": TOKEN_ISSUER,
}
"""The words of the groups of commands."""


def parse(text: str) -> tuple[ResourceKind[Any], str]:
    """Read KIND/NAME, where KIND is any name that kubectl knows it by, or the word of our command."""
    word, slash, name = text.partition("/")
    kind = _kinds().get(word.lower().partition(".")[0])
    if kind is None or not slash or not name:
        known = ", ".join(f"{short.short_name} ({long})" for long, short in WORDS.items())
        raise Failure(f"{text!r} is not KIND/NAME with one of the kinds {known}", Exit.USAGE)
    return kind, name


def _kinds() -> dict[str, ResourceKind[Any]]:
    found = dict(WORDS)
    for kind in WORDS.values():
        names = (kind.kind.lower(), kind.plural, kind.singular, kind.short_name)
        found |= dict.fromkeys(names, kind)
    return found
