"""(e) `mintmaster admin user-import`, against a bare loop that creates the same resources."""

from __future__ import annotations

import asyncio
import secrets
import sys
import time
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec

from benchmarks import processes
from benchmarks.delivery import site as sites
from benchmarks.figures import Import

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.delivery.site import Site
    from benchmarks.stage import Stage

_SAMPLE = 0
_WRITTEN = ("apiVersion", "kind", "metadata", "spec")


async def creating(stage: Stage, count: int) -> Import:
    """Users who have no token yet: one write each, while no operator runs."""
    return await _measured(stage, count, "created", with_tokens=False)


async def activating(stage: Stage, count: int) -> Import:
    """Users with their tokens, until all are active: the operator's write beside the import's."""
    return await _measured(stage, count, "activated", with_tokens=True)


async def _measured(stage: Stage, count: int, name: str, *, with_tokens: bool) -> Import:
    sampled = await sites.opened(stage, f"{name}-bare")
    bare = await _bare_seconds(sampled, count, with_tokens=with_tokens)
    await sites.remove(sampled)
    site = await sites.opened(stage, name)
    file = _users(site.stage, range(1, count + 1), with_tokens=with_tokens)
    await stage.quiet()
    if with_tokens:
        async with stage.operator() as operator:
            await operator.wait_until_leading()
            took = await _seconds(site, file)
    else:
        took = await _seconds(site, file)
    await sites.remove(site)
    return Import(bare=count / bare, imported=count / took)


async def _bare_seconds(site: Site, count: int, *, with_tokens: bool) -> float:
    """How long the same writes take that an import made of one user, which is taken for the pattern."""
    file = _users(site.stage, range(1), with_tokens=with_tokens)
    async with site.stage.operator() as operator:
        await operator.wait_until_leading()
        await site.admin("user-import", "--file", file)
    [sample] = [
        msgspec.json.decode(item)
        async for items in site.stage.api.pages(site.users_path)
        for item in items
    ]
    folder = site.stage.folder
    bodies, status = folder / "bodies", folder / "status"
    bodies.write_bytes(b"\n".join(_body(sample, number) for number in range(1, count + 1)))
    status.write_bytes(msgspec.json.encode({"status": sample["status"]}))
    await site.stage.quiet()
    began = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.delivery.bare", site.stage.kubeconfig),
        *(site.users_path, str(bodies), *([str(status)] if with_tokens else [])),
    )
    if await process.wait() != 0:
        raise processes.Failed(f"the bare loop ended with {process.returncode}")
    return time.monotonic() - began


async def _seconds(site: Site, file: Path) -> float:
    began = time.monotonic()
    await site.admin("user-import", "--file", file)
    return time.monotonic() - began


def _users(stage: Stage, numbers: range, *, with_tokens: bool) -> Path:
    """A file as REANA exports it."""
    file = stage.folder / "users.csv"
    lines = (
        f'"{_id(number)}","{_email(number)}","{secrets.token_urlsafe(16) if with_tokens else ""}","",""\n'
        for number in numbers
    )
    file.write_text("".join(lines), encoding="utf-8")
    return file


def _body(sample: dict[str, Any], number: int) -> bytes:
    """What an import would create for another user: the names differ, and no byte more."""
    written = {name: sample[name] for name in _WRITTEN}
    kept = ("labels", "namespace")
    own = {name: sample["metadata"][name] for name in kept}
    written["metadata"] = own | {"name": f"reana-{_id(number)}"}
    text = msgspec.json.encode(written).decode()
    text = text.replace(_email(_SAMPLE), _email(number)).replace(_id(_SAMPLE), _id(number))
    digest = sample["spec"]["token"].get("valueDigest")
    return (text.replace(digest, secrets.token_urlsafe(32)) if digest else text).encode()


def _email(number: int) -> str:
    return f"user-{number:05}@example.com"


def _id(number: int) -> str:
    return str(UUID(int=number))
