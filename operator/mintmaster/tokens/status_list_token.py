"""Status List Tokens (draft-ietf-oauth-status-list, section 5.1): one bit per token, packed and signed."""

import json
import zlib

import msgspec

from mintmaster.tokens import base64url, jws
from mintmaster.tokens.invalid_token import InvalidToken
from mintmaster.tokens.keys import SigningKey

TYPE = "statuslist+jwt"
"""`typ` of the header (section 5.1)."""

MEDIA_TYPE = f"application/{TYPE}"
"""Content type of an answer (section 8.2)."""

MAX_OCTETS = 128 * 1024
"""Size of the largest token that is read here: ours have up to 30 KB, bits that nothing can be packed of included."""

MAX_ENTRIES_OCTETS = 64 * 1024
"""Size of the longest list that is unpacked here: half a million entries."""


class StatusListUnreadable(ValueError):
    """What was taken for a Status List Token is none of ours; the message says why."""


class StatusListToken(msgspec.Struct, frozen=True, kw_only=True):
    """What a Status List Token says. Instants are POSIX seconds."""

    uri: str
    """Where it is fetched from (`sub`)."""
    issued_at: int
    expires_at: int
    ttl: int
    """Seconds after which a verifier is to fetch it again."""
    entries: bytes
    """One bit per index, the first in the least significant place of the first octet (section 4.1); 1 is INVALID."""
    key_id: str = ""
    """The `kid` of a token that was read."""


class _List(msgspec.Struct):
    bits: int
    lst: str


class _Claims(msgspec.Struct):
    sub: str
    iat: int
    exp: int
    ttl: int
    status_list: _List


def sign(token: StatusListToken, key: SigningKey) -> str:
    """Return the compact JWS that says this."""
    packed = base64url.encode(zlib.compress(token.entries, 9)).decode("ascii")
    claims = _Claims(
        sub=token.uri,
        iat=token.issued_at,
        exp=token.expires_at,
        ttl=token.ttl,
        status_list=_List(bits=1, lst=packed),
    )
    header = json.dumps({"typ": TYPE, "alg": key.algorithm.value, "kid": key.kid}).encode()
    signing_input = b".".join(map(base64url.encode, (header, msgspec.json.encode(claims))))
    return (signing_input + b"." + base64url.encode(key.sign(signing_input))).decode("ascii")


def read(text: str) -> StatusListToken:
    """Read what `sign` wrote, where whoever stored it is trusted: the signature is not verified.

    Raises StatusListUnreadable.
    """
    try:
        parts = jws.parse(text, {TYPE}, MAX_OCTETS)
        claims = msgspec.json.decode(parts.payload, type=_Claims)
    except (InvalidToken, msgspec.MsgspecError) as error:
        raise StatusListUnreadable(f"it is no status list: {error}") from None
    if claims.status_list.bits != 1:
        raise StatusListUnreadable("its entries are not one bit wide")
    return StatusListToken(
        uri=claims.sub,
        issued_at=claims.iat,
        expires_at=claims.exp,
        ttl=claims.ttl,
        entries=_unpacked(claims.status_list.lst),
        key_id=str(parts.header.get("kid", "")),
    )


def _unpacked(text: str) -> bytes:
    unpacking = zlib.decompressobj()
    try:
        entries = unpacking.decompress(base64url.decode(text.encode("ascii")), MAX_ENTRIES_OCTETS)
    except (ValueError, zlib.error):
        raise StatusListUnreadable("the list is not packed as it should be") from None
    if not unpacking.eof or unpacking.unused_data:
        raise StatusListUnreadable("the list is too long, is cut off, or has something after it")
    return entries
