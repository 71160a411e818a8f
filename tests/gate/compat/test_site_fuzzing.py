"""Whatever is sent to the APIs of Project-W, REANA and Run:ai, by strangers or by people with tokens: no 5xx."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from hypothesis import given, settings
from hypothesis import strategies as st

from gate.compat.all_routes import operations
from gate.compat.site_bench import SiteBench
from gate.workbench import FORM

if TYPE_CHECKING:
    from gate.harness import Answer

ASKED_ALREADY = 500, b"User has already a"
"""The one 500: it is REANA's answer to users who ask for a token again."""

JSON = (b"content-type", b"application/json")
MULTIPART = (b"content-type", b"multipart/form-data; boundary=x")
TEMPLATES = sorted({path for _, path in operations() if not path.startswith("/api/v4")})
"""All paths that the gate has; `{}` stands for an id or a realm."""
IDS = ("ada-uid", "default", "7", "%00", "..", "é")
PATHS = [path.replace("{}", own_id) for path in TEMPLATES for own_id in IDS]
FIELDS = st.sampled_from(
    [
        "email",
        "password",
        "username",
        "scope",
        "grant_type",
        "runner_id",
        "session_token",
        "access_token",
        "user_id",
        "name",
        "version",
        "git_hash",
        "source_code_url",
        "priority",
        "grantType",
        "appId",
        "client_id",
        "client_secret",
        "enabled",
        "limit",
        "offset",
    ]
)
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(max_size=50), st.lists(st.text(max_size=5))
)
BODIES = st.one_of(
    st.binary(max_size=200),
    st.dictionaries(FIELDS, VALUES, max_size=6),
    st.recursive(VALUES, lambda it: st.lists(it, max_size=3), max_leaves=5),
)
QUERIES = st.one_of(
    st.dictionaries(FIELDS, st.text(max_size=30), max_size=3),
    st.text(st.characters(max_codepoint=127), max_size=40),
)


def prepared() -> tuple[SiteBench, dict[str, str]]:
    """A gate, and tokens of all kinds."""
    bench = SiteBench()
    return bench, {
        "nobody": "",
        "stranger": "unknown",
        "user": bench.person("ada", scopes=["read_api"], projects=["3"]),
        "impostor": bench.person("impostor", roles=["Researcher"], projects=["*"]),
        "administrator": bench.administrator(),
        "runner": bench.runner("worker"),
    }


RUNNER = asyncio.Runner()
"""One loop for all examples: making one takes longer than a request."""
BENCH, TOKENS = prepared()


@given(
    method=st.sampled_from(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]),
    path=st.sampled_from(PATHS),
    who=st.sampled_from(list(TOKENS)),
    body=BODIES,
    query=QUERIES,
    typed=st.sampled_from([JSON, FORM, MULTIPART]),
    management=st.booleans(),
)
@settings(max_examples=400, deadline=None)
def test_nothing_that_is_sent_is_our_fault(**asked: Any) -> None:
    answer = RUNNER.run(_ask(BENCH, TOKENS[asked.pop("who")], **asked))
    known = answer.status == ASKED_ALREADY[0] and ASKED_ALREADY[1] in answer.body
    assert answer.status < 500 or known, answer


async def _ask(
    bench: SiteBench,
    token: str,
    method: str,
    path: str,
    body: Any,
    query: Any,
    typed: tuple[bytes, bytes],
    management: bool,
) -> Answer:
    form = typed is FORM and isinstance(body, dict)
    encoded = body if isinstance(body, bytes) else _encoded(body, form=form)
    asked = _query(query)
    shown = [(b"authorization", f"Bearer {token}".encode())] if token else []
    if management:
        shown.append((b"x-token-management-secret", token.encode()))
    return await bench.ask(
        method, f"{path}?{asked}" if asked else path, body=encoded, headers=(typed, *shown)
    )


def _encoded(body: Any, *, form: bool) -> bytes:
    if form:
        return urlencode({key: str(value) for key, value in body.items()}).encode()
    return json.dumps(body).encode("utf-8", "surrogatepass")


def _query(query: Any) -> str:
    return urlencode(query) if isinstance(query, dict) else str(query)
