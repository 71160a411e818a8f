"""The verifier: keys with their periods, audiences, and errors that quote nothing."""

import traceback
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from mintmaster.tokens.invalid_token import InvalidToken, InvalidTokenCode
from mintmaster.tokens.jwt import AccessTokenClaims, sign
from mintmaster.tokens.keys import Algorithm, SigningKey
from mintmaster.tokens.verifier import KeyPeriod, Verifier

Signed = Callable[[object, object], str]
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize("algorithm", Algorithm)
def test_what_we_mint_is_accepted_as_text_and_as_octets(
    algorithm: Algorithm,
    claims: AccessTokenClaims,
    keys: Mapping[Algorithm, SigningKey],
    verifier: Verifier,
    now: datetime,
) -> None:
    token = sign(claims, keys[algorithm])
    assert verifier.verify(token, now) == claims
    assert verifier.verify(token.encode(), now) == claims


@pytest.mark.parametrize(
    ("period", "accepted"),
    [
        pytest.param(lambda now: KeyPeriod(not_before=now), True, id="active-since-this-second"),
        pytest.param(lambda now: KeyPeriod(not_before=now + SECOND), False, id="26-next-key"),
        pytest.param(lambda now: KeyPeriod(retire_at=now + SECOND), True, id="not-yet-retired"),
        pytest.param(lambda now: KeyPeriod(retire_at=now), False, id="26-retired"),
        pytest.param(lambda _now: KeyPeriod(), True, id="no-bounds"),
    ],
)
def test_a_key_is_good_in_its_period_only(
    period: Callable[[datetime], KeyPeriod],
    accepted: bool,
    claims: AccessTokenClaims,
    key: SigningKey,
    verifier: Verifier,
    now: datetime,
) -> None:
    bounded = replace(verifier, periods={key.kid: period(now)})
    token = sign(claims, key)
    if accepted:
        assert bounded.verify(token, now) == claims
    else:
        with pytest.raises(InvalidToken) as refusal:
            bounded.verify(token, now)
        assert refusal.value.code is InvalidTokenCode.KEY_INACTIVE


def test_26_a_token_from_before_the_activation_of_its_key_stays_refused(
    claims: AccessTokenClaims, key: SigningKey, verifier: Verifier, now: datetime
) -> None:
    period = KeyPeriod(not_before=now + SECOND)
    bounded = replace(verifier, periods={key.kid: period})
    with pytest.raises(InvalidToken) as refusal:
        bounded.verify(sign(claims, key), now + 10 * SECOND)
    assert refusal.value.code is InvalidTokenCode.KEY_INACTIVE


def test_the_period_of_one_key_says_nothing_of_others(
    claims: AccessTokenClaims,
    keys: Mapping[Algorithm, SigningKey],
    verifier: Verifier,
    now: datetime,
) -> None:
    retired, active = keys[Algorithm.ES256], keys[Algorithm.EDDSA]
    bounded = replace(verifier, periods={retired.kid: KeyPeriod(retire_at=now)})
    assert bounded.verify(sign(claims, active), now) == claims


def test_without_audiences_any_audience_will_do(
    claims: AccessTokenClaims, key: SigningKey, verifier: Verifier, now: datetime
) -> None:
    anybody = replace(verifier, audiences=())
    assert anybody.verify(sign(claims, key), now) == claims


def test_one_of_several_expected_audiences_is_enough(
    claims: AccessTokenClaims, key: SigningKey, verifier: Verifier, now: datetime
) -> None:
    several = replace(verifier, audiences=frozenset({"https://a.example", *claims.aud}))
    assert several.verify(sign(claims, key), now) == claims


def test_leeway_does_not_prolong_a_token(
    claims: AccessTokenClaims, key: SigningKey, verifier: Verifier, now: datetime
) -> None:
    lenient = replace(verifier, leeway=timedelta(hours=1))
    with pytest.raises(InvalidToken) as refusal:
        lenient.verify(sign(claims, key), now + timedelta(hours=1))
    assert refusal.value.code is InvalidTokenCode.EXPIRED


def test_a_key_under_the_kid_of_another_is_an_error_of_the_caller(
    keys: Mapping[Algorithm, SigningKey],
) -> None:
    mixed = {keys[Algorithm.ES256].kid: keys[Algorithm.EDDSA].public}
    with pytest.raises(ValueError, match="kid of another"):
        Verifier("https://tokens.example.org", mixed)


def test_an_instant_without_time_zone_is_an_error_of_the_caller(
    claims: AccessTokenClaims, key: SigningKey, verifier: Verifier, now: datetime
) -> None:
    with pytest.raises(ValueError, match="time zone") as refusal:
        verifier.verify(sign(claims, key), now.replace(tzinfo=None))
    assert not isinstance(refusal.value, InvalidToken)


@pytest.mark.parametrize("octets", [b"canary", b'{"sub":"canary"}', b'{"sub":"canary\xff"}'])
def test_a_refusal_holds_nothing_of_the_token(
    octets: bytes,
    header: dict[str, object],
    payload: dict[str, object],
    signed: Signed,
    verifier: Verifier,
    now: datetime,
) -> None:
    for token in (signed(header, octets), signed(octets, payload), f"canary.{'x' * 5}.canary"):
        with pytest.raises(InvalidToken) as refusal:
            verifier.verify(token, now)
        assert refusal.value.__context__ is None
        assert refusal.value.__cause__ is None
        message = "".join(traceback.format_exception_only(refusal.value))
        assert message.strip().endswith(f"the token is not accepted: {refusal.value.code}")
