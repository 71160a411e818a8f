"""Whatever is sent to GitLab's API, by strangers or by people with tokens, it does not fail: no 5xx."""

from __future__ import annotations

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from gate.compat.all_routes import operations
from gate.compat.gitlab_bench import GitLabBench
from gate.workbench import FORM
from tokens.conftest import NOW  # noqa: F401 - registers the profile without deadlines

RUNNER = asyncio.Runner()
"""One loop for all examples: making one takes longer than a request."""
BENCH = GitLabBench()
TOKENS = ["", "glpat-x", BENCH.person(), BENCH.administrator(), BENCH.runner()]
NUMBERS = [str(BENCH.number(name)) for name in ("ada", "root", "linux")]

ROOT = "/api/v4"
TEMPLATES = sorted({path[len(ROOT) :] for _, path in operations() if path.startswith(ROOT)})
"""All paths that the gate has; `{}` stands for an id."""
PATHS = [path for path in TEMPLATES if "{}" not in path]
NUMBERED = [path for path in TEMPLATES if "{}" in path]
NAMES = (
    "runner_type",
    "project_id",
    "group_id",
    "description",
    "maintenance_note",
    "tag_list",
    "run_untagged",
    "locked",
    "paused",
    "active",
    "access_level",
    "maximum_timeout",
    "token",
    "system_id",
    "info",
    "name",
    "scopes",
    "expires_at",
    "page",
    "per_page",
    "type",
    "status",
    "state",
    "user_id",
    "created_after",
    "private_token",
    "runner_id",
    "search",
    "sort",
    "version_prefix",
)

numbers = st.one_of(st.sampled_from(NUMBERS), st.text(max_size=20), st.integers().map(str))
paths = st.one_of(
    st.sampled_from(PATHS),
    st.tuples(st.sampled_from(NUMBERED), numbers).map(lambda it: it[0].replace("{}", it[1])),
    st.text(max_size=30).map(lambda text: f"/{text}"),
)
methods = st.sampled_from(["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
words = st.sampled_from(
    ["project_type", "instance_type", "group_type", "api", "k8s_proxy", "true", "3", "2026-12-31"]
)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30) | words
values = st.one_of(
    scalars,
    st.lists(scalars, max_size=4),
    st.dictionaries(st.text(max_size=8), scalars, max_size=3),
    st.sampled_from(TOKENS),
)
bodies = st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=8), values, max_size=8)


@given(methods, paths, st.sampled_from(TOKENS), bodies)
@settings(max_examples=1500)
def test_no_fields_make_it_fail(method: str, path: str, token: str, body: object) -> None:
    answer = RUNNER.run(BENCH.call(method, path.partition("?")[0], token, body))
    assert answer.status < 500 or answer.status == 501


@given(methods, paths, st.sampled_from(TOKENS), st.binary(max_size=300), st.binary(max_size=80))
@settings(max_examples=500)
def test_no_octets_make_it_fail(
    method: str, path: str, token: str, body: bytes, kind: bytes
) -> None:
    types = (FORM[1], b"application/json", b"multipart/form-data; boundary=x", kind)
    for content_type in types:
        headers = ((b"private-token", token.encode()), (b"content-type", content_type))
        answer = RUNNER.run(
            BENCH.ask(method, f"/api/v4{path.partition('?')[0]}", body=body, headers=headers)
        )
        assert answer.status < 500 or answer.status == 501


@given(st.sampled_from(PATHS), st.sampled_from(TOKENS), st.text(max_size=80))
@settings(max_examples=400)
def test_no_query_makes_it_fail(path: str, token: str, query: str) -> None:
    asked = "".join(character for character in query if character != "?")
    answer = RUNNER.run(BENCH.call("GET", f"{path}?{asked}", token))
    assert answer.status < 500 or answer.status == 501
