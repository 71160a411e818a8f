"""Attacks that lie in the claims of a JWT that our key signed, by their number in the threat list."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from mintmaster.tokens.invalid_token import InvalidToken, InvalidTokenCode
from mintmaster.tokens.jwt import AccessTokenClaims
from mintmaster.tokens.verifier import Verifier, signature_holds

Signed = Callable[[object, object], str]
Code = InvalidTokenCode

ABSENT = object()
ISSUER = "https://tokens.example.org"
AUDIENCE = "https://services.example.org"
RESOURCE = {"kind": "K", "namespace": "n", "name": "n", "uid": "u", "revision": 1}

MALFORMED: list[tuple[int, str, dict[str, object]]] = [
    (21, "exp missing", {"exp": ABSENT}),
    (21, "exp null", {"exp": None}),
    (21, "exp a bool", {"exp": True}),
    (21, "exp a string", {"exp": "4102444800"}),
    (21, "exp a list", {"exp": [4102444800]}),
    (21, "exp NaN", {"exp": float("nan")}),
    (21, "exp infinite", {"exp": float("inf")}),
    (21, "exp a fraction", {"exp": 4102444800.5}),
    (21, "exp a whole float", {"exp": 4102444800.0}),
    (21, "exp of 401 digits", {"exp": 10**400}),
    (21, "exp after the year 9999", {"exp": 253402300800}),
    (21, "exp negative", {"exp": -1}),
    (22, "iat missing", {"iat": ABSENT}),
    (22, "iat a bool", {"iat": True}),
    (22, "iat a string", {"iat": "0"}),
    (22, "nbf null", {"nbf": None}),
    (22, "nbf a bool", {"nbf": False}),
    (22, "nbf a string", {"nbf": "0"}),
    (23, "aud missing", {"aud": ABSENT}),
    (23, "aud empty", {"aud": ""}),
    (23, "aud an empty list", {"aud": []}),
    (23, "aud a list of the empty string", {"aud": [""]}),
    (23, "aud with an empty string beside ours", {"aud": [AUDIENCE, ""]}),
    (23, "aud an object", {"aud": {AUDIENCE: 1}}),
    (23, "aud a list of numbers", {"aud": [1]}),
    (23, "aud null", {"aud": None}),
    (24, "iss missing", {"iss": ABSENT}),
    (24, "iss a list", {"iss": [ISSUER]}),
    (24, "iss empty", {"iss": ""}),
    (25, "sub missing", {"sub": ABSENT}),
    (25, "sub empty", {"sub": ""}),
    (25, "sub a number", {"sub": 1}),
    (25, "sub of 256 characters", {"sub": "s" * 256}),
    (25, "sub a user of Kubernetes", {"sub": "system:admin"}),
    (25, "sub a service account", {"sub": "system:serviceaccount:kube-system:x"}),
    (25, "a role that is a group of Kubernetes", {"roles": ["system:masters"]}),
    (25, "a username of Kubernetes", {"preferred_username": "system:admin"}),
    (25, "an email that is a name of Kubernetes", {"email": "system:admin"}),
    (25, "client_id a user of Kubernetes", {"client_id": "system:admin"}),
    (25, "client_id missing", {"client_id": ABSENT}),
    (25, "client_id empty", {"client_id": ""}),
    (25, "jti missing", {"jti": ABSENT}),
    (25, "jti empty", {"jti": ""}),
    (25, "jti a number", {"jti": 7}),
    (25, "scope a list", {"scope": ["read_api"]}),
    (25, "scope empty", {"scope": ""}),
    (25, "scope with two spaces", {"scope": "a  b"}),
    (25, "scope with a space after", {"scope": "a "}),
    (25, "scope outside ASCII", {"scope": "r\u00e9ad"}),
    (25, "scope with a quote", {"scope": 'a"b'}),
    (25, "roles missing", {"roles": ABSENT}),
    (25, "roles a string", {"roles": "Researcher"}),
    (25, "roles with a number", {"roles": ["Researcher", 1]}),
    (25, "projects missing", {"projects": ABSENT}),
    (25, "projects an object", {"projects": {}}),
    (25, "status without a list", {"status": {}}),
    (25, "status with a negative index", {"status": {"status_list": {"idx": -1, "uri": "u"}}}),
    (29, "resource missing", {"mintmaster.dev": ABSENT}),
    (29, "resource a string", {"mintmaster.dev": "c0ffee"}),
    (29, "resource with an empty UID", {"mintmaster.dev": RESOURCE | {"uid": ""}}),
    (29, "resource of revision 0", {"mintmaster.dev": RESOURCE | {"revision": 0}}),
    (29, "resource of revision true", {"mintmaster.dev": RESOURCE | {"revision": True}}),
    (19, "lone surrogate", {"sub": "a\ud800b"}),
    (19, "NUL", {"sub": "a\0b"}),
    (19, "line feed", {"sub": "a\nb"}),
    (19, "delete", {"jti": "a\x7fb"}),
    (19, "C1 control", {"email": "a\x85b"}),
    (19, "text that runs backwards", {"roles": ["\u202enimdA"]}),
    (19, "bidirectional isolate", {"projects": ["\u2066a"]}),
    (19, "line separator", {"client_id": "a\u2028b"}),
    (19, "NUL in a claim that nobody reads", {"note": {"text": ["a\0"]}}),
    (19, "backwards name of a claim that nobody reads", {"\u202en": 1}),
    (20, "nesting beyond the limit", {"note": [[[[[[[[1]]]]]]]]}),
]

for _member in RESOURCE:
    _others = {name: value for name, value in RESOURCE.items() if name != _member}
    MALFORMED.append((29, f"resource without {_member}", {"mintmaster.dev": _others}))

MISDIRECTED: list[tuple[int, str, dict[str, object], InvalidTokenCode]] = [
    (23, "aud a part of ours", {"aud": "services.example.org"}, Code.AUDIENCE),
    (23, "aud a prefix of ours", {"aud": AUDIENCE[:-4]}, Code.AUDIENCE),
    (23, "aud with a slash after", {"aud": AUDIENCE + "/"}, Code.AUDIENCE),
    (23, "aud in another case", {"aud": AUDIENCE.upper()}, Code.AUDIENCE),
    (23, "aud several, none ours", {"aud": ["a", "b"]}, Code.AUDIENCE),
    (23, "aud our URL in characters", {"aud": list(AUDIENCE)}, Code.AUDIENCE),
    (24, "iss with a slash after", {"iss": ISSUER + "/"}, Code.ISSUER),
    (24, "iss by plain HTTP", {"iss": "http://tokens.example.org"}, Code.ISSUER),
    (24, "iss with a port", {"iss": ISSUER + ":443"}, Code.ISSUER),
    (24, "iss in another case", {"iss": "https://Tokens.example.org"}, Code.ISSUER),
    (24, "iss a prefix of ours", {"iss": ISSUER[:-1]}, Code.ISSUER),
    (24, "iss with a longer host", {"iss": ISSUER + ".attacker.example"}, Code.ISSUER),
    (24, "iss with ours as user", {"iss": ISSUER + "@attacker.example"}, Code.ISSUER),
    (24, "iss another issuer of ours", {"iss": "https://apps.example.org"}, Code.ISSUER),
]

PAYLOADS: list[tuple[int, str, bytes]] = [
    (18, "duplicate claim", b'{"sub":"admin",CLAIMS}'),
    (18, "duplicate member inside a claim", b'{CLAIMS,"note":{"a":1,"a":2}}'),
    (19, "UTF-16", '{"sub":"a"}'.encode("utf-16")),
    (19, "byte order mark", b"\xef\xbb\xbf{CLAIMS}"),
    (19, "invalid UTF-8", b'{CLAIMS,"note":"\xc3\x28"}'),
    (19, "overlong UTF-8", b'{CLAIMS,"note":"\xc0\xaf"}'),
    (19, "surrogate in UTF-8", b'{CLAIMS,"note":"\xed\xa0\x80"}'),
    (20, "array", b"[{CLAIMS}]"),
    (20, "string", b'"claims"'),
    (20, "number", b"1"),
    (20, "null", b"null"),
    (20, "nothing but space", b" "),
    (20, "deep nesting", b'{CLAIMS,"note":' + b"[" * 1000 + b"]" * 1000 + b"}"),
    (20, "deep nesting, unclosed", b'{"a":' * 500),
    (20, "a second object", b"{CLAIMS}{}"),
    (12, "a nested JWS", b"eyJhbGciOiJub25lIn0.e30.AA"),
]


def _refused(verifier: Verifier, token: str, now: datetime) -> InvalidTokenCode:
    with pytest.raises(InvalidToken) as refusal:
        verifier.verify(token, now)
    return refusal.value.code


@pytest.mark.parametrize(
    "changes", [pytest.param(changes, id=f"{n}-{what}") for n, what, changes in MALFORMED]
)
def test_a_malformed_claim_is_refused(
    changes: dict[str, object],
    header: dict[str, object],
    payload: dict[str, object],
    signed: Signed,
    verifier: Verifier,
    now: datetime,
) -> None:
    claims = {name: v for name, v in (payload | changes).items() if v is not ABSENT}
    token = signed(header, claims)
    assert signature_holds(token, verifier.keys)
    assert _refused(verifier, token, now) is Code.CLAIMS


@pytest.mark.parametrize(
    ("changes", "code"),
    [pytest.param(changes, code, id=f"{n}-{what}") for n, what, changes, code in MISDIRECTED],
)
def test_a_token_for_somebody_else_is_refused(
    changes: dict[str, object],
    code: InvalidTokenCode,
    header: dict[str, object],
    payload: dict[str, object],
    signed: Signed,
    verifier: Verifier,
    now: datetime,
) -> None:
    assert _refused(verifier, signed(header, payload | changes), now) is code


@pytest.mark.parametrize(
    "octets", [pytest.param(octets, id=f"{n}-{what}") for n, what, octets in PAYLOADS]
)
def test_a_payload_that_is_not_one_strict_json_object_is_refused(
    octets: bytes,
    header: dict[str, object],
    payload: dict[str, object],
    signed: Signed,
    verifier: Verifier,
    now: datetime,
) -> None:
    octets = octets.replace(b"CLAIMS", json.dumps(payload).encode()[1:-1])
    assert _refused(verifier, signed(header, octets), now) is Code.CLAIMS


@pytest.mark.parametrize("number", [b"1e400", b"4102444800e0", b"0x7fffffff", b"+4102444800"])
def test_21_an_exp_that_is_spelled_as_no_integer_is_refused(
    number: bytes,
    header: dict[str, object],
    payload: dict[str, object],
    signed: Signed,
    verifier: Verifier,
    now: datetime,
) -> None:
    octets = json.dumps(payload | {"exp": "EXP"}).encode().replace(b'"EXP"', number)
    assert _refused(verifier, signed(header, octets), now) is Code.CLAIMS


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"aud": AUDIENCE}, id="23-aud-a-string"),
        pytest.param({"aud": ["other", AUDIENCE]}, id="23-aud-a-list-with-ours"),
        pytest.param({"note": [1.5, None, True, {"a": "b"}]}, id="unknown-claim"),
        pytest.param({"nbf": 0}, id="22-nbf-long-past"),
        pytest.param({"sub": "s" * 255}, id="25-sub-of-255-characters"),
        pytest.param({"sub": "runner:system:x"}, id="25-sub-with-system-inside"),
        pytest.param({"roles": [], "projects": []}, id="90-no-roles-and-projects"),
        pytest.param({"preferred_username": "Zo\u00eb \U0001f511"}, id="text-outside-ASCII"),
    ],
)
def test_unusual_but_good_claims_are_accepted(
    changes: dict[str, object],
    header: dict[str, object],
    payload: dict[str, object],
    signed: Signed,
    verifier: Verifier,
    now: datetime,
) -> None:
    claims = verifier.verify(signed(header, payload | changes), now)
    assert isinstance(claims, AccessTokenClaims)
    assert claims.jti == payload["jti"]


@pytest.mark.parametrize(
    ("exp", "iat", "nbf", "code"),
    [
        pytest.param(0, -10, 0, Code.EXPIRED, id="21-exp-is-now"),
        pytest.param(-1, -10, 0, Code.EXPIRED, id="21-exp-is-past"),
        pytest.param(1, -10, 0, None, id="21-exp-is-the-next-second"),
        pytest.param(3600, 0, 0, None, id="21-the-longest-lifetime"),
        pytest.param(3600, -1, 0, Code.LIFETIME, id="21-beyond-the-longest-lifetime"),
        pytest.param(100, 60, 0, None, id="22-iat-within-leeway"),
        pytest.param(100, 61, 0, Code.NOT_YET_VALID, id="22-iat-in-the-future"),
        pytest.param(10, 20, 0, Code.LIFETIME, id="22-iat-after-exp"),
        pytest.param(100, 0, 60, None, id="22-nbf-within-leeway"),
        pytest.param(100, 0, 61, Code.NOT_YET_VALID, id="22-nbf-in-the-future"),
        pytest.param(100, 0, 10**400, Code.NOT_YET_VALID, id="22-nbf-beyond-all-dates"),
    ],
)
def test_times_are_compared_to_the_second(
    exp: int,
    iat: int,
    nbf: int,
    code: InvalidTokenCode | None,
    header: dict[str, object],
    payload: dict[str, object],
    signed: Signed,
    verifier: Verifier,
    now: datetime,
) -> None:
    """Times in seconds from now; whole seconds, so that `now == exp` is met exactly."""
    at = int(now.timestamp())
    token = signed(header, payload | {"exp": at + exp, "iat": at + iat, "nbf": at + nbf})
    limited = replace(verifier, max_lifetime=timedelta(hours=1))
    if code is None:
        assert limited.verify(token, now).exp == at + exp
    else:
        assert _refused(limited, token, now) is code
