"""One gate process: everything is made and wired here, and started and stopped in order."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from mintmaster.gate import client_credentials, token_exchange
from mintmaster.gate.app import App, Health
from mintmaster.gate.bases import Bases
from mintmaster.gate.callers import Callers
from mintmaster.gate.client_credentials import ClientCredentials
from mintmaster.gate.clients import Clients
from mintmaster.gate.compat.apis import foreign_apis
from mintmaster.gate.compat.foundation import founded
from mintmaster.gate.copies import Copies
from mintmaster.gate.documents import Jwks, Metadata
from mintmaster.gate.introspection import Introspection
from mintmaster.gate.knowledge import Knowledge
from mintmaster.gate.kubernetes_identity import KubernetesIdentities
from mintmaster.gate.listening import Certificate, bound
from mintmaster.gate.metrics import Metrics
from mintmaster.gate.minting import Minting
from mintmaster.gate.remembering import Allowance
from mintmaster.gate.revocation import Revocation
from mintmaster.gate.routes import AUTHORIZATION_SERVER, WRITE, Endpoint, Routes
from mintmaster.gate.server import Server
from mintmaster.gate.service_accounts import ServiceAccounts
from mintmaster.gate.signing_keys import SigningKeys
from mintmaster.gate.status_lists import PublishedLists, ServedLists
from mintmaster.gate.token_endpoint import TokenEndpoint
from mintmaster.gate.token_exchange import TokenExchange
from mintmaster.gate.token_review import TokenReview
from mintmaster.gate.traced import TracedApp, TracedVerification
from mintmaster.gate.verification import Arrivals, Verification
from mintmaster.gate.writing import Writing
from mintmaster.kube.client import Client
from mintmaster.kube.clock import Skew, SystemClock, elapsed_seconds
from mintmaster.kube.tracing import UNTRACED

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Mapping

    from mintmaster.gate.routes import ForeignApi
    from mintmaster.gate.settings import Settings
    from mintmaster.gate.token_endpoint import Grant
    from mintmaster.kube.clock import Clock
    from mintmaster.kube.config import Connection
    from mintmaster.kube.tracing import Tracing

log = logging.getLogger(__name__)

_WATCHES = 8
"""Connections for watches and lists, beside those for questions about callers."""

_WATCHES_OF_A_NAMESPACE = 4
"""As many more for each further namespace that is listed by itself."""


class Process:
    """A gate."""

    def __init__(  # noqa: PLR0913 - what a test or a command can put in the place of the usual
        self,
        connection: Connection,
        settings: Settings,
        *,
        clock: Clock | None = None,
        skew: Skew | None = None,
        monotonic: Callable[[], float] = elapsed_seconds,
        tracing: Tracing = UNTRACED,
    ) -> None:
        self._settings = settings
        self._clock = clock or SystemClock()
        self.skew = skew or Skew(self._clock)
        self._stopping = False
        self._tracing = tracing
        self.address = ""
        """HOST:PORT where it listens; empty until it does."""
        self.metrics = Metrics()
        self.arrivals = Arrivals(settings.verification.max_waiting)
        self.knowledge = Knowledge(told=self.arrivals.tell)
        self.client = Client(
            connection,
            limit=settings.callers.max_asking
            + _WATCHES
            + (len(settings.scope.parts) - 1) * _WATCHES_OF_A_NAMESPACE,
            timeout=10.0,
            skew=self.skew,
            observe=tracing.observing(self.metrics.observe_request),
        )
        self.status_lists = PublishedLists()
        self.copies = Copies(
            self.client,
            self.knowledge,
            self.status_lists,
            namespace=settings.namespace,
            scope=settings.scope,
            monotonic=monotonic,
        )
        self.verification = self._verification()
        identities = KubernetesIdentities(self.client, settings.callers, monotonic)
        self._bases = Bases(self.knowledge, settings.callers.remembered)
        self._clients = Clients(
            self.knowledge, self._bases, self._clock, settings.callers, monotonic
        )
        self._callers = Callers(
            self.knowledge,
            self.verification,
            self._clients,
            identities,
            settings.namespace,
            Allowance(settings.callers.failures_per_second, monotonic),
        )
        self._service_accounts = ServiceAccounts(
            self.knowledge, identities, settings.callers, self._clock, monotonic
        )
        self.signing_keys = SigningKeys(settings.signing_keys, self.knowledge)
        self._minting = Minting(self.signing_keys, self._clock, self.skew)
        self.app = self._app()
        self._show()

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop` is set; requests under way are answered first.

        Raises InvalidListening and InvalidSigningKeys, and InvalidConfig for a connection that cannot be used.
        """
        certificate = Certificate.of(self._settings)
        if certificate is not None:
            self._show_certificate(certificate)
        self.signing_keys.open()
        loop = asyncio.get_running_loop()
        self.metrics.gauge(
            "mintmaster_gate_tasks",
            "Tasks of the event loop.",
            lambda: len(asyncio.all_tasks(loop)),
        )
        with bound(self._settings) as listener:
            server = Server(self.app, self._settings.http, certificate)
            following = _background(self.signing_keys.follow(), "signing keys")
            copies = _background(self.copies.run(), "copies")
            async with self.client, following, copies as copying:
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

    def _verification(self) -> Verification:
        parts = (self.knowledge, self.arrivals, self._clock, self._settings.verification)
        if self._tracing is UNTRACED:
            return Verification(*parts)
        return TracedVerification(*parts, tracing=self._tracing)

    def _app(self) -> App:
        routes = Routes(self.endpoints(), self.knowledge, self.foreign_apis())
        health = Health(
            unready=self.unready,
            age=lambda: self.copies.age,
            lacks=lambda: self.signing_keys.lacks,
        )
        if self._tracing is UNTRACED:
            return App(routes, health, self.metrics)
        return TracedApp(routes, health, self.metrics, tracing=self._tracing)

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
        writing = Writing(self.client, self.knowledge)
        revocation = Revocation(
            self.verification, self._callers, self.metrics, writing, self._clock
        )
        review = TokenReview(self.verification, self.metrics)
        return {
            "/.well-known/openid-configuration": metadata,
            AUTHORIZATION_SERVER: metadata,
            "/jwks": Endpoint(Jwks(self._clock)),
            "/status-lists/{id}": Endpoint(ServedLists(self.status_lists, self._clock)),
            "/oauth2/introspect": Endpoint(introspection, WRITE, http.max_form_octets),
            "/oauth2/token": Endpoint(self._token_endpoint(), WRITE, http.max_form_octets),
            "/oauth2/revoke": Endpoint(revocation, WRITE, http.max_form_octets),
            "/k8s/tokenreview": Endpoint(review, WRITE, http.max_review_octets),
        }

    def foreign_apis(self) -> tuple[ForeignApi, ...]:
        """What issuers answer that switch it on, by what its paths begin with."""
        return foreign_apis(
            founded(
                client=self.client,
                knowledge=self.knowledge,
                verification=self.verification,
                arrivals=self.arrivals,
                callers=self._callers,
                minting=self._minting,
                clock=self._clock,
                patience=self._settings.verification.opaque_patience,
                tracing=self._tracing,
            )
        )

    def _token_endpoint(self) -> TokenEndpoint:
        exchange = TokenExchange(
            self.knowledge,
            self._bases,
            self._clients,
            self._service_accounts,
            self._minting,
            self._clock,
        )
        grants: dict[str, Grant] = {
            client_credentials.GRANT_TYPE: ClientCredentials(self._clients, self._minting),
            token_exchange.GRANT_TYPE: exchange,
        }
        return TokenEndpoint(grants, self.metrics)

    def _show_certificate(self, certificate: Certificate) -> None:
        self.metrics.gauge(
            "mintmaster_gate_certificate_expiry_seconds",
            "Seconds until the certificate that is shown to callers expires.",
            lambda: certificate.period.end - self._clock.now().timestamp(),
        )
        self.metrics.gauge(
            "mintmaster_gate_certificate_lifetime_seconds",
            "Seconds that this certificate is good for in all.",
            lambda: certificate.period.end - certificate.period.start,
        )

    def _show(self) -> None:
        self.metrics.gauge(
            "mintmaster_gate_staleness_seconds",
            "How long ago the gate's knowledge was last known to be whole.",
            lambda: self.copies.age,
        )
        self.metrics.gauges(
            "mintmaster_gate_max_staleness_seconds",
            "How old that may be before tokens of an issuer are judged no more: its limits.maxStaleness.",
            "issuer",
            lambda: {it.name: it.max_staleness for it in dict(self.knowledge.issuers).values()},
        )
        self.metrics.gauge(
            "mintmaster_gate_ready",
            "1 while the gate knows enough to answer for every issuer.",
            lambda: 0 if self.unready() else 1,
        )
        self.metrics.gauge(
            "mintmaster_gate_resources", "Resources that are known.", lambda: len(self.knowledge)
        )
        self.metrics.gauge(
            "mintmaster_gate_issuers_without_key",
            "Gate-signed issuers whose active key is not at hand: no tokens of theirs are minted here.",
            lambda: len(self.signing_keys.missing),
        )
        self.metrics.gauge(
            "mintmaster_gate_signs",
            "1 for a gate that was given a folder of signing keys.",
            lambda: 0 if self.signing_keys.folder is None else 1,
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
