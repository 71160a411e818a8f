"""A token that another gate made a moment ago is waited for, and nothing else is."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from gate.compat.gitlab_bench import GitLabBench
from mintmaster.tokens import opaque

if TYPE_CHECKING:
    from gate.harness import Answer

PROJECT = {"runner_type": "project_type", "project_id": 3}


@pytest.fixture
def bench() -> GitLabBench:
    return GitLabBench()


async def verify(bench: GitLabBench, token: str) -> Answer:
    return await bench.call("POST", "/runners/verify", json={"token": token})


async def test_a_token_that_the_watch_shows_late_is_good_all_the_same(bench: GitLabBench) -> None:
    made = (await bench.call("POST", "/user/runners", bench.person(), PROJECT)).json
    knowledge = bench.process.knowledge
    runner = knowledge.numbered("RunnerRegistration", made["id"])
    assert runner is not None
    knowledge.forget(runner.uid)
    asked = asyncio.create_task(verify(bench, made["token"]))
    while not bench.process.arrivals.count:  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(0)
    knowledge.observe(runner)
    assert (await asked).status == 200


async def test_a_token_that_never_comes_is_refused(bench: GitLabBench) -> None:
    assert (await verify(bench, opaque.mint("glrt-"))).status == 403
    assert bench.process.arrivals.count == 0


async def test_what_is_no_token_of_ours_is_not_waited_for(bench: GitLabBench) -> None:
    mistyped = opaque.mint("glrt-")[:-1] + "-"
    asked = asyncio.create_task(verify(bench, mistyped))
    while not asked.done():
        assert bench.process.arrivals.count == 0
        await asyncio.sleep(0)
    assert asked.result().status == 403
