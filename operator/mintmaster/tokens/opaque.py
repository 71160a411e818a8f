"""Opaque tokens: a prefix, 256 random bits and check characters, for consumers that take no JWT."""

import re
import secrets
import zlib

PREFIX_PATTERN = r"^[A-Za-z0-9_-]{0,32}$"
"""What may stand before the random part, for example `glrt-`."""

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_RANDOM_BITS = 256
_RANDOM_LENGTH = 43  # 62**43 is the first power of 62 above 2**256
_CHECK_LENGTH = 6  # 62**6 is the first power of 62 above 2**32
_PREFIX = re.compile(PREFIX_PATTERN)
_RANDOM_AND_CHECK = re.compile(f"[0-9A-Za-z]{{{_RANDOM_LENGTH + _CHECK_LENGTH}}}")


def mint(prefix: str = "") -> str:
    """Mint a token of `len(prefix) + 49` characters; ValueError for an impossible prefix."""
    body = _checked_prefix(prefix) + _base62(secrets.randbits(_RANDOM_BITS), _RANDOM_LENGTH)
    return body + _check_characters(body)


def checks_out(token: str, prefix: str = "") -> bool:
    """Tell whether the token has our form and fitting check characters.

    ValueError for an impossible prefix. This sorts out typing errors and foreign text without
    asking anybody. It proves nothing: anyone can compute check characters.
    """
    if not token.startswith(_checked_prefix(prefix)):
        return False
    if _RANDOM_AND_CHECK.fullmatch(token, len(prefix)) is None:
        return False
    return token[-_CHECK_LENGTH:] == _check_characters(token[:-_CHECK_LENGTH])


def _checked_prefix(prefix: str) -> str:
    if _PREFIX.fullmatch(prefix) is None:
        raise ValueError(f"the prefix of a token has to match {PREFIX_PATTERN}")
    return prefix


def _check_characters(body: str) -> str:
    """CRC-32 of everything before, the prefix included: one changed character is always found."""
    return _base62(zlib.crc32(body.encode("ascii")), _CHECK_LENGTH)


def _base62(number: int, length: int) -> str:
    digits = ""
    for _ in range(length):
        number, digit = divmod(number, len(_ALPHABET))
        digits = _ALPHABET[digit] + digits
    return digits
