"""REANA's own client, unmodified."""

from __future__ import annotations

import asyncio
import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from gate.compat.original_clients import environment, patient
from gate.compat.reana_bench import OPAQUE, reana_bench
from mintmaster import __version__
from mintmaster.api.kinds import USER_ACCESS_TOKEN
from mintmaster.tokens import opaque

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from gate.compat.reana_bench import ReanaBench
    from reconcile.harness import Cluster, Running, SettableClock

pytestmark = patient


@pytest.fixture(scope="session")
def program() -> Path:
    """The client; installed before any operator runs, which installing would hold up."""
    return environment("reana") / "reana-client"


@pytest.fixture
async def reana(
    program: Path, cluster_user: Cluster, operator: Running, clock: SettableClock
) -> AsyncIterator[ReanaBench]:
    # At the root, as the client lets no path stand before its own.
    cluster_user.issuer = "default"
    async with reana_bench(cluster_user, clock) as bench:
        yield bench


async def ping(program: Path, reana: ReanaBench, token: str) -> tuple[int, str]:
    """Exit code and output of `reana-client ping`."""
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": os.environ["HOME"],
        "REANA_SERVER_URL": reana.gate.url,
        "REANA_ACCESS_TOKEN": token,
    }
    done = await asyncio.to_thread(
        subprocess.run,
        [str(program), "ping"],
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return done.returncode, done.stdout + done.stderr


async def test_the_client_is_told_who_it_is(program: Path, reana: ReanaBench) -> None:
    user = {"email": "ada@team.example", "username": "ada", "fullName": "Ada L."}
    token = await reana.user_token(user=user, token=OPAQUE)

    code, said = await ping(program, reana, token)

    assert code == 0, said
    assert f"REANA server version: {__version__}" in said
    assert "Authenticated as: Ada L. <ada@team.example>" in said
    assert "Status: Connected" in said


async def test_the_client_says_that_a_token_is_not_good(program: Path, reana: ReanaBench) -> None:
    token = await reana.user_token(token=OPAQUE)
    await reana.cluster.patch(USER_ACCESS_TOKEN, "ada", {"spec": {"revoked": True}})

    async def status() -> int:
        return (await reana.you(token)).status

    await reana.cluster.until(status, lambda it: it == 403)
    for bad in (token, opaque.mint()):
        code, said = await ping(program, reana, bad)
        assert code == 1
        assert "INVALID ACCESS TOKEN" in said
