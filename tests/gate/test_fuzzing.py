"""Whatever strangers send, no endpoint fails: no 5xx, no exception, nothing active that is none of ours."""

from __future__ import annotations

import asyncio
import base64
from urllib.parse import urlencode

import jwt
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gate.minting_bench import CLIENT_ID, EXCHANGE, MintingBench, basic
from gate.minting_bench import TOKEN as TOKEN_PATH
from gate.workbench import FORM, SERVICES, Workbench
from tokens.conftest import NOW  # noqa: F401 - registers the profile without deadlines

BENCH = Workbench()
TOKEN = BENCH.issue()
CREDENTIAL = (b"authorization", f"Bearer {BENCH.asker}".encode())
PATHS = [*BENCH.process.endpoints(), "/readyz", "/healthz", "/openapi.json", "/docs"]

methods = st.sampled_from(["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
header_values = st.binary(max_size=200).filter(lambda value: not {0, 10, 13} & set(value))
headers = st.lists(
    st.tuples(
        st.sampled_from(
            [b"authorization", b"content-type", b"content-length", b"if-none-match", b"host", b"x"]
        ),
        st.one_of(header_values, st.just(CREDENTIAL[1]), st.just(FORM[1])),
    ),
    max_size=6,
)
paths = st.one_of(
    st.sampled_from(PATHS),
    st.sampled_from(PATHS).map(lambda path: f"/issuers/default{path}"),
    st.text(max_size=60).map(lambda text: f"/issuers/{text}"),
    st.text(max_size=60).map(lambda text: f"/{text}"),
)


@given(methods, paths, headers, st.binary(max_size=400))
@settings(max_examples=400)
def test_no_request_makes_an_endpoint_fail(
    method: str, path: str, fields: list[tuple[bytes, bytes]], body: bytes
) -> None:
    stranger = [field for field in fields if field[0] != b"authorization"]
    answer = asyncio.run(BENCH.ask(method, path, body=body, headers=tuple(stranger)))
    assert answer.status < 500


@given(st.binary(max_size=400))
@settings(max_examples=300)
def test_no_form_makes_introspection_fail(body: bytes) -> None:
    answer = asyncio.run(
        BENCH.ask("POST", "/oauth2/introspect", body=body, headers=(FORM, CREDENTIAL))
    )
    assert answer.status in {200, 400}
    assert b'"active":true' not in answer.body


@given(st.one_of(st.text(max_size=300), st.text("eyJ0._-=", max_size=300)))
@settings(max_examples=300)
def test_no_text_is_a_token(text: str) -> None:
    form = urlencode({"token": text}, errors="surrogatepass").encode()
    answer = asyncio.run(
        BENCH.ask("POST", "/oauth2/introspect", body=form, headers=(FORM, CREDENTIAL))
    )
    assert answer.status in {200, 400}
    assert b'"active":true' not in answer.body


@given(st.integers(0, len(TOKEN) * 6 - 1))
@settings(max_examples=300)
def test_30_one_changed_bit_is_enough(place: int) -> None:
    position, bit = divmod(place, 6)
    changed = TOKEN[:position] + chr(ord(TOKEN[position]) ^ (1 << bit)) + TOKEN[position + 1 :]
    status = asyncio.run(BENCH.review(changed, SERVICES))
    assert status == {"authenticated": False}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(json_values, json_values, json_values)
@settings(max_examples=300)
def test_no_review_makes_the_webhook_fail(version: object, kind: object, spec: object) -> None:
    for review in (
        {"apiVersion": version, "kind": kind, "spec": spec},
        {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": spec},
    ):
        body = msgspec.json.encode(review)
        answer = asyncio.run(BENCH.ask("POST", "/k8s/tokenreview", body=body))
        assert answer.status in {200, 400}
        assert b'"authenticated":true' not in answer.body


@given(st.lists(st.text(max_size=50), max_size=200))
@settings(max_examples=50)
def test_tokens_of_strangers_are_not_remembered(texts: list[str]) -> None:
    before = len(BENCH.process.verification._findings)
    for text in texts:
        assert asyncio.run(BENCH.review(text, SERVICES)) == {"authenticated": False}
    assert len(BENCH.process.verification._findings) == before


@pytest.fixture(scope="module")
def minting(tmp_path_factory: pytest.TempPathFactory) -> MintingBench:
    return MintingBench(folder=tmp_path_factory.mktemp("keys"))


form_names = st.sampled_from(
    ["grant_type", "scope", "audience", "resource", "client_id", "client_secret"]
) | st.sampled_from(["subject_token", "subject_token_type", "requested_token_type", "actor_token"])
form_values = st.one_of(
    st.text(max_size=60),
    st.sampled_from(["client_credentials", EXCHANGE, "api", "introspect read_api", SERVICES]),
    st.sampled_from([CLIENT_ID, "urn:ietf:params:oauth:token-type:jwt", "urn:mintmaster:x:y:z"]),
)
credentials = st.one_of(
    st.none(),
    st.binary(max_size=60).map(lambda raw: b"Basic " + base64.b64encode(raw)),
    header_values.map(lambda raw: b"Basic " + raw),
)


@given(st.lists(st.tuples(form_names, form_values), max_size=8), credentials)
@settings(max_examples=400)
def test_no_form_makes_the_token_endpoint_fail_or_mint_for_a_stranger(
    minting: MintingBench, form: list[tuple[str, str]], shown: bytes | None
) -> None:
    body = urlencode(form, errors="surrogatepass").encode()
    headers = (FORM, *(((b"authorization", shown),) if shown is not None else ()))
    answer = asyncio.run(minting.ask("POST", TOKEN_PATH, body=body, headers=headers))
    assert answer.status in {400, 401, 413, 429}
    assert b"access_token" not in answer.body


@given(st.lists(st.tuples(form_names, form_values), max_size=6))
@settings(max_examples=300)
def test_whatever_an_application_asks_for_it_gets_no_more_than_it_has(
    minting: MintingBench, form: list[tuple[str, str]]
) -> None:
    answer = asyncio.run(minting.token(form))
    assert answer.status in {200, 400, 401, 429}
    if answer.status == 200:
        claims = jwt.decode(answer.json["access_token"], options={"verify_signature": False})
        rights = minting.application_rights()
        assert claims["sub"] == rights["subject"]
        assert set(claims["scope"].split()) <= set(rights["scopes"])
        for name in ("roles", "projects"):
            assert set(claims[name]) <= set(rights[name])
        assert set(claims["aud"]) <= set(rights["audiences"])


@given(st.binary(max_size=400))
@settings(max_examples=200)
def test_no_body_makes_the_token_endpoint_fail(minting: MintingBench, body: bytes) -> None:
    headers = (FORM, basic(CLIENT_ID, minting.client_secret))
    answer = asyncio.run(minting.ask("POST", TOKEN_PATH, body=body, headers=headers))
    assert answer.status in {400, 413}
