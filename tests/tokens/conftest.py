"""Keys, claims and an instant that the tests of tokens share: RSA keys take long to make."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial

import pytest
from hypothesis import settings

from mintmaster.tokens import base64url
from mintmaster.tokens.jwt import AccessTokenClaims, ResourceClaim
from mintmaster.tokens.keys import Algorithm, PublicKey, SigningKey
from mintmaster.tokens.verifier import Verifier

# A busy machine is no failure: how long an example takes is not what these tests are about.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ISSUED_AT = int(NOW.timestamp())


@pytest.fixture(scope="session")
def now() -> datetime:
    return NOW


@pytest.fixture(scope="session")
def keys() -> Mapping[Algorithm, SigningKey]:
    return {algorithm: SigningKey.generate(algorithm) for algorithm in Algorithm}


@pytest.fixture(scope="session")
def key(keys: Mapping[Algorithm, SigningKey]) -> SigningKey:
    return keys[Algorithm.ES256]


@pytest.fixture(scope="session")
def public_keys(keys: Mapping[Algorithm, SigningKey]) -> Mapping[str, PublicKey]:
    return {key.kid: key.public for key in keys.values()}


@pytest.fixture(scope="session")
def claims() -> AccessTokenClaims:
    return AccessTokenClaims(
        iss="https://tokens.example.org",
        sub="runner:ci:linux",
        aud=("https://services.example.org",),
        exp=ISSUED_AT + 3600,
        iat=ISSUED_AT,
        jti="1f0c7d2e",
        client_id="runner:ci:linux",
        scope="read_api write_repository",
        roles=("Researcher",),
        projects=("atlas",),
        resource=ResourceClaim(
            kind="RunnerRegistration", namespace="ci", name="linux", uid="c0ffee", revision=3
        ),
    )


@pytest.fixture(scope="session")
def verifier(claims: AccessTokenClaims, public_keys: Mapping[str, PublicKey]) -> Verifier:
    return Verifier(claims.iss, public_keys, audiences=claims.aud)


@pytest.fixture(scope="session")
def header(key: SigningKey) -> dict[str, object]:
    return {"typ": "at+jwt", "alg": "ES256", "kid": key.kid}


@pytest.fixture(scope="session")
def payload() -> dict[str, object]:
    """The claims as a foreign library would write them."""
    return {
        "iss": "https://tokens.example.org",
        "sub": "runner:ci:linux",
        "aud": ["https://services.example.org"],
        "exp": ISSUED_AT + 3600,
        "iat": ISSUED_AT,
        "jti": "1f0c7d2e",
        "client_id": "runner:ci:linux",
        "scope": "read_api write_repository",
        "roles": ["Researcher"],
        "projects": ["atlas"],
        "mintmaster.dev": {
            "kind": "RunnerRegistration",
            "namespace": "ci",
            "name": "linux",
            "uid": "c0ffee",
            "revision": 3,
        },
    }


@pytest.fixture(scope="session")
def signed_by() -> Callable[[SigningKey, object, object], str]:
    """Sign any header and payload, JSON values or octets: what a thief of the key could do."""

    def sign(key: SigningKey, header: object, payload: object) -> str:
        signing_input = b".".join(base64url.encode(_octets(part)) for part in (header, payload))
        return (signing_input + b"." + base64url.encode(key.sign(signing_input))).decode()

    return sign


@pytest.fixture(scope="session")
def signed(
    signed_by: Callable[[SigningKey, object, object], str], key: SigningKey
) -> Callable[[object, object], str]:
    """Sign with the ES256 key."""
    return partial(signed_by, key)


def _octets(part: object) -> bytes:
    return part if isinstance(part, bytes) else json.dumps(part).encode()
