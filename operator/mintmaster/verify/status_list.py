"""Token Status Lists (draft-ietf-oauth-status-list): a signed list of bits that says which tokens are still good.

The draft's section 8.3 is what a verifier has to check; all of it that needs no I/O is here.
"""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from mintmaster.tokens import base64url, jws, strict_json
from mintmaster.tokens.claims import NumericDate
from mintmaster.tokens.invalid_token import InvalidToken
from mintmaster.tokens.keys import PublicKey

MEDIA_TYPE = "application/statuslist+jwt"

_TYPES = frozenset({"statuslist+jwt", MEDIA_TYPE})

MAX_JWT_BYTES = 1024 * 1024
"""Size of the largest signed list, in octets."""

MAX_LIST_BYTES = 4 * 1024 * 1024
"""Size of the largest list when it is unpacked, in octets: 32 million tokens. A few KB can unpack to gigabytes."""


class Status(IntEnum):
    """The registered values of an entry (section 7.1)."""

    VALID = 0
    INVALID = 1
    """Revoked for good."""
    SUSPENDED = 2
    """Not good for the time being."""


class StatusListRefused(ValueError):
    """A list that says nothing about any token, because it breaks a rule; the message says which."""


class NoSuchEntry(LookupError):
    """The list has no entry of that index: the token that names it must be rejected (section 8.3)."""


@dataclass(frozen=True, slots=True)
class StatusList:
    """A list whose signature and claims hold."""

    issued_at: int
    """Seconds since 1970, as are the others; a later list replaces an earlier one, never the other way round."""
    expires_at: int | None
    ttl: float | None
    """Seconds after which a fresh copy is to be fetched."""
    bits: int
    """Width of an entry."""
    entries: bytes = field(repr=False)

    def status(self, index: int) -> int:
        """The entry of a token, often a value of `Status`; NoSuchEntry where there is none.

        The first entry stands in the least significant bits of the first octet (section 4.1).
        """
        octet, place = divmod(index * self.bits, 8)
        if index < 0 or octet >= len(self.entries):
            raise NoSuchEntry(index)
        return self.entries[octet] >> place & (1 << self.bits) - 1


class _List(msgspec.Struct):
    bits: Literal[1, 2, 4, 8]
    lst: str


class _Claims(msgspec.Struct):
    sub: str
    iat: NumericDate
    status_list: _List
    exp: NumericDate | None = None
    ttl: Annotated[float, Meta(gt=0, le=2**31)] | None = None


def read(
    token: bytes, uri: str, keys: Mapping[str, PublicKey], now: float, leeway: float
) -> StatusList:
    """Read a signed list that was fetched from `uri`, by the keys of its issuer.

    `now` is in seconds since 1970, `leeway` says how many seconds later it may have been issued. StatusListRefused for
    everything that is not exactly such a list.
    """
    claims = _claims(token, keys)
    if claims.sub != uri:
        raise StatusListRefused("it is the list of another URI")
    if claims.iat > now + leeway:
        raise StatusListRefused("it was issued in the future")
    if claims.exp is not None and now >= claims.exp:
        raise StatusListRefused("it has expired")
    entries = _unpacked(claims.status_list.lst)
    return StatusList(claims.iat, claims.exp, claims.ttl, claims.status_list.bits, entries)


def _claims(token: bytes, keys: Mapping[str, PublicKey]) -> _Claims:
    try:
        parts = jws.parse(token, _TYPES, MAX_JWT_BYTES)
        jws.check_signature(parts, keys)
    except InvalidToken as error:
        raise StatusListRefused(
            f"it is not a status list that the issuer signed: {error}"
        ) from None
    try:
        return msgspec.convert(strict_json.parse_object(parts.payload), _Claims)
    except ValueError:
        raise StatusListRefused("a claim is missing or malformed") from None


def _unpacked(text: str) -> bytes:
    """Unpack what is compressed with ZLIB (RFC 1950), exactly one stream, and no further than allowed."""
    unpacking = zlib.decompressobj()
    try:
        packed = base64url.decode(text.encode("ascii"))
        entries = unpacking.decompress(packed, MAX_LIST_BYTES)
    except (ValueError, zlib.error):
        raise StatusListRefused("the list is not packed as it should be") from None
    if not unpacking.eof or unpacking.unused_data:
        raise StatusListRefused("the list is too long, is cut off, or has something after it")
    return entries
