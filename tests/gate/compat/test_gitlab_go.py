"""GitLab's own client for Go, unmodified, against a gate and a real API server."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from recipes.third_party import BUILD_SECONDS, built_by_go

if TYPE_CHECKING:
    from gate.compat.gitlab_site import GitLab

SOURCE = Path(__file__).with_name("clients") / "gitlab-go"


@pytest.fixture(scope="session")
def program() -> Path:
    """The client's program; built before any operator runs, which building would hold up."""
    return built_by_go(SOURCE)


@pytest.fixture
async def root(program: Path, gitlab: GitLab) -> str:
    """An administrator's token."""
    return await gitlab.administrator()


@pytest.mark.timeout(BUILD_SECONDS + 300)
async def test_runners_and_access_tokens_live_their_lives(
    program: Path, gitlab: GitLab, root: str
) -> None:
    done = await asyncio.to_thread(
        subprocess.run,
        [str(program)],
        env={"PATH": os.environ["PATH"], "GITLAB_URL": gitlab.gate.url, "TOKEN": root},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "user": "root",
        "prefix": "glrt-t3_",
        "expires": None,
        "listed": 1,
        "paused": True,
        "tags": ["a", "b"],
        "another": True,
        "former": 403,
        "gone": 404,
        "rotated": True,
        "old": 401,
        "named": 1,
    }
    assert await gitlab.runners() == []
    assert [it.spec.revoked for it in await gitlab.tokens()] == [True, True]
