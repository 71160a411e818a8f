"""Minting of JWT access tokens (RFC 9068): claims and a key in, a signed token out."""

import json
import re
from functools import lru_cache
from typing import Self

from mintmaster.tokens import base64url, claims
from mintmaster.tokens.claims import (
    LATEST_NUMERIC_DATE,
    AccessTokenClaims,
    ActorClaim,
    ClaimsMalformed,
    ResourceClaim,
    StatusClaim,
    StatusListEntry,
)
from mintmaster.tokens.jws import MAX_TOKEN_BYTES
from mintmaster.tokens.keys import SigningKey

__all__ = [
    "MAX_TOKEN_BYTES",
    "AccessTokenClaims",
    "ActorClaim",
    "ClaimsMalformed",
    "ResourceClaim",
    "StatusClaim",
    "StatusListEntry",
    "Stencil",
    "TokenTooLarge",
    "sign",
]


_BEYOND_PLAIN_BASE64 = re.compile("[>?~\x7f-\U0010ffff]")
"""Characters that can give a `-` or `_` in base64url; all others give the same text in both alphabets."""

_BEYOND_PLAIN_OCTETS = b">?~" + bytes(range(0x7F, 0x100))
"""The octets of which such characters consist in UTF-8. Looking for octets takes a quarter of the time."""


class TokenTooLarge(ValueError):
    """The token would have more than `MAX_TOKEN_BYTES`."""

    def __init__(self, octets: int) -> None:
        super().__init__(f"the token would have {octets} bytes, the limit is {MAX_TOKEN_BYTES}")
        self.octets = octets


def sign(token_claims: AccessTokenClaims, key: SigningKey) -> str:
    """Mint the token that says these claims, signed by this key.

    Nothing is signed that our own verifier would not read: ClaimsMalformed for such claims,
    TokenTooLarge above `MAX_TOKEN_BYTES`.
    """
    return _signed(_readable_by_all(claims.encode(token_claims)), key)


class Stencil:
    """Claims that many tokens share: all but their name, when they were issued and when they end.

    What is shared is checked and written out once, so that a token costs little more than its signature.
    """

    __slots__ = ("_after", "_before")

    def __init__(self, before: bytes, after: bytes) -> None:
        """Keep what stands before and after the three claims that differ."""
        self._before = before
        self._after = after

    @classmethod
    def of(cls, shared: AccessTokenClaims) -> Self:
        """Keep these claims, but for `exp`, `iat` and `jti`; ClaimsMalformed where `sign` would refuse them."""
        differing = _differing(shared.jti, shared.iat, shared.exp)
        # No string of JSON has a quotation mark in it, so this stands where the claims are and nowhere else.
        before, found, after = claims.encode(shared).partition(differing)
        if not found:
            raise ClaimsMalformed("a token is named by letters, digits and -._ only")
        return cls(_readable_by_all(before), _readable_by_all(after))

    def sign(self, key: SigningKey, token_id: str, issued_at: int, expires_at: int) -> str:
        """Mint a token of this name, for this time in seconds since 1970; refused as by the function `sign`."""
        if not _TOKEN_ID.fullmatch(token_id):
            raise ClaimsMalformed("a token is named by letters, digits and -._ only")
        if not 0 <= issued_at <= expires_at <= LATEST_NUMERIC_DATE:
            raise ClaimsMalformed(
                "a token is issued before it ends, and both before the year 10000"
            )
        differing = _differing(token_id, issued_at, expires_at)
        return _signed(self._before + differing + self._after, key)


_TOKEN_ID = re.compile(r"[A-Za-z0-9._-]+", re.ASCII)
"""What JSON and base64url write as it is."""


def _differing(token_id: str, issued_at: int, expires_at: int) -> bytes:
    """Write the claims in which the tokens of a stencil differ, as `claims.encode` does and in its order."""
    return b',"exp":%d,"iat":%d,"jti":"%b",' % (expires_at, issued_at, token_id.encode())


def _signed(payload: bytes, key: SigningKey) -> str:
    signing_input = _header(key.algorithm.value, key.kid) + b"." + base64url.encode(payload)
    token = signing_input + b"." + base64url.encode(key.sign(signing_input))
    if len(token) > MAX_TOKEN_BYTES:
        raise TokenTooLarge(len(token))
    return token.decode("ascii")


def _readable_by_all(payload: bytes) -> bytes:
    """Escape what only base64url can write: clients are about that read a payload as plain base64 (Run:ai's)."""
    if len(payload.translate(None, _BEYOND_PLAIN_OCTETS)) == len(payload):
        return payload
    return _BEYOND_PLAIN_BASE64.sub(_escaped, payload.decode("utf-8")).encode("ascii")


def _escaped(match: re.Match[str]) -> str:
    """Escape a character as JSON does, by its UTF-16 code units (RFC 8259, section 7)."""
    units = match[0].encode("utf-16-be").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


@lru_cache(maxsize=64)
def _header(algorithm: str, kid: str) -> bytes:
    """Return the encoded header, which all tokens of a key share."""
    header = {"typ": "at+jwt", "alg": algorithm, "kid": kid}
    return base64url.encode(json.dumps(header, separators=(",", ":")).encode("ascii"))
