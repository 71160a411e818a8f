"""Names of tokens and of resources, and their rank, that every process computes alike."""

from __future__ import annotations

import hashlib
import secrets
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mintmaster.api.meta import ObjectMeta

_ID_BITS = 52
"""A number of 52 bits passes unharmed through JSON parsers that read numbers as doubles (RFC 8259, section 6)."""


@lru_cache(maxsize=1024)
def numeric_id(uid: str) -> int:
    """The positive integer by which foreign APIs name a resource: 52 bits of the SHA-256 of its UID."""
    number = int.from_bytes(hashlib.sha256(uid.encode()).digest()[:8]) >> (64 - _ID_BITS)
    return number or 1


def new_token_id(uid: str, revision: int) -> str:
    """A fresh `jti`: `<uid>.<revision>.<128 random bits>`, so no two tokens ever share a name (I4)."""
    return f"{uid}.{revision}.{secrets.token_hex(16)}"


def seniority(meta: ObjectMeta) -> tuple[str, str]:
    """Who was first, where two claim the same: by creation, then by UID."""
    created = meta.creation_timestamp
    return (created.isoformat() if created else "", meta.uid)
