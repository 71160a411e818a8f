"""How the rig itself speaks with the API server and with etcd: straight, not through what it spoils for others."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import aiohttp

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator

    from chaos.record import Object

TIMEOUT = aiohttp.ClientTimeout(total=10.0)
JSON = "application/json"
MERGE = "application/merge-patch+json"

OURS = "/apis/mintmaster.dev/v1alpha1"
PLURALS = {
    "RunnerRegistration": "runnerregistrations",
    "UserAccessToken": "useraccesstokens",
    "ClientApplication": "clientapplications",
}


class Unanswered(Exception):
    """No whole answer came: what was asked for may have been done, or not."""


@dataclass(frozen=True)
class Reply:
    """What a server answered."""

    status: int
    body: Object

    @property
    def passed(self) -> bool:
        return self.status < 300

    @property
    def refused(self) -> bool:
        """Whether it was surely not done; a fault of the server says nothing of that."""
        return 300 <= self.status < 500

    def checked(self) -> Object:
        """The object; Unanswered for anything else."""
        if not self.passed:
            raise Unanswered(f"{self.status}: {self.body.get('message', '')}")
        return self.body


class Api:
    """Requests to one server; use it with `async with`."""

    def __init__(self, server: str, context: ssl.SSLContext) -> None:
        self._server = server
        self._context = context
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(ssl=self._context, limit=64)
        self._session = aiohttp.ClientSession(connector=connector, timeout=TIMEOUT)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.session.close()

    @property
    def session(self) -> aiohttp.ClientSession:
        assert self._session is not None
        return self._session

    async def ask(
        self, method: str, path: str, body: Object | None = None, content_type: str = JSON
    ) -> Reply:
        """Send a request; Unanswered where no whole answer came."""
        data = None if body is None else json.dumps(body)
        headers = {"Content-Type": content_type}
        try:
            async with self.session.request(
                method, self._server + path, data=data, headers=headers
            ) as answer:
                text = await answer.read()
                return Reply(answer.status, _object(text))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unanswered(f"{method} {path}: {error!r}") from error

    async def get(self, path: str) -> Object:
        """Read something; Unanswered where that fails."""
        return (await self.ask("GET", path)).checked()

    async def items(self, path: str) -> list[Object]:
        """Read a list in one piece."""
        found = await self.get(path)
        kind = str(found["kind"]).removesuffix("List")
        return [{**item, "kind": kind} for item in found["items"]]

    async def merge(self, path: str, patch: Object) -> Reply:
        return await self.ask("PATCH", path, patch, MERGE)

    @asynccontextmanager
    async def watch(self, path: str, version: str) -> AsyncIterator[AsyncIterator[Object]]:
        """Follow a collection from a version on; Unanswered when that ends."""
        timeout = aiohttp.ClientTimeout(total=None, sock_read=70.0)
        query = f"watch=1&allowWatchBookmarks=true&resourceVersion={version}"
        try:
            async with self.session.get(f"{self._server}{path}?{query}", timeout=timeout) as answer:
                yield _events(answer)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unanswered(f"watch {path}: {error!r}") from error


async def _events(answer: aiohttp.ClientResponse) -> AsyncIterator[Object]:
    pending = b""
    async for chunk in answer.content.iter_any():
        *lines, pending = (pending + chunk).split(b"\n")
        for line in lines:
            event = _object(line)
            if event.get("type") not in {"ADDED", "MODIFIED", "DELETED", "BOOKMARK"}:
                raise Unanswered(f"not an event: {answer.status} {str(event)[:200]}")
            yield event


def _object(text: bytes) -> Object:
    try:
        found: Any = json.loads(text)
    except ValueError:
        return {"message": text[:200].decode(errors="replace")}
    return found if isinstance(found, dict) else {"message": str(found)[:200]}


def path_of(item: Object, subresource: str = "") -> str:
    """Where an object of ours, or a Secret, stands."""
    meta = item["metadata"]
    plural = PLURALS.get(item["kind"])
    base = f"{OURS}/namespaces/{meta['namespace']}/{plural}" if plural else ""
    base = base or f"/api/v1/namespaces/{meta['namespace']}/secrets"
    return f"{base}/{meta['name']}" + (f"/{subresource}" if subresource else "")
