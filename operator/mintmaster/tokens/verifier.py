"""Verification of JWT access tokens (RFC 9068, section 4; RFC 8725), from the token alone.

What this cannot tell is whether the token was revoked or superseded; that stands in the status of
its resource.
"""

from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import KW_ONLY, dataclass, field
from datetime import datetime, timedelta

from mintmaster.tokens import claims as claims_form
from mintmaster.tokens import jws, strict_json
from mintmaster.tokens.claims import AccessTokenClaims
from mintmaster.tokens.invalid_token import InvalidToken, InvalidTokenCode
from mintmaster.tokens.keys import PublicKey

__all__ = ["InvalidToken", "InvalidTokenCode", "KeyPeriod", "Verifier", "signature_holds"]

DEFAULT_LEEWAY = timedelta(seconds=60)
"""How far the clock of a minting process may be ahead of ours. It never prolongs a token."""


@dataclass(frozen=True, slots=True)
class KeyPeriod:
    """When a key is good: for tokens issued from `not_before` on, and until `retire_at`."""

    not_before: datetime | None = None
    retire_at: datetime | None = None


_UNBOUNDED = KeyPeriod()


@dataclass(frozen=True, slots=True)
class Verifier:
    """Accepts the tokens of one issuer, by the public keys given and no others."""

    issuer: str
    """What `iss` has to be, byte for byte."""
    keys: Mapping[str, PublicKey]
    """The issuer's keys by their own kid; ValueError where one stands under another."""
    _: KW_ONLY
    audiences: Collection[str] = ()
    """`aud` has to name one of these exactly. Without any, only its form is checked."""
    periods: Mapping[str, KeyPeriod] = field(default_factory=dict)
    """When keys are good, by kid. A key that is not named is good always."""
    max_lifetime: timedelta | None = None
    """Upper bound of `exp - iat`; None means no bound."""
    leeway: timedelta = DEFAULT_LEEWAY
    """How far `iat` and `nbf` may lie in the future."""

    def __post_init__(self) -> None:
        if any(kid != key.kid for kid, key in self.keys.items()):
            raise ValueError("a key stands under the kid of another")

    def verify(self, token: str | bytes, now: datetime) -> AccessTokenClaims:
        """Return the claims of a token that is good at `now`; InvalidToken otherwise.

        `now` needs a time zone (ValueError). The payload is not even parsed before the signature
        holds.
        """
        moment = _seconds(now)
        parts = jws.parse(token)
        key = jws.check_signature(parts, self.keys)
        members, claims = _claims(parts.payload)
        self._check_addressing(claims)
        self._check_lifetime(claims)
        self._check_time(claims, _not_before(members), moment)
        _check_period(self.periods.get(key.kid, _UNBOUNDED), claims.iat, moment)
        return claims

    def _check_addressing(self, claims: AccessTokenClaims) -> None:
        if claims.iss != self.issuer:
            raise InvalidToken(InvalidTokenCode.ISSUER)
        if self.audiences and set(claims.aud).isdisjoint(self.audiences):
            raise InvalidToken(InvalidTokenCode.AUDIENCE)

    def _check_lifetime(self, claims: AccessTokenClaims) -> None:
        lifetime = claims.exp - claims.iat
        if lifetime < 0:
            raise InvalidToken(InvalidTokenCode.LIFETIME)
        if self.max_lifetime is not None and lifetime > self.max_lifetime.total_seconds():
            raise InvalidToken(InvalidTokenCode.LIFETIME)

    def _check_time(self, claims: AccessTokenClaims, not_before: int, moment: float) -> None:
        if moment >= claims.exp:
            raise InvalidToken(InvalidTokenCode.EXPIRED)
        if max(claims.iat, not_before) > moment + self.leeway.total_seconds():
            raise InvalidToken(InvalidTokenCode.NOT_YET_VALID)


def signature_holds(token: str | bytes, keys: Mapping[str, PublicKey]) -> bool:
    """Tell whether the token is a JWS that one of the keys signed. Claims are not looked at."""
    try:
        jws.check_signature(jws.parse(token), keys)
    except InvalidToken:
        return False
    return True


def _seconds(instant: datetime) -> float:
    if instant.tzinfo is None:
        raise ValueError("an instant needs a time zone")
    return instant.timestamp()


def _claims(payload: bytes) -> tuple[dict[str, object], AccessTokenClaims]:
    with suppress(ValueError):  # whose successor is raised outside, to have no context
        members = strict_json.parse_object(payload)
        return members, claims_form.from_object(members)
    raise InvalidToken(InvalidTokenCode.CLAIMS)


def _not_before(members: Mapping[str, object]) -> int:
    """Return `nbf` (RFC 7519, section 4.1.5) or 0: we mint none, since clocks differ."""
    not_before = members.get("nbf", 0)
    if type(not_before) is not int:  # a bool is an int to isinstance
        raise InvalidToken(InvalidTokenCode.CLAIMS)
    return not_before


def _check_period(period: KeyPeriod, issued_at: int, moment: float) -> None:
    early = period.not_before is not None and issued_at < _seconds(period.not_before)
    late = period.retire_at is not None and moment >= _seconds(period.retire_at)
    if early or late:
        raise InvalidToken(InvalidTokenCode.KEY_INACTIVE)
