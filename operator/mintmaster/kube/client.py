"""The one HTTP client for the Kubernetes API: bytes in, bytes out."""

from __future__ import annotations

from contextlib import asynccontextmanager
from time import perf_counter
from typing import TYPE_CHECKING, Self
from urllib.parse import urlencode

import aiohttp
import msgspec
from aiohttp.hdrs import ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE, DATE, RETRY_AFTER, USER_AGENT
from yarl import URL

from mintmaster import __version__
from mintmaster.kube.errors import Unreachable, from_response
from mintmaster.kube.paths import route

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from types import TracebackType

    from mintmaster.kube.clock import Skew
    from mintmaster.kube.config import Connection

    Observer = Callable[[str, str, int, float], None]
    Body = bytes | Mapping[str, object] | msgspec.Struct

__all__ = ["APPLY", "JSON", "MERGE_PATCH", "Client"]

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
APPLY = "application/apply-patch+yaml"

_DEFAULT_HEADERS = {
    ACCEPT: JSON,
    # The server compresses answers over 128 KiB: costly for both sides, and the network is near.
    ACCEPT_ENCODING: "identity",
    # Its part before the slash is also what the server takes as the field manager.
    USER_AGENT: f"mintmaster/{__version__}",
}
_CONTENT_HEADERS = {kind: {CONTENT_TYPE: kind} for kind in (JSON, MERGE_PATCH, APPLY)}

_VERBS = {"GET": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}

_CONNECT_TIMEOUT = 10.0
"""Seconds for the TCP and TLS handshakes."""

_KEEPALIVE = 60.0
"""Seconds that an idle connection is kept; the API server closes one after 90."""

_TRANSPORT_ERRORS = (aiohttp.ClientError, TimeoutError, OSError)

_encode = msgspec.json.Encoder().encode


class Client:
    """A session with one API server; use it as an async context manager.

    Nothing is retried here, reads no more than writes: whoever calls knows what a second attempt
    would mean. `limit` bounds the connections, and so the requests under way; watches count. The
    leader's Lease deserves a client of its own, so that no renewal queues behind other requests.
    `observe` is told of each request: verb, resource, status (0: no answer), seconds; of a
    stream when it is opened.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        limit: int = 48,
        timeout: float = 30.0,
        skew: Skew | None = None,
        observe: Observer | None = None,
    ) -> None:
        self.server = connection.server
        self._connection = connection
        self._limit = limit
        self._timeout = aiohttp.ClientTimeout(total=timeout, sock_connect=_CONNECT_TIMEOUT)
        self._skew = skew
        self._observe = observe
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        """Open the session; InvalidConfig if the connection's certificates cannot be used."""
        connector = aiohttp.TCPConnector(
            limit=self._limit,
            ssl=self._connection.tls.context() if self.server.startswith("https:") else True,
            keepalive_timeout=_KEEPALIVE,
        )
        self._session = self._open(connector, owner=True)
        # aiohttp repeats a PUT or DELETE whose kept connection broke, and has no public switch.
        self._session._retry_connection = False  # noqa: SLF001
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the session and its connections."""
        await self.session.close()

    @property
    def session(self) -> aiohttp.ClientSession:
        """The open session; it authenticates every request by itself."""
        if self._session is None:
            raise RuntimeError("the client is not open: use it with `async with`")
        return self._session

    def borrowed_session(
        self, response_class: type[aiohttp.ClientResponse] = aiohttp.ClientResponse
    ) -> aiohttp.ClientSession:
        """Open another session on the same connections, for a library that closes what it is given."""
        connector = self.session.connector
        assert connector is not None  # noqa: S101 - an open session has one
        return self._open(connector, owner=False, response_class=response_class)

    def _open(
        self,
        connector: aiohttp.BaseConnector,
        *,
        owner: bool,
        response_class: type[aiohttp.ClientResponse] = aiohttp.ClientResponse,
    ) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=connector,
            connector_owner=owner,
            response_class=response_class,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=_DEFAULT_HEADERS,
            timeout=self._timeout,
            middlewares=self._connection.middlewares(),
            proxy=self._connection.proxy,
        )

    async def request(  # noqa: PLR0913 - the parts of an HTTP request
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: bytes | None = None,
        content_type: str = JSON,
        timeout: float | None = None,  # noqa: ASYNC109 - aiohttp's own costs no extra scope
    ) -> bytes:
        """Send one request and return the body of the answer.

        `timeout` is in seconds, for everything from the wait for a free connection to the last
        byte. Raises Unreachable if no whole answer came, an ApiError if it is no success.
        """
        began = perf_counter()
        status = 0
        try:
            async with self.session.request(
                method,
                self._url(path, params),
                data=body,
                headers=_CONTENT_HEADERS[content_type] if body is not None else None,
                timeout=self._timeout if timeout is None else aiohttp.ClientTimeout(total=timeout),
                allow_redirects=False,
            ) as response:
                self._note_date(response, began)
                payload = await response.read()
                status = response.status
        except _TRANSPORT_ERRORS as error:
            raise _unreachable(method, path, error) from error
        finally:
            if self._observe is not None:
                self._observe(*_operation(method, path), status, perf_counter() - began)
        if status >= 300:
            raise from_response(
                status,
                payload,
                retry_after=response.headers.get(RETRY_AFTER),
                sent=(body or b"") if _holds_secrets(path) else None,
            )
        return payload

    async def get(self, path: str, params: Mapping[str, str] | None = None) -> bytes:
        """Read an object or a collection."""
        return await self.request("GET", path, params=params)

    async def create(self, path: str, body: Body, *, strict: bool = False) -> bytes:
        """Create an object in the collection at `path`; returns it as stored.

        Fields that the schema does not know are dropped; with `strict` they are Invalid, as with kubectl
        (kubernetes.io/docs/reference/using-api/api-concepts/#field-validation).
        """
        params = {"fieldValidation": "Strict"} if strict else None
        return await self.request("POST", path, params=params, body=_bytes(body))

    async def replace(self, path: str, body: Body) -> bytes:
        """Replace an object; its metadata should carry uid and resourceVersion as guards."""
        return await self.request("PUT", path, body=_bytes(body))

    async def merge_patch(self, path: str, body: Body) -> bytes:
        """Merge a patch (RFC 7386) into an object; `metadata.resourceVersion` in it guards it."""
        return await self.request("PATCH", path, body=_bytes(body), content_type=MERGE_PATCH)

    async def delete(
        self,
        path: str,
        *,
        uid: str | None = None,
        resource_version: str | None = None,
        propagation: str | None = None,
    ) -> bytes:
        """Delete an object, if it still has that UID and resourceVersion (else Conflict).

        `propagation` is Background, Foreground or Orphan; by default the resource's own.
        """
        options: dict[str, object] = {"kind": "DeleteOptions", "apiVersion": "v1"}
        guards = {"uid": uid, "resourceVersion": resource_version}
        if preconditions := {name: value for name, value in guards.items() if value is not None}:
            options["preconditions"] = preconditions
        if propagation is not None:
            options["propagationPolicy"] = propagation
        return await self.request("DELETE", path, body=_encode(options))

    @asynccontextmanager
    async def stream(
        self, path: str, params: Mapping[str, str], *, silence: float
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """Read an endless answer in chunks as they come.

        Raises as `request` does, also from within the block: Unreachable when the connection
        breaks or when nothing came for `silence` seconds.
        """
        timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=_CONNECT_TIMEOUT, sock_read=silence
        )
        began = perf_counter()
        answered = False
        try:
            async with self.session.get(
                self._url(path, params), timeout=timeout, allow_redirects=False
            ) as response:
                answered = True
                self._tell("watch", path, response.status, began)
                self._note_date(response, began)
                if response.status >= 300:
                    raise from_response(
                        response.status,
                        await response.read(),
                        retry_after=response.headers.get(RETRY_AFTER),
                        sent=b"" if _holds_secrets(path) else None,
                    )
                yield response.content.iter_any()
        except (aiohttp.ClientError, TimeoutError) as error:
            if not answered:
                self._tell("watch", path, 0, began)
            raise _unreachable("GET", path, error) from error

    def _tell(self, verb: str, path: str, status: int, began: float) -> None:
        """Tell the observer of a stream that was opened, or could not be."""
        if self._observe is not None:
            self._observe(verb, route(path)[0], status, perf_counter() - began)

    def _url(self, path: str, params: Mapping[str, str] | None) -> URL:
        text = f"{self.server}{path}?{urlencode(params)}" if params else self.server + path
        return URL(text, encoded=True)

    def _note_date(self, response: aiohttp.ClientResponse, began: float) -> None:
        if self._skew is not None and (date := response.headers.get(DATE)):
            self._skew.observe(date, perf_counter() - began)


def _operation(method: str, path: str) -> tuple[str, str]:
    """Return the verb and the resource of a request, in the words of RBAC."""
    resource, named = route(path)
    if method == "GET" and not named:
        return "list", resource
    return _VERBS.get(method, method.lower()), resource


def _bytes(body: Body) -> bytes:
    return body if isinstance(body, bytes) else _encode(body)


def _holds_secrets(path: str) -> bool:
    return path.startswith("/api/v1/") and "/secrets" in path


def _unreachable(method: str, path: str, error: BaseException) -> Unreachable:
    return Unreachable(f"{method} {path}: {str(error) or type(error).__name__}")
