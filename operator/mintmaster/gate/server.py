"""uvicorn with bounds that it does not have itself: on connections, header fields, and the time a request takes."""

from __future__ import annotations

import asyncio
import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from mintmaster.gate.app import SERVER_ERROR
from mintmaster.gate.wire import CLOSE, octets

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator

    from uvicorn._types import ASGI3Application
    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

    from mintmaster.gate.app import App
    from mintmaster.gate.listening import Certificate
    from mintmaster.gate.messages import Answer
    from mintmaster.gate.settings import HttpSettings

log = logging.getLogger(__name__)

_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
_TICKS_PER_SECOND = 10
"""How often uvicorn's main loop turns."""


class BoundedProtocol(HttpToolsProtocol):
    """One connection, within bounds.

    Answers are written by ourselves: uvicorn's way through ASGI's messages takes half as long as an introspection.
    """

    app: App
    bounds: ClassVar[HttpSettings]

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._refused = False
        self._octets_before = 0
        self._octets_now = 0
        self._head_complete = False
        self._waits_since: float | None = None
        """When what is being waited for began, on the loop's clock; None while a request is whole."""
        self._idle_since: float | None = None
        """When the last answer was given, if nothing has come since."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection, unless there are too many."""
        super().connection_made(transport)
        self._waits_since = self.loop.time()
        if len(self.connections) > self.bounds.max_connections:
            transport.abort()

    def data_received(self, data: bytes) -> None:
        """Count what comes before a head is complete."""
        self._octets_now = len(data)
        super().data_received(data)
        if not self._head_complete:
            self._octets_before += len(data)
            self._refuse_longer(self._octets_before)

    def on_message_begin(self) -> None:
        """Start the clock of a request."""
        self._octets_before = 0
        self._head_complete = False
        self._waits_since = self.loop.time()
        self._idle_since = None
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Begin a request, unless its head is too long."""
        self._head_complete = True
        if self._octets_before + self._octets_now > self.bounds.max_header_octets:
            # What came with the head may be the body.
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
        self._waits_since = None
        if self._refused:
            return
        super().on_message_complete()
        if self.cycle.response_complete:
            self._idle_since = self.loop.time()

    def on_response_complete(self) -> None:
        """Go on to the next request. Who is idle is looked for by the clock; a timer for each request would be felt."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        elif self._waits_since is None:
            self._idle_since = self.loop.time()

    def hang_up_if_late(self, now: float) -> None:
        """Hang up on one who takes too long to send a request, or has none."""
        waits, idle = self._waits_since, self._idle_since
        if waits is not None and waits + self.bounds.request_seconds < now:
            self.transport.abort()
        elif idle is not None and idle + self.bounds.idle_seconds < now:
            self.transport.close()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:  # noqa: ARG002 - uvicorn's
        task = self.loop.create_task(self._answer(cycle))
        task.add_done_callback(self.tasks.discard)
        self.tasks.add(task)

    async def _answer(self, cycle: RequestResponseCycle) -> None:
        # uvicorn's types of ASGI tell scopes and messages apart, which ours do not.
        answer = await self.app.answer(cycle.scope, cycle.receive)  # type: ignore[arg-type]
        if self.flow.write_paused and not cycle.disconnected:
            await self.flow.drain()
        if answer is None or cycle.disconnected:
            return
        cycle.response_started = cycle.response_complete = True
        self._write(answer, cycle)
        self.on_response_complete()

    def _write(self, answer: Answer, cycle: RequestResponseCycle) -> None:
        closes = not cycle.keep_alive or CLOSE in answer.headers
        written = {"closes": closes, "bodiless": cycle.scope["method"] == "HEAD"}
        general = self.server_state.default_headers
        try:
            self.transport.write(octets(answer, general, **written))
        except ValueError:
            log.exception("an answer cannot be written")
            self.transport.write(octets(SERVER_ERROR, general, **written))
        if closes:
            self.transport.close()

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
                timeout_graceful_shutdown=bounds.stop_seconds,
                ssl_context_factory=_factory(certificate),
            )
        )
        # It warns of every malformed request, which strangers can send at any rate.
        logging.getLogger("uvicorn").setLevel(logging.ERROR)

    async def on_tick(self, counter: int) -> bool:
        """Once a second, hang up on those who take too long, and look whether the certificate was renewed."""
        if counter % _TICKS_PER_SECOND == 0:
            self._hang_up_on_the_late()
            if self._certificate is not None:
                self._certificate.refresh()
        return await super().on_tick(counter)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the process, which has more to end than this."""
        yield

    def _hang_up_on_the_late(self) -> None:
        now = asyncio.get_running_loop().time()
        for connection in list(self.server_state.connections):
            if isinstance(connection, BoundedProtocol):
                connection.hang_up_if_late(now)


def _factory(certificate: Certificate | None) -> Callable[..., ssl.SSLContext] | None:
    if certificate is None:
        return None
    context = certificate.context
    return lambda _config, _default: context
