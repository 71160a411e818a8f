"""Properties of the verifier under arbitrary input: nothing changed verifies, nothing else is raised."""

from collections.abc import Callable, Mapping
from datetime import datetime

import msgspec
from hypothesis import example, given
from hypothesis import strategies as st

from mintmaster.tokens import base64url
from mintmaster.tokens.invalid_token import InvalidToken
from mintmaster.tokens.jwt import AccessTokenClaims, ClaimsMalformed, TokenTooLarge, sign
from mintmaster.tokens.keys import Algorithm, SigningKey
from mintmaster.tokens.verifier import Verifier, signature_holds

Signed = Callable[[object, object], str]

ANY_TEXT = st.text(st.characters(categories=None))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(ANY_TEXT, inner),
    max_leaves=10,
)
CLAIM_NAMES = st.sampled_from([*AccessTokenClaims.__struct_encode_fields__, "nbf"])
HEADER_NAMES = st.sampled_from(["typ", "alg", "kid", "crit", "b64", "zip", "cty", "jwk", "x"])


def _accepted(verifier: Verifier, token: str | bytes, now: datetime) -> bool:
    """Tell whether the token is accepted; anything but InvalidToken fails the test."""
    try:
        verifier.verify(token, now)
    except InvalidToken as refusal:
        assert refusal.__context__ is None  # noqa: PT017 - being accepted is no failure here
        return False
    return True


def _with_bit_flipped(octets: bytes, bit: int) -> bytes:
    number = int.from_bytes(octets, "big") ^ (1 << bit)
    return number.to_bytes(len(octets), "big")


@given(algorithm=st.sampled_from(Algorithm), part=st.integers(0, 2), data=st.data())
def test_30_one_flipped_bit_of_header_payload_or_signature_is_found(
    claims: AccessTokenClaims,
    keys: Mapping[Algorithm, SigningKey],
    verifier: Verifier,
    now: datetime,
    algorithm: Algorithm,
    part: int,
    data: st.DataObject,
) -> None:
    parts = sign(claims, keys[algorithm]).split(".")
    octets = base64url.decode(parts[part].encode())
    bit = data.draw(st.integers(0, 8 * len(octets) - 1))
    parts[part] = base64url.encode(_with_bit_flipped(octets, bit)).decode()
    assert not _accepted(verifier, ".".join(parts), now)


@given(data=st.data())
def test_30_one_flipped_bit_of_the_token_as_sent_is_found(
    claims: AccessTokenClaims,
    key: SigningKey,
    verifier: Verifier,
    now: datetime,
    data: st.DataObject,
) -> None:
    token = sign(claims, key).encode()
    bit = data.draw(st.integers(0, 8 * len(token) - 1))
    assert not _accepted(verifier, _with_bit_flipped(token, bit), now)


@given(st.one_of(st.binary(), ANY_TEXT, st.from_regex(r"[\w-]*\.[\w-]*\.[\w-]*")))
@example(b"")
@example("..")
def test_arbitrary_input_is_refused(verifier: Verifier, now: datetime, token: str | bytes) -> None:
    assert not _accepted(verifier, token, now)
    assert not signature_holds(token, verifier.keys)


@given(st.dictionaries(CLAIM_NAMES, JSON, min_size=1) | JSON | st.binary())
def test_an_arbitrary_payload_signed_by_us_is_read_or_refused(
    header: dict[str, object],
    payload: dict[str, object],
    signed: Signed,
    verifier: Verifier,
    now: datetime,
    part: object,
) -> None:
    changed = payload | part if isinstance(part, dict) else part
    _accepted(verifier, signed(header, changed), now)


@given(st.dictionaries(HEADER_NAMES, JSON, min_size=1) | JSON | st.binary())
def test_an_arbitrary_header_signed_by_us_is_read_or_refused(
    header: dict[str, object],
    payload: dict[str, object],
    signed: Signed,
    verifier: Verifier,
    now: datetime,
    part: object,
) -> None:
    changed = header | part if isinstance(part, dict) else part
    _accepted(verifier, signed(changed, payload), now)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "sub": ANY_TEXT,
            "jti": ANY_TEXT,
            "client_id": ANY_TEXT,
            "scope": ANY_TEXT,
            "roles": st.lists(ANY_TEXT).map(tuple),
            "projects": st.lists(ANY_TEXT).map(tuple),
            "email": st.none() | ANY_TEXT,
            "preferred_username": st.none() | ANY_TEXT,
        },
    )
)
def test_whatever_we_sign_our_verifier_accepts_unchanged(
    claims: AccessTokenClaims,
    key: SigningKey,
    verifier: Verifier,
    now: datetime,
    changes: dict[str, object],
) -> None:
    changed = msgspec.structs.replace(claims, **changes)
    try:
        token = sign(changed, key)
    except (ClaimsMalformed, TokenTooLarge):
        return
    assert verifier.verify(token, now) == changed


@given(st.text(st.characters(categories=("L", "N", "P", "S")), min_size=1, max_size=200))
def test_printable_text_of_all_scripts_survives_the_round_trip(
    claims: AccessTokenClaims, key: SigningKey, verifier: Verifier, now: datetime, text: str
) -> None:
    changed = msgspec.structs.replace(claims, preferred_username=text)
    assert verifier.verify(sign(changed, key), now) == changed
