"""Digests: how a token is recognized by those who must not hold it."""

import hashlib
import re

from mintmaster.tokens import base64url

_COMPACT_JWS = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")


def digest(token: str) -> str:
    """Return the SHA-256 of the token as 43 characters of base64url.

    Of a compact JWS only the signing input is hashed (RFC 7515, section 5.1), because ECDSA
    signatures are malleable: from a signature (r, s) anyone makes a second valid one, (r, n - s),
    without the key. A digest of the whole text would call that a different token, and a revoked
    token would come back to life. One rule serves all algorithms.

    It follows that the digest of a JWS says nothing about its signature. Whoever compares digests
    has verified the signature before.

    Of an opaque token everything is hashed. It has 256 random bits, so neither salt nor stretching
    adds anything. Text that is neither kind is hashed with a NUL after it; otherwise a JWS whose
    signature was cut off, which is how logs often show it, would have the digest of the whole.
    """
    if _COMPACT_JWS.fullmatch(token):
        hashed = token.rpartition(".")[0]
    elif "." in token:
        hashed = token + "\0"
    else:
        hashed = token
    octets = hashed.encode("utf-8", "surrogatepass")
    return base64url.encode(hashlib.sha256(octets).digest()).decode("ascii")
