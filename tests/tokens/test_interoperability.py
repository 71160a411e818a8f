"""A foreign library reads what we mint, and we read what it mints."""

from collections.abc import Mapping
from datetime import datetime

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey

from mintmaster.tokens.jwt import AccessTokenClaims, sign
from mintmaster.tokens.keys import Algorithm, SigningKey, thumbprint
from mintmaster.tokens.verifier import Verifier

# RFC 9864 deprecates the name "EdDSA", but most consumers know the key type by no other.
pytestmark = pytest.mark.filterwarnings("ignore:EdDSA is deprecated")

FOREIGN: dict[Algorithm, type[ECKey] | type[RSAKey] | type[OKPKey]] = {
    Algorithm.ES256: ECKey,
    Algorithm.RS256: RSAKey,
    Algorithm.EDDSA: OKPKey,
}


def _foreign(key: SigningKey) -> Key:
    return FOREIGN[key.algorithm].import_key(key.to_pem())


@pytest.mark.parametrize("algorithm", Algorithm)
def test_a_foreign_library_accepts_what_we_mint(
    algorithm: Algorithm,
    claims: AccessTokenClaims,
    payload: dict[str, object],
    keys: Mapping[Algorithm, SigningKey],
) -> None:
    key = keys[algorithm]
    published = FOREIGN[algorithm].import_key(dict(key.public.jwk()))
    token = jwt.decode(sign(claims, key), published, algorithms=[algorithm.value])
    assert token.claims == payload
    assert token.header == {"typ": "at+jwt", "alg": algorithm.value, "kid": key.kid}


@pytest.mark.parametrize("algorithm", Algorithm)
def test_we_accept_what_a_foreign_library_mints(
    algorithm: Algorithm,
    claims: AccessTokenClaims,
    payload: dict[str, object],
    keys: Mapping[Algorithm, SigningKey],
    verifier: Verifier,
    now: datetime,
) -> None:
    key = keys[algorithm]
    header = {"typ": "at+jwt", "alg": algorithm.value, "kid": key.kid}
    token = jwt.encode(header, payload, _foreign(key), algorithms=[algorithm.value])
    assert verifier.verify(token, now) == claims


@pytest.mark.parametrize("algorithm", Algorithm)
def test_a_foreign_library_computes_the_same_thumbprint(
    algorithm: Algorithm, keys: Mapping[Algorithm, SigningKey]
) -> None:
    key = keys[algorithm]
    assert _foreign(key).thumbprint() == key.kid == thumbprint(key.public.jwk())
