"""Attacks on the signature and the spelling of a JWT, by their number in the threat list."""

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from itertools import count

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from joserfc import jwe
from joserfc.jwk import ECKey

from mintmaster.tokens import base64url
from mintmaster.tokens.digests import digest
from mintmaster.tokens.invalid_token import InvalidToken, InvalidTokenCode
from mintmaster.tokens.jwt import MAX_TOKEN_BYTES, AccessTokenClaims, sign
from mintmaster.tokens.keys import Algorithm, PublicKey, SigningKey
from mintmaster.tokens.verifier import Verifier, signature_holds

Code = InvalidTokenCode

P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def _number(value: int) -> bytes:
    return value.to_bytes(32, "big")


def _halves(signature: bytes) -> tuple[int, int]:
    return int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")


def _with_signature(token: str, change: Callable[[bytes], bytes]) -> str:
    signing_input, _, signature = token.rpartition(".")
    changed = base64url.encode(change(base64url.decode(signature.encode())))
    return f"{signing_input}.{changed.decode()}"


SIGNATURES: list[tuple[int, str, Callable[[bytes], bytes]]] = [
    (6, "all zero", lambda s: bytes(len(s))),
    (6, "r zero", lambda s: bytes(32) + s[32:]),
    (6, "s zero", lambda s: s[:32] + bytes(32)),
    (6, "r the order of the group", lambda s: _number(P256_ORDER) + s[32:]),
    (6, "s the order of the group", lambda s: s[:32] + _number(P256_ORDER)),
    (6, "r and s beyond the order", lambda s: b"\xff" * len(s)),
    (6, "r and s both the order, as the psychic signature", lambda _s: _number(P256_ORDER) * 2),
    (7, "in DER", lambda s: encode_dss_signature(*_halves(s))),
    (7, "of 63 octets", lambda s: s[:-1]),
    (7, "of 65 octets", lambda s: s + b"\0"),
    (7, "of 65 octets, zero first", lambda s: b"\0" + s),
    (7, "of 96 octets", lambda s: bytes(16) + s[:32] + bytes(16) + s[32:]),
    (7, "of one octet", lambda s: s[:1]),
]


@pytest.mark.parametrize(
    "change", [pytest.param(change, id=f"{n}-{what}") for n, what, change in SIGNATURES]
)
def test_a_signature_of_another_form_or_value_is_refused(
    change: Callable[[bytes], bytes],
    claims: AccessTokenClaims,
    key: SigningKey,
    verifier: Verifier,
    now: datetime,
) -> None:
    token = _with_signature(sign(claims, key), change)
    with pytest.raises(InvalidToken) as refusal:
        verifier.verify(token, now)
    assert refusal.value.code is Code.SIGNATURE
    assert not signature_holds(token, verifier.keys)


@pytest.mark.parametrize("algorithm", Algorithm)
@pytest.mark.parametrize("change", [lambda s: s[:-1], lambda s: s + b"\0", lambda s: b"\0" + s])
def test_7_every_algorithm_has_one_length_of_signatures(
    algorithm: Algorithm,
    change: Callable[[bytes], bytes],
    claims: AccessTokenClaims,
    keys: Mapping[Algorithm, SigningKey],
    verifier: Verifier,
    now: datetime,
) -> None:
    token = _with_signature(sign(claims, keys[algorithm]), change)
    with pytest.raises(InvalidToken) as refusal:
        verifier.verify(token, now)
    assert refusal.value.code is Code.SIGNATURE


def test_8_a_malleated_signature_is_valid_and_has_the_same_digest_and_jti(
    claims: AccessTokenClaims, key: SigningKey, verifier: Verifier, now: datetime
) -> None:
    token = sign(claims, key)

    def malleate(signature: bytes) -> bytes:
        r, s = _halves(signature)
        return _number(r) + _number(P256_ORDER - s)

    malleated = _with_signature(token, malleate)
    assert malleated != token
    assert digest(malleated) == digest(token)
    assert verifier.verify(malleated, now).jti == claims.jti


def _with_stray_bits(token: str) -> str:
    """Set the lowest bit of the last character, which stands for no bit of a 64-octet signature."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return token[:-1] + alphabet[alphabet.index(token[-1]) + 1]


def _with_part(token: str, index: int, part: str) -> str:
    parts = token.split(".")
    parts[index] = part
    return ".".join(parts)


def _json_flattened(token: str) -> str:
    protected, payload, signature = token.split(".")
    return json.dumps({"protected": protected, "payload": payload, "signature": signature})


def _json_general(token: str) -> str:
    protected, payload, signature = token.split(".")
    signatures = [{"protected": protected, "signature": signature}]
    return json.dumps({"payload": payload, "signatures": signatures})


SPELLINGS: list[tuple[int, str, Callable[[str], str | bytes]]] = [
    (1, "no signature", lambda t: t.rpartition(".")[0] + "."),
    (9, "padding after the signature", lambda t: t + "=="),
    (9, "padding after the header", lambda t: t.replace(".", "=.", 1)),
    (9, "stray bits in the last character", _with_stray_bits),
    (9, "the alphabet of base64: +", lambda t: t.replace("-", "+")),
    (9, "the alphabet of base64: /", lambda t: t.replace("_", "/")),
    (9, "a signature whose length no base64 has", lambda t: t + "AAA"),
    (10, "space before", lambda t: " " + t),
    (10, "space after", lambda t: t + " "),
    (10, "line feed after", lambda t: t + "\n"),
    (10, "line feed inside", lambda t: t.replace(".", "\n.", 1)),
    (10, "NUL after", lambda t: t + "\0"),
    (10, "tab inside", lambda t: t[:20] + "\t" + t[20:]),
    (10, "non-ASCII letter", lambda t: t + "\u00e9"),
    (10, "digit of another script", lambda t: t + "\u0663"),
    (10, "lone surrogate", lambda t: t + "\ud800"),
    (10, "octets that are no ASCII", lambda t: t.encode() + b"\xff"),
    (10, "a scheme before", lambda t: "Bearer " + t),
    (11, "two parts", lambda t: t.rpartition(".")[0]),
    (11, "four parts", lambda t: t + ".e30"),
    (11, "five parts", lambda t: t + ".e30.e30"),
    (11, "nothing", lambda _t: ""),
    (11, "two dots", lambda _t: ".."),
    (11, "empty header", lambda t: _with_part(t, 0, "")),
    (11, "empty payload", lambda t: _with_part(t, 1, "")),
    (11, "flattened JSON serialization", _json_flattened),
    (11, "general JSON serialization", _json_general),
    (20, "deep JSON", lambda _t: "[" * MAX_TOKEN_BYTES),
]


@pytest.mark.parametrize(
    "spelling", [pytest.param(spelling, id=f"{n}-{what}") for n, what, spelling in SPELLINGS]
)
def test_another_spelling_of_a_token_is_refused(
    spelling: Callable[[str], str | bytes],
    claims: AccessTokenClaims,
    key: SigningKey,
    verifier: Verifier,
    now: datetime,
) -> None:
    minted = (sign(claims, key) for _ in count())
    token = next(t for t in minted if "-" in t and "_" in t)
    with pytest.raises(InvalidToken) as refusal:
        verifier.verify(spelling(token), now)
    assert refusal.value.code is Code.MALFORMED


def test_11_a_jwe_made_with_our_public_key_is_refused(
    key: SigningKey, verifier: Verifier, now: datetime
) -> None:
    recipient = ECKey.import_key({**key.public.jwk(), "use": "enc", "alg": "ECDH-ES"})
    header = {"alg": "ECDH-ES", "enc": "A256GCM", "kid": key.kid, "typ": "at+jwt"}
    token = jwe.encrypt_compact(header, b"{}", recipient)
    assert token.count(".") == 4
    with pytest.raises(InvalidToken) as refusal:
        verifier.verify(token, now)
    assert refusal.value.code is Code.MALFORMED


@pytest.mark.parametrize("size", [MAX_TOKEN_BYTES + 1, 1_000_000, 100_000_000])
def test_20_size_is_looked_at_before_anything_else(
    size: int, verifier: Verifier, now: datetime
) -> None:
    with pytest.raises(InvalidToken) as refusal:
        verifier.verify(b"[" * size, now)
    assert refusal.value.code is Code.TOO_LARGE


def test_27_the_keys_of_another_issuer_of_the_same_name_are_unknown(
    claims: AccessTokenClaims, verifier: Verifier, now: datetime
) -> None:
    elsewhere = SigningKey.generate()
    with pytest.raises(InvalidToken) as refusal:
        verifier.verify(sign(claims, elsewhere), now)
    assert refusal.value.code is Code.KEY_UNKNOWN


@pytest.mark.parametrize("algorithm", Algorithm)
def test_a_signature_holds_under_its_own_key_only(
    algorithm: Algorithm,
    claims: AccessTokenClaims,
    keys: Mapping[Algorithm, SigningKey],
    public_keys: Mapping[str, PublicKey],
) -> None:
    key = keys[algorithm]
    token = sign(claims, key)
    assert signature_holds(token, public_keys)
    assert signature_holds(token.encode(), {key.kid: key.public})
    assert not signature_holds(token, {})
    others = {kid: public for kid, public in public_keys.items() if kid != key.kid}
    assert not signature_holds(token, others)
    stranger = SigningKey.generate(Algorithm.ES256).public
    assert not signature_holds(token, {key.kid: stranger})
