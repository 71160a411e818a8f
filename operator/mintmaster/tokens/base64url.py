"""Base64url without padding (RFC 7515, section 2), one spelling for each octet string."""

import base64
import binascii

_URL_SAFE = bytes.maketrans(b"+/", b"-_")


def encode(octets: bytes) -> bytes:
    """Encode without padding."""
    return binascii.b2a_base64(octets, newline=False).rstrip(b"=").translate(_URL_SAFE)


def decode(text: bytes) -> bytes:
    """Decode canonical base64url; ValueError for padding, foreign characters, stray low bits.

    Decoders that are lenient about the last character give one token several spellings, each with a
    hash of its own (RFC 4648, section 3.5).
    """
    octets = base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4))
    if encode(octets) != text:
        raise ValueError("not the canonical base64url of any octets")
    return octets
