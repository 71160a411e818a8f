"""Status List Tokens: what is signed can be read by anybody, and what is damaged by nobody."""

from __future__ import annotations

import base64
import json
import zlib
from typing import Any

import jwt
import pytest

from mintmaster.tokens import base64url
from mintmaster.tokens.keys import Algorithm, SigningKey
from mintmaster.tokens.status_list_token import (
    MAX_ENTRIES_OCTETS,
    StatusListToken,
    StatusListUnreadable,
    read,
    sign,
)

TOKEN = StatusListToken(
    uri="https://tokens.example.org/status-lists/1",
    issued_at=1_700_000_000,
    expires_at=1_700_043_200,
    ttl=45,
    entries=b"\xb9\xa3",
)
KEY = SigningKey.generate(Algorithm.ES256)


@pytest.mark.parametrize("algorithm", list(Algorithm))
def test_a_foreign_library_verifies_what_was_signed(algorithm: Algorithm) -> None:
    key = SigningKey.generate(algorithm)
    text = sign(TOKEN, key)
    claims = jwt.decode(
        text,
        jwt.PyJWK(key.public.jwk()),
        algorithms=[algorithm.value],
        options={"verify_exp": False},
    )
    header = {"typ": "statuslist+jwt", "alg": algorithm.value, "kid": key.kid}
    assert jwt.get_unverified_header(text) == header
    # The list is the vector of the draft, section 4.2.
    assert claims == {
        "sub": TOKEN.uri,
        "iat": TOKEN.issued_at,
        "exp": TOKEN.expires_at,
        "ttl": 45,
        "status_list": {"bits": 1, "lst": "eNrbuRgAAhcBXQ"},
    }


def test_what_was_signed_is_read_again() -> None:
    found = read(sign(TOKEN, KEY))
    assert found.key_id == KEY.kid
    assert (found.uri, found.entries, found.ttl) == (TOKEN.uri, TOKEN.entries, TOKEN.ttl)
    assert (found.issued_at, found.expires_at) == (TOKEN.issued_at, TOKEN.expires_at)


def text_of(**changes: Any) -> str:
    """A list with other claims."""
    claims = {
        "sub": "https://tokens.example.org/status-lists/1",
        "iat": 1,
        "exp": 2,
        "ttl": 3,
        "status_list": {"bits": 1, "lst": packed(b"\x00")},
    }
    parts = ({"typ": "statuslist+jwt", "alg": "ES256", "kid": "k"}, claims | changes)
    encoded = [base64url.encode(json.dumps(part).encode()).decode() for part in parts]
    return ".".join([*encoded, "c2ln"])


def packed(octets: bytes) -> str:
    return base64.urlsafe_b64encode(zlib.compress(octets)).rstrip(b"=").decode()


def test_the_frame_of_the_tests_below_can_be_read() -> None:
    assert read(text_of()).entries == b"\x00"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        "a.b.c",
        text_of(sub=None),
        text_of(iat="1"),
        text_of(status_list={"bits": 2, "lst": packed(b"\x00")}),
        text_of(status_list={"bits": 1, "lst": "nonsense"}),
        text_of(status_list={"bits": 1, "lst": "é"}),
        text_of(status_list={"bits": 1, "lst": packed(b"\x00" * 9)[:-4]}),
        text_of(status_list={"bits": 1, "lst": packed(bytes(MAX_ENTRIES_OCTETS + 1))}),
        text_of(status_list={"bits": 1}),
    ],
)
def test_46_what_is_no_list_of_ours_is_not_read(text: str) -> None:
    with pytest.raises(StatusListUnreadable):
        read(text)
