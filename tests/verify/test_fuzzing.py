"""Whatever strangers send is refused in one of the ways that are foreseen."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mintmaster.verify import CredentialMalformed, CredentialMissing
from mintmaster.verify.bearer import bearer_token
from mintmaster.verify.status_list import StatusListRefused, read
from verify.issuer import Clocks, Issuer

PUBLISHER = Issuer(Clocks(), url="https://tokens.example.org")
URI = "https://tokens.example.org/status-lists/1"
KEYS = {PUBLISHER.signer.kid: PUBLISHER.signer.public}
NOW = PUBLISHER.clocks.now().timestamp()

untimed = settings(deadline=None)
numbers = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
lists = st.fixed_dictionaries({}, optional={"bits": numbers, "lst": st.text() | numbers})
claims = st.fixed_dictionaries(
    {"sub": st.just(URI) | numbers, "iat": st.just(int(NOW)) | numbers},
    optional={"exp": numbers, "ttl": numbers, "status_list": lists | numbers},
)


@untimed
@given(st.binary(max_size=200))
def test_arbitrary_octets_are_no_status_list(octets: bytes) -> None:
    with pytest.raises(StatusListRefused):
        read(octets, URI, KEYS, NOW, leeway=60)


@untimed
@given(claims)
def test_arbitrary_claims_are_read_or_refused(said: dict[str, Any]) -> None:
    with suppress(StatusListRefused):
        found = read(PUBLISHER.signed_list(said), URI, KEYS, NOW, leeway=60)
        assert found.bits in {1, 2, 4, 8}


@pytest.mark.parametrize("number", ["1e400", "-1e400", "1e18", "-0.0", "1.5"])
@pytest.mark.parametrize("claim", ["iat", "exp"])
def test_46_instants_that_are_no_whole_seconds_of_our_time_are_refused(
    claim: str, number: str
) -> None:
    said = PUBLISHER.list_claims(b"\0") | {claim: "instant"}
    text = json.dumps(said).replace('"instant"', number)
    with pytest.raises(StatusListRefused):
        read(PUBLISHER.signed_list(text), URI, KEYS, NOW, leeway=60)


@untimed
@given(st.lists(st.text() | st.just("Bearer ").flatmap(lambda it: st.text().map(it.__add__))))
def test_arbitrary_header_fields_are_read_or_refused(values: list[str]) -> None:
    with suppress(CredentialMissing, CredentialMalformed):
        token = bearer_token(values)
        assert token.isascii()
        assert " " not in token
