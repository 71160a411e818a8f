"""JSON Web Keys (RFC 7517, 7518, 8037): public keys to and from members; thumbprints (RFC 7638)."""

import hashlib
import json
from collections.abc import Mapping
from typing import TypeAlias

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from mintmaster.tokens import base64url

VerifyingKey: TypeAlias = ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey
"""The public half of a key, as the cryptography library holds it."""

_REQUIRED_MEMBERS = {
    "EC": ("crv", "kty", "x", "y"),
    "OKP": ("crv", "kty", "x"),
    "RSA": ("e", "kty", "n"),
}
"""Key type to the members that make the key what it is, in lexicographic order (RFC 7638,
section 3.2)."""

_PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_P256_COORDINATE_OCTETS = 32


class KeyDamaged(ValueError):
    """A key that cannot be used. The message says what is wrong and never quotes key material."""


def members(key: VerifyingKey) -> dict[str, str]:
    """Return the required members of a public key, in the order of RFC 7638."""
    if isinstance(key, ed25519.Ed25519PublicKey):
        return {"crv": "Ed25519", "kty": "OKP", "x": _text(key.public_bytes_raw())}
    if isinstance(key, rsa.RSAPublicKey):
        modulus = key.public_numbers()
        return {"e": _text(_octets(modulus.e)), "kty": "RSA", "n": _text(_octets(modulus.n))}
    point = key.public_numbers()
    x, y = (_text(c.to_bytes(_P256_COORDINATE_OCTETS, "big")) for c in (point.x, point.y))
    return {"crv": "P-256", "kty": "EC", "x": x, "y": y}


def load(jwk: Mapping[str, object]) -> VerifyingKey:
    """Return the public key of P-256, RSA or Ed25519 that the members describe.

    KeyDamaged where members are missing or of the wrong form, where the point is not on the curve,
    and where private members are present: whoever publishes those has lost the key.
    """
    if not _PRIVATE_MEMBERS.isdisjoint(jwk):
        raise KeyDamaged("the JWK has private members")
    required = _required(jwk)
    try:
        return _LOADERS[required["kty"]](required)
    except (ValueError, OverflowError):
        reason = f"the members of the {required['kty']} JWK do not describe a usable key"
    raise KeyDamaged(reason)


def thumbprint(jwk: Mapping[str, object]) -> str:
    """Return the base64url SHA-256 thumbprint (RFC 7638); KeyDamaged where a member is missing."""
    canonical = json.dumps(_required(jwk), separators=(",", ":"), sort_keys=True)
    return _text(hashlib.sha256(canonical.encode("ascii")).digest())


def _required(jwk: Mapping[str, object]) -> dict[str, str]:
    names = _REQUIRED_MEMBERS.get(str(jwk.get("kty")))
    if names is None:
        raise KeyDamaged("the JWK is not of type EC, RSA or OKP")
    required = {name: value for name in names if isinstance(value := jwk.get(name), str)}
    if len(required) != len(names):
        raise KeyDamaged(f"the JWK needs {', '.join(names)}, each a string")
    return required


def _load_ec(jwk: Mapping[str, str]) -> VerifyingKey:
    x, y = (base64url.decode(jwk[name].encode()) for name in ("x", "y"))
    if jwk["crv"] != "P-256" or {len(x), len(y)} != {_P256_COORDINATE_OCTETS}:
        raise ValueError("not a point of P-256")
    return ec.EllipticCurvePublicNumbers(_number(x), _number(y), ec.SECP256R1()).public_key()


def _load_rsa(jwk: Mapping[str, str]) -> VerifyingKey:
    e, n = (_number(base64url.decode(jwk[name].encode())) for name in ("e", "n"))
    return rsa.RSAPublicNumbers(e, n).public_key()


def _load_okp(jwk: Mapping[str, str]) -> VerifyingKey:
    if jwk["crv"] != "Ed25519":
        raise ValueError("not a key of Ed25519")
    return ed25519.Ed25519PublicKey.from_public_bytes(base64url.decode(jwk["x"].encode()))


_LOADERS = {"EC": _load_ec, "OKP": _load_okp, "RSA": _load_rsa}


def _text(octets: bytes) -> str:
    return base64url.encode(octets).decode("ascii")


def _number(octets: bytes) -> int:
    return int.from_bytes(octets, "big")


def _octets(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")
