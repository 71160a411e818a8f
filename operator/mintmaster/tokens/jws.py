"""Compact JSON Web Signatures (RFC 7515): taken apart strictly, checked against known keys."""

import re
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass

from mintmaster.tokens import base64url, strict_json
from mintmaster.tokens.invalid_token import InvalidToken, InvalidTokenCode
from mintmaster.tokens.keys import PublicKey

MAX_TOKEN_BYTES = 4096
"""Size of the largest token, in octets: header fields of common HTTP servers hold 8 KiB in all."""

_MAX_HEADER_OCTETS = 1024
"""Size of the largest decoded header. Ours have about 100 octets."""

_COMPACT = re.compile(rb"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")

ACCESS_TOKEN_TYPES = frozenset({"at+jwt", "application/at+jwt"})
"""Values of `typ` that say access token (RFC 9068, section 2.1), in lower case."""

_REFUSED_PARAMETERS = frozenset({"crit", "b64", "zip", "cty"})
"""Header parameters that change how a JWS is to be read. All others that we do not know are
ignored (RFC 7515, 4), and so are `jwk`, `jku`, `x5u` and `x5c`: a key never comes from the token
that it is to verify."""


@dataclass(frozen=True, slots=True)
class CompactJws:
    """The parts of a compact JWS, decoded; nothing about them is verified."""

    header: Mapping[str, object]
    payload: bytes
    signing_input: bytes
    signature: bytes


def parse(
    token: str | bytes,
    types: Collection[str] = ACCESS_TOKEN_TYPES,
    max_bytes: int = MAX_TOKEN_BYTES,
) -> CompactJws:
    """Take the JWS of an access token apart, or one of the other `types`, given in lower case.

    InvalidToken where it is larger than `max_bytes`, not in its one canonical spelling, or where
    its header says another type (RFC 9068, section 4; RFC 8725, section 3.11).
    """
    octets = _ascii(token, max_bytes)
    match = _COMPACT.fullmatch(octets)
    if match is None:
        raise InvalidToken(InvalidTokenCode.MALFORMED)
    header, payload, signature = (_decoded(part) for part in match.groups())
    return CompactJws(_header(header, types), payload, octets[: match.end(2)], signature)


def check_signature(jws: CompactJws, keys: Mapping[str, PublicKey]) -> PublicKey:
    """Return the key whose signature holds; InvalidToken where none does.

    The only candidate is the one of `keys` that `kid` names, by its one algorithm (RFC 8725,
    section 3.1).
    """
    key = _named_key(jws.header, keys)
    if jws.header.get("alg") != key.algorithm.value:
        raise InvalidToken(InvalidTokenCode.ALGORITHM)
    if not key.verifies(jws.signing_input, jws.signature):
        raise InvalidToken(InvalidTokenCode.SIGNATURE)
    return key


def _ascii(token: str | bytes, max_bytes: int) -> bytes:
    if len(token) > max_bytes:
        raise InvalidToken(InvalidTokenCode.TOO_LARGE)
    if not token.isascii():
        raise InvalidToken(InvalidTokenCode.MALFORMED)
    return token.encode("ascii") if isinstance(token, str) else token


def _decoded(part: bytes) -> bytes:
    with suppress(ValueError):  # whose successor is raised outside, to have no context
        return base64url.decode(part)
    raise InvalidToken(InvalidTokenCode.MALFORMED)


def _header(octets: bytes, types: Collection[str]) -> dict[str, object]:
    header = _parsed_header(octets)
    if header is None or not _REFUSED_PARAMETERS.isdisjoint(header):
        raise InvalidToken(InvalidTokenCode.HEADER)
    kind = header.get("typ")
    if not isinstance(kind, str) or kind.lower() not in types:
        raise InvalidToken(InvalidTokenCode.TYPE)
    return header


def _parsed_header(octets: bytes) -> dict[str, object] | None:
    if len(octets) > _MAX_HEADER_OCTETS:
        return None
    try:
        return strict_json.parse_object(octets)
    except ValueError:
        return None


def _named_key(header: Mapping[str, object], keys: Mapping[str, PublicKey]) -> PublicKey:
    kid = header.get("kid")
    key = keys.get(kid) if isinstance(kid, str) else None
    if key is None:
        raise InvalidToken(InvalidTokenCode.KEY_UNKNOWN)
    return key
