"""Attacks that lie in the header of a JWT, by their number in the threat list."""

import hmac
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mintmaster.tokens import base64url
from mintmaster.tokens.invalid_token import InvalidToken, InvalidTokenCode
from mintmaster.tokens.jwt import AccessTokenClaims
from mintmaster.tokens.keys import Algorithm, PublicKey, SigningKey
from mintmaster.tokens.verifier import Verifier

Signed = Callable[[object, object], str]
SignedBy = Callable[[SigningKey, object, object], str]
Code = InvalidTokenCode

ABSENT = object()

ATTACKS: list[tuple[int, str, dict[str, object], InvalidTokenCode]] = [
    (1, "alg none", {"alg": "none"}, Code.ALGORITHM),
    (2, "alg nOnE", {"alg": "nOnE"}, Code.ALGORITHM),
    (2, "alg NONE", {"alg": "NONE"}, Code.ALGORITHM),
    (2, "alg null", {"alg": None}, Code.ALGORITHM),
    (2, "alg missing", {"alg": ABSENT}, Code.ALGORITHM),
    (2, "alg a list", {"alg": ["ES256"]}, Code.ALGORITHM),
    (2, "alg a number", {"alg": 256}, Code.ALGORITHM),
    (2, "alg in lower case", {"alg": "es256"}, Code.ALGORITHM),
    (5, "alg ES384 with the kid of a P-256 key", {"alg": "ES384"}, Code.ALGORITHM),
    (5, "alg ES256K with the kid of a P-256 key", {"alg": "ES256K"}, Code.ALGORITHM),
    (5, "alg PS256 with the kid of a P-256 key", {"alg": "PS256"}, Code.ALGORITHM),
    (5, "alg EdDSA with the kid of a P-256 key", {"alg": "EdDSA"}, Code.ALGORITHM),
    (12, "a nested JWT announced by cty", {"cty": "JWT"}, Code.HEADER),
    (14, "kid unknown", {"kid": "x" * 43}, Code.KEY_UNKNOWN),
    (14, "kid empty", {"kid": ""}, Code.KEY_UNKNOWN),
    (14, "kid missing", {"kid": ABSENT}, Code.KEY_UNKNOWN),
    (14, "kid a number", {"kid": 1}, Code.KEY_UNKNOWN),
    (14, "kid a list", {"kid": ["x"]}, Code.KEY_UNKNOWN),
    (14, "kid null", {"kid": None}, Code.KEY_UNKNOWN),
    (14, "kid of 1000 characters", {"kid": "k" * 1000}, Code.HEADER),
    (14, "kid of 10,000 characters", {"kid": "k" * 10_000}, Code.TOO_LARGE),
    (14, "kid a path", {"kid": "../../etc/passwd"}, Code.KEY_UNKNOWN),
    (14, "kid with SQL", {"kid": "' OR 1=1 --"}, Code.KEY_UNKNOWN),
    (14, "kid with LDAP", {"kid": "*)(uid=*))(|(uid=*"}, Code.KEY_UNKNOWN),
    (14, "kid with shell", {"kid": "$(reboot)`reboot`;|"}, Code.KEY_UNKNOWN),
    (14, "kid with NUL", {"kid": "a\0b"}, Code.HEADER),
    (14, "kid in fullwidth letters", {"kid": "\uff41\uff42"}, Code.KEY_UNKNOWN),
    (15, "crit with an unknown extension", {"crit": ["x"], "x": 1}, Code.HEADER),
    (15, "crit empty", {"crit": []}, Code.HEADER),
    (15, "crit b64", {"crit": ["b64"], "b64": False}, Code.HEADER),
    (15, "b64 false", {"b64": False}, Code.HEADER),
    (15, "zip DEF", {"zip": "DEF"}, Code.HEADER),
    (16, "typ JWT", {"typ": "JWT"}, Code.TYPE),
    (16, "typ of a logout token", {"typ": "logout+jwt"}, Code.TYPE),
    (16, "typ missing, as in a Kubernetes service account token", {"typ": ABSENT}, Code.TYPE),
    (16, "typ with a space", {"typ": " at+jwt"}, Code.TYPE),
    (16, "typ null", {"typ": None}, Code.TYPE),
    (16, "typ a list", {"typ": ["at+jwt"]}, Code.TYPE),
    (17, "a status list token", {"typ": "statuslist+jwt"}, Code.TYPE),
    (20, "nesting beyond the limit", {"x": [[[[[[[[1]]]]]]]]}, Code.HEADER),
    (20, "a header of 1 MB", {"x": "x" * 1_000_000}, Code.TOO_LARGE),
]


@pytest.mark.parametrize(
    ("changes", "code"),
    [pytest.param(changes, code, id=f"{n}-{what}") for n, what, changes, code in ATTACKS],
)
def test_a_manipulated_header_is_refused(
    changes: dict[str, object],
    code: InvalidTokenCode,
    header: dict[str, object],
    payload: dict[str, object],
    signed: Signed,
    verifier: Verifier,
    now: datetime,
) -> None:
    manipulated = {k: v for k, v in (header | changes).items() if v is not ABSENT}
    with pytest.raises(InvalidToken) as refusal:
        verifier.verify(signed(manipulated, payload), now)
    assert refusal.value.code is code


@pytest.mark.parametrize(
    "octets",
    [
        pytest.param(b'{"alg":"none","typ":"at+jwt","alg":"ES256","kid":"KID"}', id="18-duplicate"),
        pytest.param('{"typ":"at+jwt","alg":"ES256","kid":"KID"}'.encode("utf-16"), id="19-UTF-16"),
        pytest.param(b'\xef\xbb\xbf{"typ":"at+jwt","alg":"ES256","kid":"KID"}', id="19-BOM"),
        pytest.param(b'{"typ":"at+jwt","alg":"ES256","kid":"KID","x":"\xff"}', id="19-not-UTF-8"),
        pytest.param(b'{"typ":"at+jwt","alg":"ES256","kid":"KID","x":NaN}', id="21-NaN"),
        pytest.param(b'[{"typ":"at+jwt","alg":"ES256","kid":"KID"}]', id="20-array"),
        pytest.param(b'"at+jwt"', id="20-string"),
        pytest.param(b"null", id="20-null"),
        pytest.param(b"[" * 1000, id="20-deep-and-unclosed"),
        pytest.param(b'{"typ":"at+jwt","alg":"ES256","kid":"KID"}{}', id="20-two-objects"),
    ],
)
def test_a_header_that_is_not_one_strict_json_object_is_refused(
    octets: bytes,
    key: SigningKey,
    payload: dict[str, object],
    signed: Signed,
    verifier: Verifier,
    now: datetime,
) -> None:
    header = octets.replace(b"KID", key.kid.encode())
    with pytest.raises(InvalidToken) as refusal:
        verifier.verify(signed(header, payload), now)
    assert refusal.value.code is Code.HEADER


@pytest.mark.parametrize("algorithm", [Algorithm.RS256, Algorithm.EDDSA])
def test_4_the_kid_of_a_key_with_another_algorithm_is_refused(
    algorithm: Algorithm,
    keys: Mapping[Algorithm, SigningKey],
    header: dict[str, object],
    payload: dict[str, object],
    signed: Signed,
    verifier: Verifier,
    now: datetime,
) -> None:
    foreign = header | {"kid": keys[algorithm].kid}
    with pytest.raises(InvalidToken) as refusal:
        verifier.verify(signed(foreign, payload), now)
    assert refusal.value.code is Code.ALGORITHM
    with pytest.raises(InvalidToken) as refusal:
        verifier.verify(signed(foreign | {"alg": algorithm.value}, payload), now)
    assert refusal.value.code is Code.SIGNATURE


def _authenticated(header: object, payload: object, secret: bytes) -> str:
    """Authenticate with a shared secret (HS256)."""
    parts = (base64url.encode(json.dumps(part).encode()) for part in (header, payload))
    signing_input = b".".join(parts)
    code = hmac.digest(secret, signing_input, "sha256")
    return (signing_input + b"." + base64url.encode(code)).decode()


def _spellings(key: PublicKey) -> dict[str, bytes]:
    info = PublicFormat.SubjectPublicKeyInfo
    return {
        "PEM": key.key.public_bytes(Encoding.PEM, info),
        "DER": key.key.public_bytes(Encoding.DER, info),
        "JWK": json.dumps(key.jwk()).encode(),
        "x": key.jwk()["x"].encode(),
    }


@pytest.mark.parametrize("spelling", ["PEM", "DER", "JWK", "x"])
def test_3_a_public_key_is_no_shared_secret(
    spelling: str,
    key: SigningKey,
    header: dict[str, object],
    payload: dict[str, object],
    verifier: Verifier,
    now: datetime,
) -> None:
    secret = _spellings(key.public)[spelling]
    for alg, code in (("HS256", Code.ALGORITHM), ("ES256", Code.SIGNATURE)):
        with pytest.raises(InvalidToken) as refusal:
            verifier.verify(_authenticated(header | {"alg": alg}, payload, secret), now)
        assert refusal.value.code is code


@pytest.mark.parametrize("typ", ["at+jwt", "AT+JWT", "at+JWT", "application/at+jwt"])
def test_16_typ_is_compared_without_regard_to_case(
    typ: str,
    header: dict[str, object],
    payload: dict[str, object],
    claims: AccessTokenClaims,
    signed: Signed,
    verifier: Verifier,
    now: datetime,
) -> None:
    assert verifier.verify(signed(header | {"typ": typ}, payload), now) == claims


_OUTSIDE = ("open", "os.", "socket.", "subprocess.", "urllib.")
_contacts: list[str] | None = None


def _note(event: str, _arguments: tuple[object, ...]) -> None:
    if _contacts is not None and event.startswith(_OUTSIDE):
        _contacts.append(event)


sys.addaudithook(_note)


@contextmanager
def _contacts_noted() -> Iterator[list[str]]:
    """List the audit events (PEP 578) of files, processes and the network."""
    global _contacts  # noqa: PLW0603 - an audit hook cannot be removed, only told not to note
    noted: list[str] = []
    _contacts = noted
    try:
        yield noted
    finally:
        _contacts = None


def test_contacts_with_the_outside_are_noticed() -> None:
    with _contacts_noted() as contacts, open(__file__):  # noqa: PTH123 - the plainest contact
        pass
    assert contacts == ["open"]


def _own_jwk() -> dict[str, str]:
    return SigningKey.generate().public.jwk()


@pytest.mark.parametrize(
    ("number", "parameter", "value"),
    [
        (13, "jwk", _own_jwk()),
        (13, "jku", "https://attacker.example/jwks.json"),
        (13, "x5u", "https://attacker.example/chain.pem"),
        (13, "x5c", ["MIIBszCCAVmgAwIBAgIU"]),
        (13, "x5t", "x"),
        (14, "kid", "../../../../etc/passwd"),
        (14, "kid", "https://attacker.example/jwks.json"),
    ],
)
def test_a_header_makes_the_verifier_contact_nobody(
    number: int,
    parameter: str,
    value: object,
    header: dict[str, object],
    payload: dict[str, object],
    claims: AccessTokenClaims,
    signed: Signed,
    verifier: Verifier,
    now: datetime,
) -> None:
    token = signed(header | {parameter: value}, payload)
    with _contacts_noted() as contacts:
        if number == 13:
            assert verifier.verify(token, now) == claims
        else:
            with pytest.raises(InvalidToken):
                verifier.verify(token, now)
    assert contacts == []


@pytest.mark.parametrize("parameter", ["jwk", "jku", "x5u", "x5c"])
def test_13_a_key_that_comes_with_the_token_is_not_used(
    parameter: str,
    header: dict[str, object],
    payload: dict[str, object],
    signed_by: SignedBy,
    verifier: Verifier,
    now: datetime,
) -> None:
    thief = SigningKey.generate()
    header = header | {parameter: thief.public.jwk()}
    for kid, code in ((header["kid"], Code.SIGNATURE), (thief.kid, Code.KEY_UNKNOWN)):
        with pytest.raises(InvalidToken) as refusal:
            verifier.verify(signed_by(thief, header | {"kid": kid}, payload), now)
        assert refusal.value.code is code
