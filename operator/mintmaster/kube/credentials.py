"""Bearer tokens with which we show the API server who we are, and the session's use of them."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Protocol

from aiohttp.hdrs import AUTHORIZATION

from mintmaster.kube.errors import InvalidConfig

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from aiohttp import ClientHandlerType, ClientRequest, ClientResponse

__all__ = ["Authorize", "ExpectServerName", "StaticToken", "TokenFile", "TokenSource"]

log = logging.getLogger(__name__)

TOKEN_FILE_AGE = 60.0
"""Seconds after which a token file is read again; the kubelet replaces one 20 % before its end."""


class TokenSource(Protocol):
    """Where the bearer token of a request comes from."""

    async def token(self) -> str | None:
        """Return the token to send now; None: the connection's certificate speaks for us."""
        ...

    def refused(self, token: str | None) -> None:
        """Take note that the server answered 401 to this token."""
        ...


class StaticToken:
    """A token that stands in the configuration itself."""

    def __init__(self, token: str) -> None:
        self._token = token

    async def token(self) -> str:
        """Return the token."""
        return self._token

    def refused(self, token: str | None) -> None:
        """There is nothing else to offer."""


class TokenFile:
    """A token that somebody else (the kubelet) keeps fresh in a file."""

    def __init__(self, path: Path, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._monotonic = monotonic
        self._token = ""
        self._stale_at = float("-inf")

    async def token(self) -> str:
        """Return the token, read anew once a minute; InvalidConfig if there is none to read."""
        if self._monotonic() >= self._stale_at:
            self._refresh()
        return self._token

    def refused(self, token: str | None) -> None:
        """Read the file again next time, unless that has happened already."""
        if token == self._token:
            self._stale_at = float("-inf")

    def _refresh(self) -> None:
        self._stale_at = self._monotonic() + TOKEN_FILE_AGE
        try:
            self._token = self._read()
        except InvalidConfig as error:
            if not self._token:
                raise
            log.warning("the token read before stays in use: %s", error)

    def _read(self) -> str:
        try:
            token = self._path.read_text(encoding="ascii").strip()
        except (OSError, ValueError) as error:
            raise InvalidConfig(f"{self._path}: the token cannot be read") from error
        if not token:
            raise InvalidConfig(f"{self._path}: the token file is empty")
        return token


class Authorize:
    """Session middleware that sets the Authorization header anew on each request.

    On the session rather than in our client, since kopf shares the session. A request that was
    answered 401 was not carried out, so it goes out once more if there is another token by now.
    The token goes to the API server only, wherever a redirect may point.
    """

    def __init__(self, source: TokenSource, host: str | None) -> None:
        self._source = source
        self._host = host

    async def __call__(self, request: ClientRequest, send: ClientHandlerType) -> ClientResponse:
        """Send the request with the token of this moment."""
        if request.url.raw_host != self._host:
            return await send(request)
        token = await self._source.token()
        response = await self._send(request, send, token)
        if response.status != 401:
            return response
        self._source.refused(token)
        fresh = await self._source.token()
        if fresh == token:
            return response
        response.release()
        return await self._send(request, send, fresh)

    @staticmethod
    async def _send(
        request: ClientRequest, send: ClientHandlerType, token: str | None
    ) -> ClientResponse:
        if token is not None:
            request.headers[AUTHORIZATION] = f"Bearer {token}"
        return await send(request)


class ExpectServerName:
    """Session middleware for `tls-server-name`, which aiohttp knows per request only."""

    def __init__(self, name: str) -> None:
        self._name = name

    async def __call__(self, request: ClientRequest, send: ClientHandlerType) -> ClientResponse:
        """Send the request, expecting that name in the server's certificate."""
        request.server_hostname = self._name
        return await send(request)
