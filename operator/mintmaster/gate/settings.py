"""What can be set about a gate, what it means and what it costs."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path  # noqa: TC003 - the dataclass's fields are read by its users' type checkers

from mintmaster.kube.scope import Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpSettings:
    """Bounds on what strangers may send."""

    max_connections: int = 2000
    """Connections at a time; more are closed at once. An idle one costs about 20 KB."""
    max_header_octets: int = 16 * 1024
    """Request line and header fields together; beyond it 431."""
    max_form_octets: int = 16 * 1024
    """Body of an OAuth request; beyond it 413. A token has 4 KiB at most."""
    max_review_octets: int = 1024 * 1024
    """Body of a TokenReview; beyond it 413."""
    request_seconds: float = 10.0
    """How long a request may take to arrive, from its first byte or the connection's start."""
    idle_seconds: int = 30
    """How long a connection is kept after an answer."""
    stop_seconds: int = 10
    """How long requests under way may take to end when the gate is told to stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationSettings:
    """What verifying costs."""

    remembered_tokens: int = 131_072
    """Tokens whose signature is not verified again: about 400 bytes each."""
    patience: float = 1.0
    """Seconds that a token is waited for whose signature holds, but which the watch has not shown yet."""
    opaque_patience: float = 0.5
    """Seconds that foreign APIs wait for an opaque token of ours which another gate may have made a moment ago."""
    max_waiting: int = 256
    """Requests that wait so at a time; with more, the token is inactive at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerSettings:
    """How Kubernetes is asked about those who call."""

    accepted_seconds: float = 10.0
    """How long a positive answer is remembered: so long a right that was taken away still counts."""
    refused_seconds: float = 2.0
    """How long a negative answer is remembered."""
    remembered: int = 10_000
    """Answers remembered at a time, of each kind."""
    max_asking: int = 64
    """Questions to the API server at a time; with more, callers are told to come back."""
    failures_per_second: float = 50.0
    """Unknown credentials that are looked at per second, in the long run; beyond it 429."""
    client_failures_per_second: float = 5.0
    """Wrong secrets that are looked at per second for each client, in the long run; beyond it 429."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything about one gate process."""

    listen: str = "127.0.0.1:8080"
    """HOST:PORT; port 0 takes a free one."""
    namespace: str = "mintmaster-system"
    """The operator's namespace: administrators' tokens live there."""
    scope: Scope = field(default_factory=Scope)
    """Which namespaces are served: tokens of others are unknown, and so inactive."""
    tls_cert: Path | None = None
    tls_key: Path | None = None
    signing_keys: Path | None = None
    """Folder of the private keys of gate-signed issuers; without it no tokens are minted."""
    insecure_http: bool = False
    """Whether plain HTTP may be spoken on addresses other than loopback, as behind a proxy that ends TLS."""
    http: HttpSettings = field(default_factory=HttpSettings)
    verification: VerificationSettings = field(default_factory=VerificationSettings)
    callers: CallerSettings = field(default_factory=CallerSettings)
