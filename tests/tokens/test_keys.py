"""Keys: the vectors of the RFCs, PEM files in every state of damage, and nothing private in sight."""

import pickle
from collections.abc import Mapping
from functools import cache

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa, x25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from mintmaster.tokens import base64url
from mintmaster.tokens.keys import Algorithm, KeyDamaged, PublicKey, SigningKey, thumbprint

RFC_7638_JWK = {
    "kty": "RSA",
    "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc"
    "_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0"
    "_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhA"
    "I4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
    "e": "AQAB",
    "alg": "RS256",
}
RFC_7638_THUMBPRINT = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"

RFC_7515_A3_JWK = {
    "kty": "EC",
    "crv": "P-256",
    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
}
RFC_7515_A3_JWS = (
    "eyJhbGciOiJFUzI1NiJ9"
    ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
    ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
)

RFC_8037_JWK = {
    "kty": "OKP",
    "crv": "Ed25519",
    "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
}
RFC_8037_THUMBPRINT = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
RFC_8037_JWS = (
    "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc"
    ".hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
)


@pytest.mark.parametrize(
    ("jwk", "expected"),
    [
        pytest.param(RFC_7638_JWK, RFC_7638_THUMBPRINT, id="RFC-7638-section-3.1"),
        pytest.param(RFC_8037_JWK, RFC_8037_THUMBPRINT, id="RFC-8037-appendix-A.3"),
    ],
)
def test_the_kid_is_the_thumbprint_of_the_rfc(jwk: dict[str, str], expected: str) -> None:
    assert thumbprint(jwk) == expected
    assert PublicKey.from_jwk(jwk).kid == expected


@pytest.mark.parametrize(
    ("jwk", "jws"),
    [
        pytest.param(RFC_7515_A3_JWK, RFC_7515_A3_JWS, id="RFC-7515-appendix-A.3"),
        pytest.param(RFC_8037_JWK, RFC_8037_JWS, id="RFC-8037-appendix-A.5"),
    ],
)
def test_the_signature_of_the_rfc_verifies(jwk: dict[str, str], jws: str) -> None:
    signing_input, _, signature = jws.rpartition(".")
    octets = base64url.decode(signature.encode())
    key = PublicKey.from_jwk(jwk)
    assert key.verifies(signing_input.encode(), octets)
    assert not key.verifies(signing_input.encode() + b"A", octets)


@pytest.mark.parametrize("algorithm", Algorithm)
def test_a_pem_gives_the_same_key_again(
    algorithm: Algorithm, keys: Mapping[Algorithm, SigningKey]
) -> None:
    key = keys[algorithm]
    again = SigningKey.from_pem(key.to_pem(), expected_kid=key.kid)
    assert again == key
    assert again.algorithm is algorithm
    assert key.public.verifies(b"message", again.sign(b"message"))


@pytest.mark.parametrize("algorithm", Algorithm)
def test_a_jwk_gives_the_same_public_key_again_and_nothing_private(
    algorithm: Algorithm, keys: Mapping[Algorithm, SigningKey]
) -> None:
    key = keys[algorithm]
    jwk = key.public.jwk()
    assert PublicKey.from_jwk(jwk) == key.public
    assert set(jwk) <= {"kty", "crv", "x", "y", "n", "e", "kid", "alg", "use"}
    assert (jwk["kid"], jwk["alg"], jwk["use"]) == (key.kid, algorithm.value, "sig")


def test_the_pem_of_another_key_is_refused_by_its_kid(
    keys: Mapping[Algorithm, SigningKey],
) -> None:
    pem, expected = keys[Algorithm.EDDSA].to_pem(), keys[Algorithm.ES256].kid
    with pytest.raises(KeyDamaged, match=f"not key {expected}"):
        SigningKey.from_pem(pem, expected_kid=expected)


def test_a_larger_rsa_key_is_taken_from_a_pem() -> None:
    larger = SigningKey.from_pem(_pem(rsa.generate_private_key(65537, 3072)))
    assert larger.algorithm is Algorithm.RS256
    assert larger.public.signature_octets == 384
    assert larger.public.verifies(b"message", larger.sign(b"message"))


PrivateKey = (
    ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed448.Ed448PrivateKey | x25519.X25519PrivateKey
)


def _pem(key: PrivateKey, form: PrivateFormat = PrivateFormat.PKCS8) -> bytes:
    return key.private_bytes(Encoding.PEM, form, NoEncryption())


def _encrypted(key: ec.EllipticCurvePrivateKey) -> bytes:
    encryption = BestAvailableEncryption(b"password")
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


@cache
def _damaged_pems() -> dict[str, tuple[bytes, str]]:
    """Return PEMs, or what stands in their place, and what the message has to say."""
    p256 = ec.generate_private_key(ec.SECP256R1())
    pem = _pem(p256)
    public = SigningKey.from_pem(pem).public.key
    lines = pem.splitlines(keepends=True)
    return {
        "empty": (b"", "not exactly one PEM block"),
        "text": (b"changeme", "not exactly one PEM block"),
        "encrypted": (_encrypted(p256), "encrypted"),
        "SEC1": (_pem(p256, PrivateFormat.TraditionalOpenSSL), "PKCS#8"),
        "two keys": (pem + pem, "not exactly one PEM block"),
        "words before the key": (b"my key\n" + pem, "not exactly one PEM block"),
        "cut short": (b"".join(lines[:-2]), "not exactly one PEM block"),
        "a line missing": (b"".join(lines[:1] + lines[2:]), "no usable key"),
        "a letter changed": (lines[0] + b"A" + b"".join(lines[1:]), "no usable key"),
        "public": (
            public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
            "not exactly one PEM block",
        ),
        "P-384": (_pem(ec.generate_private_key(ec.SECP384R1())), "secp384r1, not P-256"),
        "P-256K": (_pem(ec.generate_private_key(ec.SECP256K1())), "secp256k1, not P-256"),
        "RSA of 1024 bits": (_pem(rsa.generate_private_key(65537, 1024)), "2048, 3072 or 4096"),
        "RSA of exponent 3": (_pem(rsa.generate_private_key(3, 2048)), "exponent 65537"),
        "Ed448": (_pem(ed448.Ed448PrivateKey.generate()), "no usable key"),
        "X25519": (_pem(x25519.X25519PrivateKey.generate()), "no usable key"),
    }


@pytest.mark.parametrize("damage", sorted(_damaged_pems()))
def test_a_damaged_pem_is_refused_with_what_is_wrong_and_without_its_content(damage: str) -> None:
    pem, message = _damaged_pems()[damage]
    with pytest.raises(KeyDamaged, match=message) as refusal:
        SigningKey.from_pem(pem)
    assert refusal.value.__context__ is None
    assert not [line for line in pem.decode().splitlines() if line in str(refusal.value)]


DAMAGED_JWKS: list[tuple[str, dict[str, object], str]] = [
    ("no type", {"kty": None}, "not of type"),
    ("a shared secret", {"kty": "oct", "x": "AA"}, "not of type"),
    ("a type in lower case", {"kty": "ec"}, "not of type"),
    ("no y", {"y": None}, "needs crv, kty, x, y"),
    ("a numeric y", {"y": 7}, "needs crv, kty, x, y"),
    ("another curve", {"crv": "P-384"}, "do not describe"),
    ("a point off the curve", {"x": RFC_7515_A3_JWK["y"]}, "do not describe"),
    ("a short coordinate", {"x": "AQAB"}, "do not describe"),
    ("a padded coordinate", {"x": RFC_7515_A3_JWK["x"] + "="}, "do not describe"),
    ("letters outside ASCII", {"x": "\u00e9" * 43}, "do not describe"),
    ("a lone surrogate", {"x": "\ud800" * 43}, "do not describe"),
    ("a private member", {"d": "AA"}, "private members"),
    ("the algorithm of another type", {"alg": "RS256"}, "'alg'"),
    ("an encryption key", {"use": "enc"}, "'use'"),
    ("the kid of another key", {"kid": RFC_7638_THUMBPRINT}, "'kid'"),
]


@pytest.mark.parametrize(
    ("changes", "message"), [pytest.param(c, m, id=what) for what, c, m in DAMAGED_JWKS]
)
def test_a_damaged_jwk_is_refused_with_what_is_wrong(
    changes: dict[str, object], message: str
) -> None:
    with pytest.raises(KeyDamaged, match=message):
        PublicKey.from_jwk(RFC_7515_A3_JWK | changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param({"e": "Aw"}, "exponent 65537", id="exponent 3"),
        pytest.param({"e": "AAEAAQ"}, "'e'", id="exponent with a zero in front"),
        pytest.param({"n": "AQAB"}, "2048|do not describe", id="a modulus of 17 bits"),
        pytest.param({"n": ""}, "do not describe", id="an empty modulus"),
    ],
)
def test_a_damaged_rsa_jwk_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(KeyDamaged, match=message):
        PublicKey.from_jwk(RFC_7638_JWK | changes)


@pytest.mark.parametrize("changes", [{"crv": "Ed448"}, {"x": "AQAB"}])
def test_a_damaged_okp_jwk_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(KeyDamaged, match="do not describe"):
        PublicKey.from_jwk(RFC_8037_JWK | changes)


@pytest.mark.parametrize("algorithm", Algorithm)
def test_no_representation_shows_the_private_key(
    algorithm: Algorithm, keys: Mapping[Algorithm, SigningKey]
) -> None:
    key = keys[algorithm]
    for text in (repr(key), str(key), f"{key}"):
        assert text == f"SigningKey(kid={key.kid!r}, algorithm={algorithm!r})"
    with pytest.raises(TypeError):
        pickle.dumps(key)


def test_new_keys_are_p256_unless_told_otherwise() -> None:
    key = SigningKey.generate()
    assert key.algorithm is Algorithm.ES256
    assert key.kid != SigningKey.generate().kid
