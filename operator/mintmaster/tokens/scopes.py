"""Scopes as OAuth 2.0 writes them: one string, separated by spaces (RFC 6749, section 3.3)."""

import re
from collections.abc import Iterable

SCOPE_TOKEN_PATTERN = r"[\x21\x23-\x5b\x5d-\x7e]+"  # noqa: S105 - a grammar, not a password
"""One scope: printable ASCII without space, double quote and backslash (RFC 6749, appendix A.4)."""

SCOPE_PATTERN = rf"^{SCOPE_TOKEN_PATTERN}(?: {SCOPE_TOKEN_PATTERN})*\Z"
"""One or more scopes, separated by exactly one space."""

_SCOPE_TOKEN = re.compile(SCOPE_TOKEN_PATTERN)
_SCOPE = re.compile(SCOPE_PATTERN)


def is_scope_token(text: str) -> bool:
    """Tell whether the text is exactly one scope."""
    return _SCOPE_TOKEN.fullmatch(text) is not None


def join(scopes: Iterable[str]) -> str:
    """Write scopes as one string, in the order given; ValueError where one is not a scope token."""
    tokens = tuple(scopes)
    if not all(map(is_scope_token, tokens)):
        raise ValueError("a scope is printable ASCII without spaces, double quotes and backslashes")
    return " ".join(tokens)


def split(scope: str) -> tuple[str, ...]:
    """Read the scopes of one string, none from an empty one; ValueError where it has another
    form."""
    if not scope:
        return ()
    if _SCOPE.match(scope) is None:
        raise ValueError("scopes are separated by single spaces, and each is printable ASCII")
    return tuple(scope.split(" "))
