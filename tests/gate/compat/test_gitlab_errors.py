"""Every way in which GitLab refuses, byte by byte."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from gate.compat.gitlab_bench import UNLIMITED, GitLabBench
from gate.workbench import FORM, NOW

if TYPE_CHECKING:
    from gate.harness import Answer

UNAUTHORIZED = b'{"message":"401 Unauthorized"}'
FORBIDDEN = b'{"message":"403 Forbidden"}'
INSUFFICIENT = b'{"message":"403 Forbidden - Insufficient permissions"}'
NO_ACCESS = b'{"message":"403 Forbidden - No access granted"}'
NO_RUNNER = b'{"message":"404 Runner Not Found"}'
PROJECT = {"runner_type": "project_type", "project_id": 3}


def scope_error(scopes: str) -> bytes:
    return (
        b'{"error":"insufficient_scope","error_description":"The request requires higher privileges'
        b' than provided by the access token.","scope":"' + scopes.encode() + b'"}'
    )


def invalid_token(description: str) -> bytes:
    return b'{"error":"invalid_token","error_description":"' + description.encode() + b'"}'


EXPIRED = "Token is expired. You can either do re-authorization or token refresh."
REVOKED = "Token was revoked. You have to re-authorize from the user."


@pytest.fixture
def bench() -> GitLabBench:
    return GitLabBench()


def told(answer: Answer) -> tuple[int, bytes]:
    assert answer.headers["Content-Type"] == "application/json"
    return answer.status, answer.body


# Who asks ---------------------------------------------------------------------------------------------


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


# POST /user/runners -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, b'{"error":"runner_type is missing, runner_type does not have a valid value"}'),
        ({"runner_type": "robot"}, b'{"error":"runner_type does not have a valid value"}'),
        ({"runner_type": "project_type"}, b'{"error":"project_id is missing"}'),
        ({"runner_type": "group_type"}, b'{"error":"group_id is missing"}'),
        (PROJECT | {"project_id": "three"}, b'{"error":"project_id is invalid"}'),
        (PROJECT | {"paused": "maybe"}, b'{"error":"paused is invalid"}'),
        (
            PROJECT | {"access_level": "none"},
            b'{"error":"access_level does not have a valid value"}',
        ),
        (
            PROJECT | {"description": "x" * 1025},
            b'{"error":"description is too long (maximum is 1024 characters)"}',
        ),
        (PROJECT | {"tag_list": [1]}, b'{"error":"tag_list is invalid"}'),
        (PROJECT | {"maximum_timeout": "long"}, b'{"error":"maximum_timeout is invalid"}'),
        (
            PROJECT | {"project_id": 0},
            b'{"message":"400 Bad request - Missing/invalid project"}',
        ),
        (
            {"runner_type": "group_type", "group_id": -7},
            b'{"message":"400 Bad request - Missing/invalid group"}',
        ),
        (
            PROJECT | {"run_untagged": False},
            (
                b'{"message":"400 Bad request - Tags list can not be empty when runner is not allowed to'
                b' pick untagged jobs"}'
            ),
        ),
        (
            PROJECT | {"maximum_timeout": 599},
            b'{"message":"400 Bad request - Maximum timeout needs to be at least 10 minutes"}',
        ),
        (
            PROJECT | {"tag_list": [str(number) for number in range(51)]},
            (
                b'{"message":"400 Bad request - Tags list Too many tags specified. Please limit the'
                b' number of tags to 50"}'
            ),
        ),
    ],
)
async def test_a_runner_that_cannot_be(
    bench: GitLabBench, body: dict[str, Any], expected: bytes
) -> None:
    answer = await bench.call("POST", "/user/runners", bench.administrator(), body)
    assert told(answer) == (400, expected)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(PROJECT | {"project_id": 4}, id="another project"),
        pytest.param({"runner_type": "group_type", "group_id": 7}, id="a group"),
        pytest.param({"runner_type": "instance_type"}, id="the instance"),
    ],
)
async def test_a_runner_that_the_asker_may_not_have(
    bench: GitLabBench, body: dict[str, Any]
) -> None:
    answer = await bench.call("POST", "/user/runners", bench.person(), body)
    assert told(answer) == (403, INSUFFICIENT)


async def test_a_role_alone_makes_nobody_an_administrator(bench: GitLabBench) -> None:
    token = bench.person(roles=["Administrator"], projects=["*"])
    body = {"runner_type": "instance_type"}
    assert told(await bench.call("POST", "/user/runners", token, body)) == (403, INSUFFICIENT)


async def test_what_the_issuer_does_not_grant_nobody_gets(bench: GitLabBench) -> None:
    owner = bench.person()
    team = UNLIMITED | {"namespaces": {"names": ["team"]}}
    bench.switch_on(grants=[team])
    answer = await bench.call("POST", "/user/runners", owner, PROJECT)
    assert told(answer) == (403, INSUFFICIENT)


@pytest.mark.parametrize(
    ("problem", "status", "body"),
    [
        ("NotGranted", 403, INSUFFICIENT),
        ("AwaitingApproval", 403, INSUFFICIENT),
        ("TooManyIssues", 429, b'{"message":"429 Too Many Requests"}'),
        ("ScopeUnknown", 400, b'{"error":"scopes does not have a valid value"}'),
        (
            "LifetimeTooLong",
            400,
            b'{"message":"400 Bad request - Expiration date is not possible"}',
        ),
    ],
)
async def test_what_the_operator_refuses_is_told_and_leaves_nothing_behind(
    bench: GitLabBench, problem: str, status: int, body: bytes
) -> None:
    owner = bench.person()
    bench.store.problem = problem
    before = set(bench.store.objects)
    answer = await bench.call("POST", "/user/runners", owner, PROJECT)
    assert told(answer) == (status, body)
    assert set(bench.store.objects) == before


async def test_while_nothing_can_be_issued_the_answer_is_to_come_back(bench: GitLabBench) -> None:
    owner = bench.person()
    bench.store.problem = "IssuerNotReady"
    answer = await bench.call("POST", "/user/runners", owner, PROJECT)
    assert (answer.status, answer.headers["Retry-After"]) == (503, "5")


async def test_registration_tokens_are_a_thing_of_the_past(bench: GitLabBench) -> None:
    answer = await bench.call("POST", "/runners", json={"token": "GR1348941abc"})
    assert told(answer) == (410, b'{"message":"410 Gone - runner registration disallowed"}')
    missing = await bench.call("POST", "/runners", json={})
    assert told(missing) == (400, b'{"error":"token is missing"}')


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


# Access tokens ----------------------------------------------------------------------------------------


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


# The rest ---------------------------------------------------------------------------------------------


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
