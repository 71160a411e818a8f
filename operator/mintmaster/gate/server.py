"""uvicorn with bounds that it does not have itself: on connections, header fields, and the time a request takes."""

from __future__ import annotations

import asyncio
import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator

    from mintmaster.gate.app import App
    from mintmaster.gate.listening import Certificate
    from mintmaster.gate.settings import HttpSettings

_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
_TICKS_PER_SECOND = 10
"""How often uvicorn's main loop turns."""


class BoundedProtocol(HttpToolsProtocol):
    """One connection, within bounds."""

    bounds: ClassVar[HttpSettings]

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._refused = False
        self._head_octets = 0
        self._head_complete = False
        self.waits_since: float | None = None
        """When what is being waited for began, on the loop's clock; None while a request is whole."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection, unless there are too many."""
        super().connection_made(transport)
        self.waits_since = self.loop.time()
        if len(self.connections) > self.bounds.max_connections:
            transport.abort()

    def data_received(self, data: bytes) -> None:
        """Count what comes before a head is complete."""
        super().data_received(data)
        if not self._head_complete:
            self._head_octets += len(data)
            self._refuse_longer(self._head_octets)

    def on_message_begin(self) -> None:
        """Start the clock of a request."""
        self._head_octets = 0
        self._head_complete = False
        self.waits_since = self.loop.time()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Begin a request, unless its head is too long."""
        self._head_complete = True
        fields = sum(len(name) + len(value) for name, value in self.headers)
        self._refuse_longer(len(self.url) + fields)
        if not self._refused:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        if not self._refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """Stop the clock: the request is whole."""
        self.waits_since = None
        if not self._refused:
            super().on_message_complete()

    def _refuse_longer(self, octets: int) -> None:
        if octets > self.bounds.max_header_octets and not self._refused:
            self._refused = True
            self.transport.write(_TOO_LARGE)
            self.transport.close()


def protocol_within(bounds: HttpSettings) -> type[BoundedProtocol]:
    """Make the protocol of connections that keep these bounds."""
    return type("Connection", (BoundedProtocol,), {"bounds": bounds})


class Server(uvicorn.Server):
    """Serves an application on a socket until it is told to stop."""

    def __init__(self, app: App, bounds: HttpSettings, certificate: Certificate | None) -> None:
        self._bounds = bounds
        self._certificate = certificate
        super().__init__(
            uvicorn.Config(
                app,
                http=protocol_within(bounds),
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,  # paths and queries of strangers may hold tokens
                proxy_headers=False,
                server_header=False,
                timeout_keep_alive=bounds.idle_seconds,
                timeout_graceful_shutdown=bounds.stop_seconds,
                ssl_context_factory=_factory(certificate),
            )
        )
        # It warns of every malformed request, which strangers can send at any rate.
        logging.getLogger("uvicorn").setLevel(logging.ERROR)

    async def on_tick(self, counter: int) -> bool:
        """Once a second, hang up on those who take too long, and look whether the certificate was renewed."""
        if counter % _TICKS_PER_SECOND == 0:
            self._hang_up_on_the_slow()
            if self._certificate is not None:
                self._certificate.refresh()
        return await super().on_tick(counter)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the process, which has more to end than this."""
        yield

    def _hang_up_on_the_slow(self) -> None:
        latest = asyncio.get_running_loop().time() - self._bounds.request_seconds
        for connection in list(self.server_state.connections):
            since: float | None = getattr(connection, "waits_since", None)
            if since is not None and since < latest:
                connection.transport.abort()


def _factory(certificate: Certificate | None) -> Callable[..., ssl.SSLContext] | None:
    if certificate is None:
        return None
    context = certificate.context
    return lambda _config, _default: context
