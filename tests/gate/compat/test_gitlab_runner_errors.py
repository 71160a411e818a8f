"""Every way in which GitLab refuses what runners ask, and what is asked of them, byte by byte."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from gate.compat.gitlab_bench import GitLabBench
from gate.compat.gitlab_refusals import FORBIDDEN, NO_ACCESS, NO_RUNNER, told
from gate.workbench import NOW


@pytest.fixture
def bench() -> GitLabBench:
    return GitLabBench()


# What runners ask -------------------------------------------------------------------------------------

BY_RUNNERS = [
    ("POST", "/runners/verify"),
    ("DELETE", "/runners"),
    ("POST", "/runners/reset_authentication_token"),
    ("POST", "/jobs/request"),
]


@pytest.mark.parametrize(("method", "path"), [*BY_RUNNERS, ("DELETE", "/runners/managers")])
@pytest.mark.parametrize("token", ["glrt-unknown", 7, ["x"], "a.b.c"])
async def test_a_runner_with_a_bad_token_is_forbidden(
    bench: GitLabBench, method: str, path: str, token: object
) -> None:
    """Not 401: gitlab-runner would keep the runner for ever."""
    answer = await bench.call(method, path, json={"token": token, "system_id": "s_1"})
    assert told(answer) == (403, FORBIDDEN)


@pytest.mark.parametrize(("method", "path"), BY_RUNNERS)
@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"ends_at": NOW - timedelta(seconds=1)}, id="expired"),
        pytest.param({"spec": {"revoked": True}}, id="revoked"),
    ],
)
async def test_a_runner_with_a_token_of_yesterday_is_forbidden(
    bench: GitLabBench, method: str, path: str, fields: dict[str, Any]
) -> None:
    answer = await bench.call(method, path, json={"token": bench.runner(**fields)})
    assert told(answer) == (403, FORBIDDEN)


@pytest.mark.parametrize(("method", "path"), BY_RUNNERS)
async def test_a_user_is_no_runner(bench: GitLabBench, method: str, path: str) -> None:
    answer = await bench.call(method, path, json={"token": bench.administrator()})
    assert told(answer) == (403, FORBIDDEN)


@pytest.mark.parametrize(("method", "path"), BY_RUNNERS)
async def test_a_runner_without_a_token(bench: GitLabBench, method: str, path: str) -> None:
    answer = await bench.call(method, path, json={})
    assert told(answer) == (400, b'{"error":"token is missing"}')


async def test_a_machine_without_a_name_is_not_taken_off(bench: GitLabBench) -> None:
    answer = await bench.call("DELETE", "/runners/managers", json={"token": bench.runner()})
    assert told(answer) == (400, b'{"error":"system_id is missing"}')


async def test_a_machine_that_was_never_there(bench: GitLabBench) -> None:
    token = bench.runner()
    await bench.call("POST", "/jobs/request", json={"token": token, "system_id": "s_1"})
    answer = await bench.call(
        "DELETE", "/runners/managers", json={"token": token, "system_id": "s_2"}
    )
    assert told(answer) == (404, b'{"message":"404 Runner manager not found Not Found"}')


async def test_a_token_in_a_secret_is_not_reset_over_http(bench: GitLabBench) -> None:
    token = bench.runner()
    answer = await bench.call("POST", "/runners/reset_authentication_token", json={"token": token})
    in_a_secret = b'{"message":"403 Forbidden - The token is in a Secret and renewed there"}'
    assert told(answer) == (403, in_a_secret)
    path = f"/runners/{bench.number('linux')}/reset_authentication_token"
    assert told(await bench.call("POST", path, bench.person())) == (403, in_a_secret)


async def test_there_is_no_router_of_jobs(bench: GitLabBench) -> None:
    answer = await bench.call("GET", "/runners/router/discovery")
    assert told(answer) == (501, b'{"message":"501 Not Implemented"}')


# Single runners ---------------------------------------------------------------------------------------

OF_ONE_RUNNER = [
    ("GET", ""),
    ("PUT", ""),
    ("DELETE", ""),
    ("GET", "/managers"),
    ("GET", "/jobs"),
    ("POST", "/reset_authentication_token"),
]


@pytest.mark.parametrize(("method", "rest"), OF_ONE_RUNNER)
async def test_a_runner_of_another_project(bench: GitLabBench, method: str, rest: str) -> None:
    bench.runner(project="4")
    path = f"/runners/{bench.number('linux')}{rest}"
    answer = await bench.call(method, path, bench.person(), {"description": "mine"})
    assert told(answer) == (403, NO_ACCESS)


@pytest.mark.parametrize(("method", "rest"), OF_ONE_RUNNER)
async def test_a_runner_that_does_not_exist(bench: GitLabBench, method: str, rest: str) -> None:
    answer = await bench.call(method, f"/runners/12{rest}", bench.person(), {})
    assert told(answer) == (404, NO_RUNNER)
    answer = await bench.call(method, f"/runners/twelve{rest}", bench.person(), {})
    assert told(answer) == (400, b'{"error":"id is invalid"}')


async def test_a_runner_that_was_revoked_is_gone(bench: GitLabBench) -> None:
    bench.runner(spec={"revoked": True})
    answer = await bench.call("GET", f"/runners/{bench.number('linux')}", bench.person())
    assert told(answer) == (404, NO_RUNNER)


async def test_a_change_of_nothing(bench: GitLabBench) -> None:
    bench.runner()
    answer = await bench.call("PUT", f"/runners/{bench.number('linux')}", bench.person(), {"a": 1})
    assert answer.status == 400
    assert b"at least one parameter must be provided" in answer.body


async def test_what_kubectl_applied_is_changed_where_it_stands(bench: GitLabBench) -> None:
    bench.runner()
    path = f"/runners/{bench.number('linux')}"
    answer = await bench.call("PUT", path, bench.person(), {"paused": True})
    assert answer.status == 403


async def test_a_runner_that_changed_since_it_was_looked_at_is_not_deleted(
    bench: GitLabBench,
) -> None:
    bench.runner()
    path = f"/runners/{bench.number('linux')}"
    since = (b"if-unmodified-since", b"Sat, 28 Feb 2026 12:00:00 GMT")
    answer = await bench.call("DELETE", path, bench.person(), None, since)
    assert told(answer) == (412, b'{"message":"412 Precondition Failed"}')
    since = (b"if-unmodified-since", b"Sun, 01 Mar 2026 12:00:00 GMT")
    assert (await bench.call("DELETE", path, bench.person(), None, since)).status == 204


async def test_a_runner_keeps_the_project_that_it_was_made_for(bench: GitLabBench) -> None:
    owner, number = bench.person(projects=["3", "4"]), None
    bench.runner()
    number = bench.number("linux")
    body = {"runner_id": number}
    locked = (403, b'{"message":"403 Forbidden - Runner is locked"}')
    assert told(await bench.call("POST", "/projects/4/runners", owner, body)) == locked
    taken = (400, b'{"message":"400 Bad request - Runner has already been taken"}')
    assert told(await bench.call("POST", "/projects/3/runners", owner, body)) == taken
    missing = (400, b'{"error":"runner_id is missing"}')
    assert told(await bench.call("POST", "/projects/3/runners", owner, {})) == missing
    last = b"Only one project associated with the runner. Please remove the runner instead"
    only = (403, b'{"message":"403 Forbidden - ' + last + b'"}')
    assert told(await bench.call("DELETE", f"/projects/3/runners/{number}", owner)) == only
    elsewhere = await bench.call("DELETE", f"/projects/4/runners/{number}", owner)
    assert told(elsewhere) == (404, NO_RUNNER)
    stranger = bench.person("bob", projects=["4"])
    for method, path, sent in (
        ("POST", "/projects/4/runners", body),
        ("DELETE", f"/projects/3/runners/{number}", None),
    ):
        assert told(await bench.call(method, path, stranger, sent)) == (403, NO_ACCESS)


async def test_runners_are_found_by_the_version_that_called(bench: GitLabBench) -> None:
    owner, token = bench.person(), bench.runner()
    bench.runner("silent")
    info = {"version": "19.4.0"}
    await bench.call("POST", "/jobs/request", json={"token": token, "info": info})
    for prefix, count in (("19.", 1), ("18", 0), ("", 2)):
        found = await bench.call("GET", f"/runners?version_prefix={prefix}", owner)
        assert len(found.json) == count, prefix


async def test_only_administrators_list_all_runners(bench: GitLabBench) -> None:
    assert told(await bench.call("GET", "/runners/all", bench.person())) == (403, FORBIDDEN)


@pytest.mark.parametrize("query", ["type=robot", "status=bored", "paused=maybe"])
async def test_a_filter_that_does_not_exist(bench: GitLabBench, query: str) -> None:
    answer = await bench.call("GET", f"/runners?{query}", bench.person())
    assert answer.status == 400
