"""Digests: stable, blind to signatures, and of no use to whoever has only a part of a token."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mintmaster.tokens import base64url, opaque
from mintmaster.tokens.digests import digest
from mintmaster.tokens.jwt import AccessTokenClaims, sign
from mintmaster.tokens.keys import SigningKey


def _sha256(text: str) -> str:
    return base64url.encode(hashlib.sha256(text.encode()).digest()).decode()


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        ("abc", "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0"),
        ("", "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"),
    ],
    ids=["FIPS-180-abc", "empty"],
)
def test_text_without_dots_is_hashed_whole(token: str, expected: str) -> None:
    assert digest(token) == expected


def test_an_opaque_token_is_hashed_whole() -> None:
    token = opaque.mint("glrt-")
    assert digest(token) == _sha256(token)


def test_a_jwt_is_hashed_without_its_signature(claims: AccessTokenClaims, key: SigningKey) -> None:
    first, second = sign(claims, key), sign(claims, key)
    assert first != second
    assert digest(first) == digest(second) == _sha256(first.rpartition(".")[0])


@pytest.mark.parametrize("shape", ["{h}", "{h}.{p}", "{h}.{p}.", "{h}.{p}.{s}=", "{h}.{p}.{s}.{s}"])
def test_a_part_or_another_spelling_of_a_jwt_has_another_digest(shape: str) -> None:
    token = "aGVhZGVy.cGF5bG9hZA.c2lnbmF0dXJl"
    header, payload, signature = token.split(".")
    assert digest(shape.format(h=header, p=payload, s=signature)) != digest(token)


@given(st.text(st.characters(categories=None)))
def test_any_text_has_a_digest_of_43_characters(text: str) -> None:
    assert len(digest(text)) == 43
