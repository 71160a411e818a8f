"""Every way in which GitLab refuses whoever asks, and whatever path they ask for, byte by byte."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from gate.compat.gitlab_bench import GitLabBench
from gate.compat.gitlab_refusals import (
    EXPIRED,
    PROJECT,
    REVOKED,
    UNAUTHORIZED,
    invalid_token,
    scope_error,
    told,
)
from gate.workbench import FORM, NOW


@pytest.fixture
def bench() -> GitLabBench:
    return GitLabBench()


@pytest.mark.parametrize("token", ["", "glpat-unknown", "a.b.c", "\N{SNOWMAN}"])
async def test_nobody_gets_in_without_a_token(bench: GitLabBench, token: str) -> None:
    answer = await bench.call("GET", "/user", token)
    assert told(answer) == (401, UNAUTHORIZED)
    assert "Www-Authenticate" not in answer.headers


@pytest.mark.parametrize(
    ("fields", "description"),
    [
        pytest.param({"ends_at": NOW - timedelta(seconds=1)}, EXPIRED, id="expired"),
        pytest.param({"spec": {"revoked": True}}, REVOKED, id="revoked"),
    ],
)
async def test_a_token_of_yesterday_is_told_what_became_of_it(
    bench: GitLabBench, fields: dict[str, Any], description: str
) -> None:
    answer = await bench.call("GET", "/user", bench.person(**fields))
    assert told(answer) == (401, invalid_token(description))
    assert answer.headers["Www-Authenticate"] == (
        'Bearer realm="Protected by OAuth 2.0", error="invalid_token",'
        f' error_description="{description}"'
    )


@pytest.mark.parametrize(
    ("method", "path", "scopes"),
    [
        ("POST", "/user/runners", "create_runner api read_api"),
        ("GET", "/user", "read_user api read_api"),
        ("GET", "/runners", "api read_api"),
        ("GET", "/runners/1", "manage_runner api read_api"),
        ("PUT", "/runners/1", "manage_runner api read_api"),
        ("DELETE", "/runners/1", "manage_runner api read_api"),
        ("POST", "/runners/1/reset_authentication_token", "manage_runner api read_api"),
        ("GET", "/personal_access_tokens", "api read_api"),
        ("POST", "/personal_access_tokens/self/rotate", "self_rotate api read_api"),
        ("POST", "/personal_access_tokens/1/rotate", "api read_api"),
    ],
)
async def test_a_scope_that_does_not_reach(
    bench: GitLabBench, method: str, path: str, scopes: str
) -> None:
    answer = await bench.call(method, path, bench.person(scopes=["k8s_proxy"]), PROJECT)
    assert told(answer) == (403, scope_error(scopes))
    assert "Www-Authenticate" not in answer.headers


async def test_read_api_reads_and_does_nothing_else(bench: GitLabBench) -> None:
    reader = bench.person(scopes=["read_api"])
    assert (await bench.call("GET", "/runners", reader)).status == 200
    answer = await bench.call("POST", "/user/runners", reader, PROJECT)
    assert told(answer) == (403, scope_error("create_runner api read_api"))


async def test_create_runner_creates_and_does_nothing_else(bench: GitLabBench) -> None:
    creator = bench.person(scopes=["create_runner"])
    assert (await bench.call("POST", "/user/runners", creator, PROJECT)).status == 201
    answer = await bench.call("GET", "/runners", creator)
    assert told(answer) == (403, scope_error("api read_api"))


async def test_manage_runner_reaches_single_runners_but_no_lists(bench: GitLabBench) -> None:
    manager = bench.person(scopes=["manage_runner"])
    bench.runner()
    assert (await bench.call("GET", f"/runners/{bench.number('linux')}", manager)).status == 200
    assert (await bench.call("GET", "/runners", manager)).status == 403
    assert (await bench.call("POST", "/user/runners", manager, PROJECT)).status == 403


async def test_three_places_for_a_token(bench: GitLabBench) -> None:
    token = bench.person()
    assert (await bench.call("GET", f"/user?private_token={token}")).status == 200
    assert (await bench.call("GET", "/user", token)).status == 200
    bearer = (b"authorization", f"Bearer {token}".encode())
    assert (await bench.call("GET", "/user", "", None, bearer)).status == 200
    body = f"private_token={token}&runner_type=project_type&project_id=3".encode()
    answer = await bench.ask("POST", "/api/v4/user/runners", body=body, headers=(FORM,))
    assert answer.status == 201


async def test_a_job_token_in_the_header_counts_as_none(bench: GitLabBench) -> None:
    shown = (b"authorization", f"Bearer {bench.person()}".encode())
    assert (await bench.call("GET", "/user", "glcbt-64_abc", None, shown)).status == 200
    assert told(await bench.call("GET", "/user", "glcbt-64_abc")) == (401, UNAUTHORIZED)


async def test_a_token_in_a_parameter_does_not_come_back_in_a_link(bench: GitLabBench) -> None:
    token = bench.person()
    answer = await bench.call("GET", f"/runners?private_token={token}&type=project_type")
    assert token not in str(answer.headers)
    assert "type=project_type" in answer.headers["Link"]


# What is asked for ------------------------------------------------------------------------------------


async def test_what_is_not_there(bench: GitLabBench) -> None:
    token = bench.person()
    not_found = (404, b'{"message":"404 Not Found"}')
    assert told(await bench.call("GET", "/nothing", token)) == not_found
    assert told(await bench.call("GET", "/runners/", token)) == not_found
    wrong = (405, b'{"message":"405 Method Not Allowed"}')
    assert told(await bench.call("PATCH", "/user", token)) == wrong


async def test_an_issuer_that_does_not_switch_it_on_has_no_such_paths(bench: GitLabBench) -> None:
    token = bench.person()
    bench.switch_on(compatibleApis=[])
    answer = await bench.call("GET", "/user", token)
    assert told(answer) == (404, b'{"message":"404 Not Found"}')
    assert (await bench.ask("GET", "/issuers/nobody/api/v4/user")).status == 404


async def test_an_issuer_answers_below_its_name_and_below_its_url(bench: GitLabBench) -> None:
    shown = (b"private-token", bench.person().encode())
    bench.switch_on(url="https://gitlab.example.org/site")
    for base in ("", "/issuers/default", "/site"):
        answer = await bench.ask("GET", f"{base}/api/v4/user", headers=(shown,))
        assert answer.status == 200, base


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (b"application/json", b"{"),
        (b"application/json", b"[]"),
        (b"application/json", b"[" * 60_000),
        (b"application/x-www-form-urlencoded", b"a=%ff"),
        (b"multipart/form-data", b"nothing"),
    ],
)
async def test_a_body_that_is_not_what_it_says(
    bench: GitLabBench, content_type: bytes, body: bytes
) -> None:
    shown = (b"private-token", bench.person().encode())
    answer = await bench.ask(
        "POST", "/api/v4/user/runners", body=body, headers=(shown, (b"content-type", content_type))
    )
    cannot = b'{"message":"400 Bad request - the request cannot be read"}'
    assert told(answer) == (400, cannot)


async def test_a_body_that_is_too_long_is_not_read(bench: GitLabBench) -> None:
    answer = await bench.ask("POST", "/api/v4/user/runners", body=b"x" * 70_000)
    assert answer.status == 413


async def test_beyond_its_staleness_a_gate_tells_no_runner_that_its_token_is_bad(
    bench: GitLabBench,
) -> None:
    bench.age = 601
    answer = await bench.call("POST", "/runners/verify", json={"token": bench.runner()})
    assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
