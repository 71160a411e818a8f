"""What must hold of a token resource and its Secret whenever an operator has come to rest."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from typing import TYPE_CHECKING

from mintmaster.kube.errors import NotFound
from mintmaster.tokens.digests import digest
from reconcile.reading import is_ready

if TYPE_CHECKING:
    from mintmaster.api.runner_registration import RunnerRegistration
    from mintmaster.api.status import TokenRecord
    from mintmaster.kube.client import Client
    from reconcile.cluster_user import Cluster

PATIENCE = 60.0
"""Seconds after which a namespace counts as never coming to rest."""

OVERLAP = timedelta(minutes=5)
"""The default of `spec.token.overlap`."""


def current(runner: RunnerRegistration) -> TokenRecord:
    """The one record of the newest revision."""
    newest = [token for token in runner.status.tokens if token.revision == runner.status.revision]
    assert len(newest) == 1, f"{len(newest)} tokens are current"
    return newest[0]


async def delivered(user: Cluster, name: str = "runner") -> str:
    """The digest of the token in the Secret; empty without one."""
    token = (await user.secret_data(f"{name}-token")).get("token")
    return digest(token) if token else ""


async def settled(
    user: Cluster, name: str = "runner", *, revision: int | None = None
) -> RunnerRegistration:
    """Wait until a runner is ready and its Secret holds the token on record; see that the record is sound."""

    async def look() -> tuple[RunnerRegistration, str]:
        return await user.runner(name), await delivered(user, name)

    def agree(seen: tuple[RunnerRegistration, str]) -> bool:
        runner, held = seen
        wanted = runner.status.revision if revision is None else revision
        newest = {token.digest for token in runner.status.tokens if token.revision == wanted}
        return is_ready(runner) and runner.status.revision == wanted and held in newest

    runner, _ = await user.until(look, agree)
    see_that_one_is_current(runner)
    return runner


def see_that_one_is_current(runner: RunnerRegistration) -> None:
    """Exactly one token is current; every other ends with its overlap; no two share a name or a digest."""
    newest = current(runner)
    for token in runner.status.tokens:
        if token is not newest:
            assert token.valid_until is not None
            assert token.valid_until <= newest.issued_at + OVERLAP
    for names in (
        {token.id for token in runner.status.tokens},
        {token.digest for token in runner.status.tokens},
    ):
        assert len(names) == len(runner.status.tokens)


async def at_peace(user: Cluster, *, quiet: float = 1.0) -> dict[str, str]:
    """Wait until nobody has written in the user's namespace for so many seconds; the resourceVersions then."""
    deadline = time.monotonic() + PATIENCE
    seen, since = await user.versions(), time.monotonic()
    while time.monotonic() - since < quiet:
        assert time.monotonic() < deadline, "somebody goes on writing"
        await asyncio.sleep(0.05)
        now = await user.versions()
        if now != seen:
            seen, since = now, time.monotonic()
    return seen


async def exists(client: Client, path: str) -> bool:
    """Whether there is an object at a path."""
    try:
        await client.get(path)
    except NotFound:
        return False
    return True
