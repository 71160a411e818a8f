"""ASGI middleware, for Starlette, FastAPI and every other framework: who has no good token does not get through."""

import logging
from collections.abc import Awaitable, Callable, Collection, MutableMapping
from typing import Any, TypeAlias

from mintmaster.verify.access_token import AccessToken
from mintmaster.verify.refusals import Refused, TokenNotAccepted
from mintmaster.verify.verifier import Verifier

log = logging.getLogger(__name__)

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Application: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

TOKEN = "mintmaster.token"  # noqa: S105 - a name in the scope, not a token
"""The member of the ASGI scope where the guard puts the AccessToken."""

_POLICY_VIOLATION = 1008
"""Close code of a WebSocket (RFC 6455, section 7.4.1)."""


def token_of(scope: Scope) -> AccessToken:
    """Return the token of a request that a Guard let through; KeyError for one on an open path."""
    token: AccessToken = scope[TOKEN]
    return token


class Guard:
    """Lets requests through that have a token with all of `scopes` and `roles`, except for `open_paths`.

    A `Refused` that the application raises before its answer begins, as `AccessToken.require` does, is answered too.
    """

    def __init__(  # noqa: PLR0913 - all by name, and all but two have a default
        self,
        app: Application,
        *,
        verifier: Verifier,
        scopes: Collection[str] = (),
        roles: Collection[str] = (),
        open_paths: Collection[str] = (),
        realm: str = "mintmaster",
    ) -> None:
        """The realm is text for `WWW-Authenticate`; ValueError if it has double quotes or backslashes."""
        if '"' in realm or "\\" in realm:
            raise ValueError("a realm here has no double quotes and backslashes")
        self._app = app
        self._verifier = verifier
        self._scopes = frozenset(scopes)
        self._roles = frozenset(roles)
        self._open_paths = frozenset(open_paths)
        self._realm = realm

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it."""
        if scope["type"] == "lifespan" or scope.get("path") in self._open_paths:
            await self._app(scope, receive, send)
            return
        begun = False

        async def noting(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            scope[TOKEN] = await self._authenticate(scope)
            await self._app(scope, receive, noting)
        except Refused as refused:
            if begun:
                raise
            _note(refused)
            await self._refuse(scope, refused, send)

    async def _authenticate(self, scope: Scope) -> AccessToken:
        named = [value for name, value in scope["headers"] if name == b"authorization"]
        token = await self._verifier.authenticate([value.decode("latin-1") for value in named])
        token.require(scopes=self._scopes, roles=self._roles)
        return token

    async def _refuse(self, scope: Scope, refused: Refused, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": _POLICY_VIOLATION})
            return
        body = refused.body()
        fields = refused.headers(self._realm) | {
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
        }
        headers = [(name.lower().encode(), value.encode()) for name, value in fields.items()]
        start = {"type": "http.response.start", "status": refused.status, "headers": headers}
        await send(start)
        await send({"type": "http.response.body", "body": body})


def _note(refused: Refused) -> None:
    cause = refused.cause if isinstance(refused, TokenNotAccepted) else str(refused)
    log.debug("refused with %d: %s", refused.status, cause)
