"""A plain aiohttp session with the API server: what anybody would write, with the operator's settings."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import aiohttp
import msgspec

from mintmaster.api.kinds import RUNNER_REGISTRATION
from mintmaster.api.names import API_VERSION
from mintmaster.kube import config
from mintmaster.kube.paths import collection_path

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

IN_FLIGHT = 48
"""Requests under way at the same time; as many as the operator has workers."""

PAGE_SIZE = 500
"""Objects per page of a list, as in the operator."""

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"


class Meta(msgspec.Struct, rename="camel"):
    """What the benchmark needs to know of an object."""

    name: str = ""
    uid: str = ""
    resource_version: str = ""
    continue_: str = msgspec.field(default="", name="continue")


class Object(msgspec.Struct):
    """Any object."""

    metadata: Meta


class Page(msgspec.Struct):
    """A page of a list; its items stay as they came."""

    metadata: Meta
    items: list[msgspec.Raw]


class Refused(Exception):
    """The API server did not do as it was told."""


@dataclass(frozen=True, slots=True)
class Api:
    """Requests to one API server."""

    server: str
    session: aiohttp.ClientSession

    async def request(
        self, method: str, path: str, body: bytes | None = None, content_type: str = JSON
    ) -> bytes:
        """Send one request and return the answer's body; raises Refused for anything but success."""
        headers = {"Content-Type": content_type}
        async with self.session.request(
            method, self.server + path, data=body, headers=headers
        ) as response:
            answer = await response.read()
            if response.status >= 300:
                raise Refused(f"{method} {path}: {response.status} {answer[:500]!r}")
            return answer

    async def pages(self, path: str, selector: str = "") -> AsyncIterator[list[msgspec.Raw]]:
        """List a collection, page by page."""
        position = ""
        while True:
            query = f"?limit={PAGE_SIZE}{selector}" + (f"&continue={position}" if position else "")
            page = msgspec.json.decode(await self.request("GET", path + query), type=Page)
            yield page.items
            position = page.metadata.continue_
            if not position:
                return

    async def metas(self, path: str, selector: str = "") -> list[Meta]:
        """List a collection's names, UIDs and versions."""
        return [
            msgspec.json.decode(item, type=Object).metadata
            async for items in self.pages(path, selector)
            for item in items
        ]


@asynccontextmanager
async def opened(kubeconfig: str) -> AsyncIterator[Api]:
    """Open a session, as the operator opens its own."""
    connection = config.load(kubeconfig)
    connector = aiohttp.TCPConnector(limit=IN_FLIGHT + 8, ssl=connection.tls.context())
    async with aiohttp.ClientSession(
        connector=connector,
        headers={"Accept": JSON, "Accept-Encoding": "identity"},
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=10),
    ) as session:
        yield Api(connection.server, session)


def resources_path(namespace: str | None = None) -> str:
    """The collection of the resources that tokens are issued for."""
    return collection_path(API_VERSION, RUNNER_REGISTRATION.plural, namespace)


def secrets_path(namespace: str | None = None) -> str:
    """The collection of Secrets."""
    return collection_path("v1", "secrets", namespace)
