"""Whatever strangers send, no endpoint fails: no 5xx, no exception, nothing active that is none of ours."""

from __future__ import annotations

import asyncio
from urllib.parse import urlencode

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

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
