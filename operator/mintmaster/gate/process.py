"""One gate process: everything is made and wired here, and started and stopped in order."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from mintmaster.gate.app import App, Health
from mintmaster.gate.callers import Callers
from mintmaster.gate.copies import Copies
from mintmaster.gate.documents import Jwks, Metadata
from mintmaster.gate.introspection import Introspection
from mintmaster.gate.knowledge import Knowledge
from mintmaster.gate.kubernetes_identity import KubernetesIdentities
from mintmaster.gate.listening import Certificate, bound
from mintmaster.gate.metrics import Metrics
from mintmaster.gate.revocation import Revocation
from mintmaster.gate.routes import AUTHORIZATION_SERVER, WRITE, Endpoint, Routes
from mintmaster.gate.server import Server
from mintmaster.gate.token_review import TokenReview
from mintmaster.gate.verification import Arrivals, Verification
from mintmaster.kube.client import Client
from mintmaster.kube.clock import SystemClock, elapsed_seconds

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Mapping

    from mintmaster.gate.settings import Settings
    from mintmaster.kube.clock import Clock
    from mintmaster.kube.config import Connection

log = logging.getLogger(__name__)

_WATCHES = 8
"""Connections for watches and lists, beside those for questions about callers."""


class Process:
    """A gate."""

    def __init__(
        self,
        connection: Connection,
        settings: Settings,
        *,
        clock: Clock | None = None,
        monotonic: Callable[[], float] = elapsed_seconds,
    ) -> None:
        self._settings = settings
        self._clock = clock or SystemClock()
        self._stopping = False
        self.address = ""
        """HOST:PORT where it listens; empty until it does."""
        self.metrics = Metrics()
        self.arrivals = Arrivals(settings.verification.max_waiting)
        self.knowledge = Knowledge(told=self.arrivals.tell)
        self.client = Client(
            connection,
            limit=settings.callers.max_asking + _WATCHES,
            timeout=10.0,
            observe=self.metrics.observe_request,
        )
        self.copies = Copies(self.client, self.knowledge, monotonic)
        self.verification = Verification(
            self.knowledge, self.arrivals, self._clock, settings.verification
        )
        self._callers = Callers(
            self.knowledge,
            self.verification,
            KubernetesIdentities(self.client, settings.callers, monotonic),
            settings,
            monotonic,
        )
        self.app = App(
            Routes(self.endpoints(), self.knowledge),
            Health(unready=self.unready, age=lambda: self.copies.age),
            self.metrics,
        )
        self._show()

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop` is set; requests under way are answered first.

        Raises InvalidListening, and InvalidConfig for a connection that cannot be used.
        """
        certificate = Certificate.of(self._settings)
        with bound(self._settings) as listener:
            server = Server(self.app, self._settings.http, certificate)
            async with self.client, _background(self.copies.run(), "copies") as copying:
                host, port = listener.getsockname()[:2]
                self.address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
                log.info("listening at %s://%s", "https" if certificate else "http", self.address)
                serving = asyncio.create_task(server.serve(sockets=[listener]), name="server")
                stopped = asyncio.create_task(stop.wait())
                await asyncio.wait({serving, copying, stopped}, return_when=asyncio.FIRST_COMPLETED)
                self._stopping = True
                server.should_exit = True
                stopped.cancel()
                await serving

    def unready(self) -> str:
        """What keeps the gate from answering; empty for nothing.

        Knowledge too old for the strictest issuer is enough: another replica may know more.
        """
        if self._stopping:
            return "stopping"
        if missing := self.copies.missing:
            return f"not listed yet: {', '.join(missing)}"
        if self.copies.age > self.copies.strictest:
            return "what is known is too old: the API server has not been heard of"
        return ""

    def endpoints(self) -> Mapping[str, Endpoint]:
        """What every issuer answers, by the path below it."""
        metadata = Endpoint(Metadata(self._clock))
        http = self._settings.http
        introspection = Introspection(self.verification, self._callers, self.metrics)
        revocation = Revocation(
            self.verification, self._callers, self.metrics, self.client, self.knowledge
        )
        review = TokenReview(self.verification, self.metrics)
        return {
            "/.well-known/openid-configuration": metadata,
            AUTHORIZATION_SERVER: metadata,
            "/jwks": Endpoint(Jwks(self._clock)),
            "/oauth2/introspect": Endpoint(introspection, WRITE, http.max_form_octets),
            "/oauth2/revoke": Endpoint(revocation, WRITE, http.max_form_octets),
            "/k8s/tokenreview": Endpoint(review, WRITE, http.max_review_octets),
        }

    def _show(self) -> None:
        self.metrics.gauge(
            "mintmaster_gate_staleness_seconds",
            "How long ago the gate's knowledge was last known to be whole.",
            lambda: self.copies.age,
        )
        self.metrics.gauge(
            "mintmaster_gate_resources", "Resources that are known.", lambda: len(self.knowledge)
        )
        self.metrics.gauge(
            "mintmaster_gate_waiting",
            "Requests that wait for the watch to show their token.",
            lambda: self.arrivals.count,
        )


@asynccontextmanager
async def _background(
    work: Coroutine[object, object, None], name: str
) -> AsyncIterator[asyncio.Task[None]]:
    """Do something beside the block; what went wrong with it is raised when the block has ended."""
    task = asyncio.create_task(work, name=name)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    if not task.cancelled():
        task.result()
