"""Every way in which GitLab refuses what is asked of access tokens, byte by byte."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from gate.compat.gitlab_bench import GitLabBench
from gate.compat.gitlab_refusals import FORBIDDEN, UNAUTHORIZED, told
from gate.workbench import NOW


@pytest.fixture
def bench() -> GitLabBench:
    return GitLabBench()


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_others_tokens_are_nobodys_business(bench: GitLabBench, method: str) -> None:
    bench.person("bob")
    ada, root = bench.person(), bench.administrator()
    path = f"/personal_access_tokens/{bench.number('bob')}"
    assert told(await bench.call(method, path, ada)) == (401, UNAUTHORIZED)
    missing = "/personal_access_tokens/12"
    assert told(await bench.call(method, missing, ada)) == (401, UNAUTHORIZED)
    assert told(await bench.call(method, missing, root)) == (404, b'{"message":"404 Not Found"}')
    assert (await bench.call(method, path, root)).status in {200, 204}


async def test_others_tokens_are_not_rotated(bench: GitLabBench) -> None:
    bench.person("bob")
    path = f"/personal_access_tokens/{bench.number('bob')}/rotate"
    assert told(await bench.call("POST", path, bench.person())) == (401, UNAUTHORIZED)


async def test_others_tokens_are_not_listed(bench: GitLabBench) -> None:
    answer = await bench.call("GET", "/personal_access_tokens?user_id=12", bench.person())
    assert told(answer) == (401, UNAUTHORIZED)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, b'{"error":"name is missing, scopes is missing"}'),
        ({"name": "x", "scopes": []}, b'{"error":"scopes does not have a valid value"}'),
        ({"name": "x", "scopes": ["fly"]}, b'{"error":"scopes does not have a valid value"}'),
        (
            {"name": "x", "scopes": ["api"], "expires_at": "soon"},
            b'{"error":"expires_at is invalid"}',
        ),
        (
            {"name": "x", "scopes": ["api"], "expires_at": "2026-03-01"},
            b'{"message":"400 Bad request - Expiration date must be in the future"}',
        ),
        (
            {"name": "x", "scopes": ["api"], "expires_at": "2126-03-01"},
            b'{"message":"400 Bad request - Expiration date is not possible"}',
        ),
    ],
)
async def test_an_access_token_that_cannot_be(
    bench: GitLabBench, body: dict[str, Any], expected: bytes
) -> None:
    bench.person()
    user = (await bench.call("GET", "/user", bench.person())).json["id"]
    path = f"/users/{user}/personal_access_tokens"
    answer = await bench.call("POST", path, bench.administrator(), body)
    assert told(answer) == (400, expected)


async def test_access_tokens_are_searched_and_sorted(bench: GitLabBench) -> None:
    root = bench.administrator("c-root")
    bench.person("b-late", ends_at=NOW + timedelta(days=2))
    bench.person("a-soon", ends_at=NOW + timedelta(days=1))

    async def names(query: str) -> list[str]:
        answer = await bench.call("GET", f"/personal_access_tokens?{query}", root)
        return [it["name"] for it in answer.json]

    assert await names("sort=name_asc") == ["a-soon", "b-late", "c-root"]
    assert await names("sort=name_desc") == ["c-root", "b-late", "a-soon"]
    assert await names("sort=expires_asc") == ["a-soon", "b-late", "c-root"]
    assert await names("search=LATE") == ["b-late"]
    # Nobody notes when a token was last used.
    assert await names("last_used_after=2020-01-01") == []
    answer = await bench.call("GET", "/personal_access_tokens?sort=size_asc", root)
    assert told(answer) == (400, b'{"error":"sort does not have a valid value"}')


async def test_only_administrators_make_tokens_for_users(bench: GitLabBench) -> None:
    body = {"name": "x", "scopes": ["api"]}
    path = "/users/12/personal_access_tokens"
    assert told(await bench.call("POST", path, bench.person(), body)) == (403, FORBIDDEN)
    no_user = b'{"message":"404 User Not Found"}'
    assert told(await bench.call("POST", path, bench.administrator(), body)) == (404, no_user)


async def test_for_oneself_there_are_few_scopes(bench: GitLabBench) -> None:
    body = {"name": "x", "scopes": ["api"]}
    answer = await bench.call("POST", "/user/personal_access_tokens", bench.person(), body)
    assert told(answer) == (400, b'{"error":"scopes does not have a valid value"}')


async def test_a_token_in_a_secret_is_not_rotated_over_http(bench: GitLabBench) -> None:
    answer = await bench.call("POST", "/personal_access_tokens/self/rotate", bench.person())
    in_a_secret = b'{"message":"403 Forbidden - The token is in a Secret and renewed there"}'
    assert told(answer) == (403, in_a_secret)


async def test_a_runner_has_no_personal_access_token(bench: GitLabBench) -> None:
    token = bench.runner()
    answer = await bench.call("GET", "/personal_access_tokens/self", token)
    assert (answer.status, answer.json["message"][:17]) == (400, "400 Bad request -")
    scoped = bench.runner(scopes=["self_rotate"])
    answer = await bench.call("POST", "/personal_access_tokens/self/rotate", scoped)
    assert told(answer) == (405, b'{"message":"405 Method Not Allowed"}')
