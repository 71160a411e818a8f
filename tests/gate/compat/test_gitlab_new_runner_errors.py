"""Every way in which GitLab refuses to make a runner, byte by byte."""

from __future__ import annotations

from typing import Any

import pytest

from gate.compat.gitlab_bench import UNLIMITED, GitLabBench
from gate.compat.gitlab_refusals import INSUFFICIENT, PROJECT, told


@pytest.fixture
def bench() -> GitLabBench:
    return GitLabBench()


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
