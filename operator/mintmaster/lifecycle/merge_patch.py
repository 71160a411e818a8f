"""Merge patches (RFC 7396) between two versions of a status."""

from __future__ import annotations

import msgspec

_ABSENT = object()


def difference(old: msgspec.Struct, new: msgspec.Struct) -> dict[str, object]:
    """The patch that turns one object into another: changed top-level members only, null removes one.

    Lists are replaced as a whole (RFC 7396, section 1); nested objects of a status never lose members.
    """
    before, after = msgspec.to_builtins(old), msgspec.to_builtins(new)
    patch = {key: value for key, value in after.items() if before.get(key, _ABSENT) != value}
    return patch | {key: None for key in before if key not in after}
