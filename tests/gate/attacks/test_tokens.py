"""Attacks A of the threat list, through introspection: whatever is not a token of ours is inactive, in the same bytes.

What the verifier alone refuses is tested in tests/tokens; here is shown that nothing of it gets past a gate.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)

from gate.workbench import NOW, SERVICES, UID, Workbench, rfc3339, seconds
from mintmaster.tokens import base64url
from mintmaster.tokens.keys import Algorithm, SigningKey

N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@pytest.fixture
def bench() -> Workbench:
    return Workbench()


def with_signature(token: str, signature: bytes) -> str:
    head = token.rpartition(".")[0]
    return f"{head}.{base64url.encode(signature).decode()}"


async def is_inactive(bench: Workbench, token: str) -> bool:
    """Inactive at introspection and at TokenReview."""
    reviewed = await bench.review(token, SERVICES) if token.isprintable() else None
    assert reviewed in (None, {"authenticated": False})
    return not await bench.is_active(token)


async def test_the_token_that_all_others_here_are_made_from_is_active(bench: Workbench) -> None:
    assert await bench.is_active(bench.issue())


@pytest.mark.parametrize(
    "alg", ["none", "nOnE", "NONE", None, [], 1, "HS256", "ES384", "ES256K", "EdDSA", "PS256"]
)
async def test_1_2_5_another_algorithm_is_inactive(bench: Workbench, alg: Any) -> None:
    bench.issue()
    token = bench.sign(bench.header(alg=alg), bench.claims())
    assert await is_inactive(bench, token)
    assert await is_inactive(bench, token.rpartition(".")[0] + ".")


async def test_3_an_hmac_with_the_public_key_is_inactive(bench: Workbench) -> None:
    bench.issue()
    public = bench.key.public
    pem = public.key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    for secret in (pem, json.dumps(public.jwk()).encode()):
        signed = bench.sign(bench.header(alg="HS256"), bench.claims())
        mac = hmac.new(secret, signed.rpartition(".")[0].encode(), hashlib.sha256).digest()
        assert await is_inactive(bench, with_signature(signed, mac))


async def test_4_a_key_is_used_with_its_own_algorithm_only(bench: Workbench) -> None:
    rsa = SigningKey.generate(Algorithm.RS256)
    bench.publish(keys=[bench.key_record(), bench.key_record(rsa)])
    bench.issue()
    crossed = bench.sign(bench.header(alg="ES256", kid=rsa.kid), bench.claims())
    assert await is_inactive(bench, crossed)
    crossed = bench.sign(bench.header(alg="RS256"), bench.claims(), rsa)
    assert await is_inactive(bench, crossed)


@pytest.mark.parametrize(
    "signature",
    [bytes(64), N.to_bytes(32, "big") * 2, bytes(63), bytes(65), b"\x00" * 32 + b"\x01" * 32],
)
async def test_6_7_a_degenerate_signature_is_inactive(bench: Workbench, signature: bytes) -> None:
    assert await is_inactive(bench, with_signature(bench.issue(), signature))


async def test_7_a_der_signature_is_inactive(bench: Workbench) -> None:
    token = bench.issue()
    raw = base64url.decode(token.rpartition(".")[2].encode())
    r, s = (int.from_bytes(half, "big") for half in (raw[:32], raw[32:]))
    assert decode_dss_signature(encode_dss_signature(r, s)) == (r, s)
    assert await is_inactive(bench, with_signature(token, encode_dss_signature(r, s)))


async def test_8_the_malleable_twin_of_a_revoked_token_stays_inactive(bench: Workbench) -> None:
    token = bench.issue()
    raw = base64url.decode(token.rpartition(".")[2].encode())
    twin = with_signature(
        token, raw[:32] + (N - int.from_bytes(raw[32:], "big")).to_bytes(32, "big")
    )
    assert await bench.is_active(twin)
    bench.issue(token=token, change=lambda body: body["spec"].update(revoked=True))
    assert await is_inactive(bench, token)
    assert await is_inactive(bench, twin)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda token: token + "=",
        lambda token: token + "\n",
        lambda token: " " + token,
        lambda token: token + "\0",
        lambda token: token + "é",
        lambda token: token + "A",
        lambda token: token.replace("_", "/").replace("-", "+") + "+",
        lambda token: token + ".",
        lambda token: ".." + token,
        lambda token: token.rpartition(".")[0],
        lambda token: token + ".x.y",
        lambda token: ".." * len(token[:1]),
        lambda token: json.dumps(
            dict(zip(("protected", "payload", "signature"), token.split("."), strict=True))
        ),
    ],
)
async def test_9_10_11_another_spelling_is_inactive(bench: Workbench, spoil: Any) -> None:
    assert await is_inactive(bench, spoil(bench.issue()))


@pytest.mark.parametrize(
    "members",
    [
        {"cty": "JWT"},
        {"crit": ["x"]},
        {"crit": []},
        {"b64": False},
        {"zip": "DEF"},
        {"kid": "unknown"},
        {"kid": ""},
        {"kid": None},
        {"kid": 7},
        {"kid": "../../etc/passwd"},
        {"kid": "' OR 1=1 --"},
        {"kid": "x" * 10_000},
        {"typ": "JWT"},
        {"typ": "statuslist+jwt"},
        {"typ": "logout+jwt"},
        {"typ": None},
        {"typ": " at+jwt"},
    ],
)
async def test_12_14_15_16_17_a_header_of_another_kind_is_inactive(
    bench: Workbench, members: dict[str, Any]
) -> None:
    token = bench.sign(bench.header(**members), bench.claims())
    bench.issue(token=token)
    assert await is_inactive(bench, token)


async def test_13_a_key_in_the_header_is_ignored(bench: Workbench) -> None:
    attacker = SigningKey.generate(Algorithm.ES256)
    header = bench.header(jwk=attacker.public.jwk(), jku="https://attacker.example/jwks")
    bench.issue()
    assert await is_inactive(bench, bench.sign(header, bench.claims(), attacker))
    genuine = bench.sign(header, bench.claims())
    bench.issue(token=genuine)
    assert await bench.is_active(genuine)


async def test_16_the_case_of_typ_does_not_matter(bench: Workbench) -> None:
    token = bench.sign(bench.header(typ="AT+JWT"), bench.claims())
    assert await bench.is_active(bench.issue(token=token))


@pytest.mark.parametrize(
    "payload",
    [
        b'{"iss":1,"iss":2}',
        b"[]",
        b'"x"',
        b"7",
        b"null",
        b"{" * 9_000,
        b'{"a":' * 1000 + b"1" + b"}" * 1000,
        "{}".encode("utf-16"),
        b"\xef\xbb\xbf{}",
        b'{"sub":"\xff"}',
        b'{"sub":"\\ud800"}',
        b'{"sub":"\\u0000"}',
    ],
)
async def test_18_19_20_claims_of_another_form_are_inactive(
    bench: Workbench, payload: bytes
) -> None:
    assert await is_inactive(bench, bench.sign(bench.header(), payload))


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": None},
        {"exp": True},
        {"exp": "9999999999"},
        {"exp": [1]},
        {"exp": -1},
        {"exp": 10**30},
        {"exp": seconds(NOW)},
        {"iat": seconds(NOW + timedelta(minutes=5))},
        {"iat": seconds(NOW + timedelta(hours=2))},
        {"nbf": seconds(NOW + timedelta(minutes=5))},
        {"aud": ""},
        {"aud": []},
        {"aud": {}},
        {"aud": [1]},
        {"iss": "https://default.example.org/"},
        {"iss": "http://default.example.org"},
        {"iss": "https://DEFAULT.example.org"},
        {"iss": ["https://default.example.org"]},
        {"iss": "https://default.example.org@attacker.example"},
        {"sub": ""},
        {"sub": 7},
        {"sub": "system:admin"},
        {"sub": "system:serviceaccount:kube-system:x"},
        {"sub": "x" * 4096},
        {"jti": ""},
        {"client_id": None},
        {"mintmaster.dev": None},
    ],
)
async def test_21_to_25_claims_that_break_a_rule_are_inactive(
    bench: Workbench, changes: dict[str, Any]
) -> None:
    token = bench.sign(bench.header(), bench.claims() | changes)
    bench.issue(token=token)
    assert await is_inactive(bench, token)


async def test_21_a_token_is_active_until_the_second_before_its_end(bench: Workbench) -> None:
    token = bench.issue()
    ends = NOW + timedelta(hours=1)
    bench.clock.instant = ends - timedelta(seconds=1)
    assert await bench.is_active(token)
    bench.clock.instant = ends
    assert await bench.review(token, SERVICES) == {"authenticated": False}


async def test_26_a_key_counts_in_its_time_only(bench: Workbench) -> None:
    token = bench.issue()
    retired = bench.key_record(state="Retired", retireAt=rfc3339(NOW + timedelta(minutes=30)))
    bench.publish(keys=[retired])
    assert await bench.is_active(token)
    bench.clock.instant = NOW + timedelta(minutes=30)
    assert await bench.review(token, SERVICES) == {"authenticated": False}


async def test_26_what_a_next_key_signs_before_its_time_is_inactive(bench: Workbench) -> None:
    following = SigningKey.generate(Algorithm.ES256)
    begins = rfc3339(NOW + timedelta(hours=1))
    bench.publish(
        keys=[bench.key_record(), bench.key_record(following, state="Next", notBefore=begins)]
    )
    early = bench.sign(bench.header(kid=following.kid), bench.claims(), following)
    bench.issue(token=early)
    assert await is_inactive(bench, early)


async def test_27_a_token_of_an_issuer_of_another_cluster_is_inactive(bench: Workbench) -> None:
    bench.issue()
    elsewhere = Workbench()
    assert await is_inactive(bench, elsewhere.issue())


async def test_28_a_signature_without_a_record_is_inactive(bench: Workbench) -> None:
    bench.issue()
    stolen = bench.sign(bench.header(), bench.claims() | {"jti": f"{UID}.1.ff"})
    assert await is_inactive(bench, stolen)


async def test_28_a_recorded_jti_with_other_claims_is_inactive(bench: Workbench) -> None:
    bench.issue()
    stolen = bench.sign(bench.header(), bench.claims() | {"scope": "api"})
    assert await is_inactive(bench, stolen)


async def test_29_a_token_of_a_former_life_is_inactive(bench: Workbench) -> None:
    token = bench.issue()
    bench.process.knowledge.forget(UID)
    bench.issue(uid="another-life")
    assert await is_inactive(bench, token)


async def test_29_a_status_of_another_life_makes_nothing_active(bench: Workbench) -> None:
    token = bench.issue(change=lambda body: body["status"].update(uid="former"))
    assert await is_inactive(bench, token)
