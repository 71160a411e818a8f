"""Keys that sign and keys that verify: one algorithm each, named by their thumbprint."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Self, TypeAlias

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from jwt import PyJWS

from mintmaster.tokens import jwk as json_web_key
from mintmaster.tokens.jwk import KeyDamaged, VerifyingKey, thumbprint

__all__ = ["Algorithm", "KeyDamaged", "PublicKey", "SigningKey", "thumbprint"]

RSA_BITS = 2048
"""Modulus of a new RSA key, in bits. One of 3072 signs three times slower."""

_RSA_BITS_ACCEPTED = frozenset({2048, 3072, 4096})
_RSA_EXPONENT = 65537
_PEM = re.compile(rb"\s*-----BEGIN PRIVATE KEY-----\s[A-Za-z0-9+/=\s]+-----END PRIVATE KEY-----\s*")

_PrivateKey: TypeAlias = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


class Algorithm(StrEnum):
    """Signature algorithms, by their names in JWS headers (RFC 7518 and RFC 8037, section 3.1)."""

    ES256 = "ES256"
    """ECDSA on P-256: small, fast to sign, accepted by kube-apiserver. The default."""
    RS256 = "RS256"
    """RSA PKCS#1 v1.5: for consumers that know nothing else."""
    EDDSA = "EdDSA"
    """Ed25519. kube-apiserver does not accept it."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key that verifies signatures of exactly one algorithm."""

    kid: str
    algorithm: Algorithm
    key: VerifyingKey = field(repr=False, compare=False)

    @classmethod
    def of(cls, key: VerifyingKey) -> Self:
        """Name a key by its thumbprint; KeyDamaged where its kind or size is none of ours."""
        algorithm = _algorithm_of(key)
        return cls(thumbprint(json_web_key.members(key)), algorithm, key)

    @classmethod
    def from_jwk(cls, jwk: Mapping[str, object]) -> Self:
        """Read a public JWK (RFC 7517); KeyDamaged where it is not a public key of ours.

        `alg`, `use` and `kid` may be absent; where they stand, they have to fit the key.
        """
        key = cls.of(json_web_key.load(jwk))
        for name, value in key.jwk().items():
            if jwk.get(name, value) != value:
                raise KeyDamaged(f"member {name!r} of the JWK does not fit its key")
        return key

    def jwk(self) -> dict[str, str]:
        """Return the public JWK, with `kid`, `alg` and `use` (RFC 7517, section 4)."""
        named = {"kid": self.kid, "alg": self.algorithm.value, "use": "sig"}
        return json_web_key.members(self.key) | named

    @property
    def signature_octets(self) -> int:
        """Length of every signature of this key (RFC 7518, sections 3.3 and 3.4)."""
        return self.key.key_size // 8 if isinstance(self.key, rsa.RSAPublicKey) else 64

    def verifies(self, signing_input: bytes, signature: bytes) -> bool:
        """Tell whether the signature is one of this key over the signing input."""
        if len(signature) != self.signature_octets:
            return False
        return _SIGNATURES[self.algorithm].verify(signing_input, self.key, signature)


@dataclass(frozen=True)
class SigningKey:
    """A private key, which signs with exactly one algorithm. Its repr does not show the key."""

    kid: str
    algorithm: Algorithm
    private: _PrivateKey = field(repr=False, compare=False)

    @classmethod
    def generate(cls, algorithm: Algorithm = Algorithm.ES256) -> Self:
        """Make a new key. RSA takes tens of milliseconds and more, the others next to none."""
        return cls._of(_GENERATORS[algorithm]())

    @classmethod
    def from_pem(cls, pem: bytes, expected_kid: str | None = None) -> Self:
        """Read an unencrypted PKCS#8 PEM (RFC 7468, section 10), one block and nothing else.

        KeyDamaged where it is something else, or where `expected_kid` names another key than the
        one it holds.
        """
        key = cls._of(_private_key(pem))
        if expected_kid is not None and key.kid != expected_kid:
            raise KeyDamaged(f"the PEM holds key {key.kid}, not key {expected_kid}")
        return key

    @classmethod
    def _of(cls, private: _PrivateKey) -> Self:
        public = PublicKey.of(private.public_key())
        return cls(public.kid, public.algorithm, private)

    def to_pem(self) -> bytes:
        """Return the unencrypted PKCS#8 PEM. It is the secret itself."""
        return self.private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )

    @cached_property
    def public(self) -> PublicKey:
        """The half that may be published."""
        return PublicKey(self.kid, self.algorithm, self.private.public_key())

    def sign(self, signing_input: bytes) -> bytes:
        """Sign with the key's one algorithm, in the signature form of JWS."""
        if isinstance(self.private, ec.EllipticCurvePrivateKey):
            return _ecdsa_signature(self.private, signing_input)
        return _SIGNATURES[self.algorithm].sign(signing_input, self.private)


_ES256 = ec.ECDSA(hashes.SHA256())


def _ecdsa_signature(private: ec.EllipticCurvePrivateKey, signing_input: bytes) -> bytes:
    """Sign with ES256: R and S as two numbers of 32 octets (RFC 7518, section 3.4).

    Gates do nothing more often. PyJWT turns the numbers into octets by way of their digits, which takes a tenth of
    the time of the signature itself.
    """
    r, s = decode_dss_signature(private.sign(signing_input, _ES256))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


_SIGNATURES = {algorithm: PyJWS().get_algorithm_by_name(algorithm.value) for algorithm in Algorithm}

_GENERATORS: dict[Algorithm, Callable[[], _PrivateKey]] = {
    Algorithm.ES256: lambda: ec.generate_private_key(ec.SECP256R1()),
    Algorithm.RS256: lambda: rsa.generate_private_key(_RSA_EXPONENT, RSA_BITS),
    Algorithm.EDDSA: ed25519.Ed25519PrivateKey.generate,
}


def _algorithm_of(key: VerifyingKey) -> Algorithm:
    if isinstance(key, ed25519.Ed25519PublicKey):
        return Algorithm.EDDSA
    if isinstance(key, ec.EllipticCurvePublicKey):
        if not isinstance(key.curve, ec.SECP256R1):
            raise KeyDamaged(f"the curve of the key is {key.curve.name}, not P-256")
        return Algorithm.ES256
    if key.key_size not in _RSA_BITS_ACCEPTED or key.public_numbers().e != _RSA_EXPONENT:
        raise KeyDamaged("an RSA key has 2048, 3072 or 4096 bits here, and public exponent 65537")
    return Algorithm.RS256


def _private_key(pem: bytes) -> _PrivateKey:
    if b"-----BEGIN ENCRYPTED PRIVATE KEY-----" in pem:
        raise KeyDamaged("the PEM is encrypted; an unencrypted PKCS#8 key is needed")
    if _PEM.fullmatch(pem) is None:
        raise KeyDamaged("not exactly one PEM block 'PRIVATE KEY' (unencrypted PKCS#8)")
    key = _loaded(pem)
    if not isinstance(key, _PrivateKey):
        raise KeyDamaged("the PEM holds no usable key of P-256, RSA or Ed25519")
    return key


def _loaded(pem: bytes) -> object:
    """Return the private key, or None: the library's errors stay here, lest they quote the PEM."""
    try:
        return serialization.load_pem_private_key(pem, password=None)
    except (ValueError, UnsupportedAlgorithm):
        return None
