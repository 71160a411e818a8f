"""Tokens that share their claims: a stencil mints what `sign` would mint, and refuses what `sign` would refuse."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mintmaster.tokens import base64url
from mintmaster.tokens.claims import LATEST_NUMERIC_DATE, AccessTokenClaims, ResourceClaim
from mintmaster.tokens.jwt import ActorClaim, ClaimsMalformed, Stencil, TokenTooLarge, sign
from mintmaster.tokens.keys import SigningKey
from mintmaster.tokens.verifier import Verifier
from tokens.conftest import ISSUED_AT

KEY = SigningKey.generate()
NAME = "c0ffee.3.00ff"

texts = st.text(
    st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=40
) | st.sampled_from(
    ['","exp":0,"iat":0,"jti":"-",', ',"exp":1772370000,"iat":1772366400,', "\\", "~?>", "Zoë"]
)


@st.composite
def claim_sets(draw: st.DrawFn) -> AccessTokenClaims:
    names = texts.filter(lambda text: not text.startswith("system:"))
    return AccessTokenClaims(
        iss=draw(texts),
        sub=draw(names),
        aud=tuple(draw(st.lists(texts, min_size=1, max_size=3))),
        exp=ISSUED_AT + 3600,
        iat=ISSUED_AT,
        jti=NAME,
        client_id=draw(names),
        roles=tuple(draw(st.lists(names, max_size=2))),
        projects=tuple(draw(st.lists(names, max_size=2))),
        preferred_username=draw(st.none() | names),
        act=draw(st.none() | names.map(lambda name: ActorClaim(sub=name))),
        resource=ResourceClaim(
            kind="K", namespace=draw(texts), name=draw(texts), uid="u", revision=3
        ),
    )


def signing_input(token: str) -> str:
    return token.rpartition(".")[0]


@given(claim_sets())
def test_a_stencil_mints_what_sign_mints_to_the_byte(claims: AccessTokenClaims) -> None:
    try:
        expected = sign(claims, KEY)
    except ClaimsMalformed:
        with pytest.raises(ClaimsMalformed):
            Stencil.of(claims)
        return
    shared = msgspec.structs.replace(claims, exp=0, iat=0, jti="-")
    token = Stencil.of(shared).sign(KEY, NAME, claims.iat, claims.exp)
    assert signing_input(token) == signing_input(expected)
    now = datetime.fromtimestamp(ISSUED_AT, UTC)
    assert Verifier(claims.iss, {KEY.kid: KEY.public}).verify(token, now) == claims


@pytest.mark.parametrize("name", ["", 'a"b', "a\\b", "a b", "ä", "a\n", "a,b"])
def test_a_name_of_other_characters_is_refused(claims: AccessTokenClaims, name: str) -> None:
    with pytest.raises(ClaimsMalformed):
        Stencil.of(claims).sign(KEY, name, 0, 1)


@pytest.mark.parametrize("name", ["", 'a"b', "a\\b", "a\n"])
def test_a_name_that_json_would_write_otherwise_makes_no_stencil(
    claims: AccessTokenClaims, name: str
) -> None:
    with pytest.raises(ClaimsMalformed):
        Stencil.of(msgspec.structs.replace(claims, jti=name))


@pytest.mark.parametrize(("issued", "ends"), [(-1, 1), (2, 1), (0, LATEST_NUMERIC_DATE + 1)])
def test_a_time_that_no_verifier_would_read_is_refused(
    claims: AccessTokenClaims, issued: int, ends: int
) -> None:
    with pytest.raises(ClaimsMalformed):
        Stencil.of(claims).sign(KEY, NAME, issued, ends)


def test_a_token_that_is_too_large_is_refused(claims: AccessTokenClaims) -> None:
    wide = Stencil.of(msgspec.structs.replace(claims, scope=" ".join(["x" * 60] * 60)))
    with pytest.raises(TokenTooLarge):
        wide.sign(KEY, NAME, 0, 1)


def test_other_names_and_times_are_all_that_differs(claims: AccessTokenClaims) -> None:
    stencil = Stencil.of(claims)
    payloads = [
        msgspec.json.decode(
            base64url.decode(stencil.sign(KEY, f"name-{at}", at, at + 9).split(".")[1].encode())
        )
        for at in (0, ISSUED_AT)
    ]
    assert [(it.pop("jti"), it.pop("iat"), it.pop("exp")) for it in payloads] == [
        ("name-0", 0, 9),
        (f"name-{ISSUED_AT}", ISSUED_AT, ISSUED_AT + 9),
    ]
    assert payloads[0] == payloads[1]
