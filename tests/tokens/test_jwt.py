"""Minting of JWTs: the exact bytes, the size limit, and what is never signed."""

import base64
import json
from collections.abc import Mapping
from datetime import datetime

import msgspec
import pytest

from mintmaster.tokens import base64url
from mintmaster.tokens.jwt import (
    MAX_TOKEN_BYTES,
    AccessTokenClaims,
    ClaimsMalformed,
    StatusClaim,
    StatusListEntry,
    TokenTooLarge,
    sign,
)
from mintmaster.tokens.keys import Algorithm, SigningKey
from mintmaster.tokens.verifier import Verifier


def _parts(token: str) -> list[bytes]:
    return [base64url.decode(part.encode()) for part in token.split(".")]


def test_header_and_payload_of_a_runner_token_to_the_byte(
    claims: AccessTokenClaims, key: SigningKey
) -> None:
    header, payload, signature = _parts(sign(claims, key))
    assert header == b'{"typ":"at+jwt","alg":"ES256","kid":"%s"}' % key.kid.encode()
    assert payload == (
        b'{"iss":"https://tokens.example.org","sub":"runner:ci:linux",'
        b'"aud":["https://services.example.org"],"exp":1772370000,"iat":1772366400,'
        b'"jti":"1f0c7d2e","client_id":"runner:ci:linux",'
        b'"scope":"read_api write_repository","roles":["Researcher"],"projects":["atlas"],'
        b'"mintmaster.dev":{"kind":"RunnerRegistration","namespace":"ci","name":"linux",'
        b'"uid":"c0ffee","revision":3}}'
    )
    assert len(signature) == 64


def test_payload_of_a_user_token_with_status_list_to_the_byte(
    claims: AccessTokenClaims, key: SigningKey
) -> None:
    user = msgspec.structs.replace(
        claims,
        sub="user:zoe@team.example",
        scope="",
        roles=(),
        projects=(),
        email="zoe@team.example",
        preferred_username="Zoë",
        status=StatusClaim(status_list=StatusListEntry(idx=7, uri="https://tokens/lists/1")),
    )
    _, payload, _ = _parts(sign(user, key))
    assert (
        '"client_id":"runner:ci:linux","roles":[],"projects":[],"email":"zoe@team.example",'
        '"preferred_username":"Zo\\u00eb","status":{"status_list":{"idx":7,'
        '"uri":"https://tokens/lists/1"}},"mintmaster.dev":{'
    ) in payload.decode()


@pytest.mark.parametrize("awkward", ["a~b", "a?b>c", "Zoë", "\U0001f511", "~~~~~~"])
def test_a_payload_reads_the_same_in_plain_base64(
    claims: AccessTokenClaims, key: SigningKey, verifier: Verifier, now: datetime, awkward: str
) -> None:
    for padding in range(3):
        named = msgspec.structs.replace(claims, preferred_username="x" * padding + awkward)
        token = sign(named, key)

        payload = token.split(".")[1]

        assert not set("-_") & set(payload)
        decoded = json.loads(base64.b64decode(payload + "=="))
        assert decoded["preferred_username"] == named.preferred_username
        assert verifier.verify(token, now) == named


def test_the_same_claims_give_the_same_signing_input(
    claims: AccessTokenClaims, key: SigningKey
) -> None:
    first, second = sign(claims, key), sign(claims, key)
    assert first.rpartition(".")[0] == second.rpartition(".")[0]


@pytest.mark.parametrize("algorithm", Algorithm)
def test_an_ordinary_token_stays_under_1500_bytes(
    algorithm: Algorithm, claims: AccessTokenClaims, keys: Mapping[Algorithm, SigningKey]
) -> None:
    ordinary = msgspec.structs.replace(
        claims,
        aud=("https://services.example.org", "https://reana.example.org"),
        scope=" ".join(f"scope_number_{n}" for n in range(8)),
        roles=("Researcher", "Editor"),
        projects=("atlas", "cms"),
    )
    assert len(sign(ordinary, keys[algorithm])) < 1500


def _of_size(claims: AccessTokenClaims, key: SigningKey, octets: int) -> AccessTokenClaims:
    """Lengthen `jti` until the token has at least this many bytes: base64 gives 4 for 3."""
    missing = (octets - len(sign(claims, key))) * 3 // 4
    return msgspec.structs.replace(claims, jti=claims.jti + "x" * missing)


@pytest.mark.parametrize("algorithm", Algorithm)
def test_a_token_of_just_the_size_limit_is_minted_and_accepted(
    algorithm: Algorithm,
    claims: AccessTokenClaims,
    keys: Mapping[Algorithm, SigningKey],
    verifier: Verifier,
    now: datetime,
) -> None:
    key = keys[algorithm]
    largest = _of_size(claims, key, MAX_TOKEN_BYTES)
    token = sign(largest, key)
    assert MAX_TOKEN_BYTES - 1 <= len(token) <= MAX_TOKEN_BYTES
    assert verifier.verify(token, now) == largest


def test_a_larger_token_is_not_minted(claims: AccessTokenClaims, key: SigningKey) -> None:
    with pytest.raises(TokenTooLarge, match=r"40\d\d bytes, the limit is 4096") as refusal:
        sign(_of_size(claims, key, MAX_TOKEN_BYTES + 2), key)
    assert refusal.value.octets > MAX_TOKEN_BYTES


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param({"sub": "system:admin"}, r"allowed form - at `\$.sub`", id="system-subject"),
        pytest.param({"sub": "canary\0"}, r"allowed form - at `\$.sub`", id="NUL-in-subject"),
        pytest.param({"sub": ""}, "length >= 1", id="no-subject"),
        pytest.param({"aud": ()}, "length >= 1", id="no-audience"),
        pytest.param({"roles": ("system:masters",)}, r"`\$.roles\[0\]`", id="system-group"),
        pytest.param({"scope": "canary  b"}, r"`\$.scope`", id="two-spaces-in-scope"),
        pytest.param({"email": "canary\ud800"}, "lone surrogate", id="lone-surrogate"),
        pytest.param({"exp": 10**400}, "Expected `int` <=", id="exp-of-401-digits"),
        pytest.param({"exp": 1.5}, "Expected `int`", id="exp-a-fraction"),
    ],
)
def test_claims_that_no_verifier_would_read_are_not_signed(
    changes: dict[str, object], message: str, claims: AccessTokenClaims, key: SigningKey
) -> None:
    with pytest.raises(ClaimsMalformed, match=message) as refusal:
        sign(msgspec.structs.replace(claims, **changes), key)
    assert refusal.value.__context__ is None
    assert "canary" not in str(refusal.value)
