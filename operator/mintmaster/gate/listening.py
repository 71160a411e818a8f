"""Where a gate listens, and with what certificate: plain HTTP stays on the machine unless it is asked for."""

from __future__ import annotations

import ipaddress
import logging
import socket
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from cryptography import x509

if TYPE_CHECKING:
    from pathlib import Path

    from mintmaster.gate.settings import Settings

log = logging.getLogger(__name__)

_BACKLOG = 1024


class InvalidListening(ValueError):
    """An address or certificate that cannot be served with; the text names the option."""


def bound(settings: Settings) -> socket.socket:
    """Open the socket that the settings name. Raises InvalidListening."""
    host, port = _address(settings.listen)
    if settings.tls_cert is None and not settings.insecure_http and not _is_loopback(host):
        raise InvalidListening(
            "tokens would travel in the clear: give --tls-cert and --tls-key, listen on 127.0.0.1, or say"
            " --insecure-http where something in front ends TLS"
        )
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise InvalidListening(f"--listen {settings.listen}: {error.strerror}") from error
    # An answer is written in two pieces; the second must not wait 40 ms for the client to acknowledge the first.
    # Connections inherit it; asyncio itself sets it only on sockets that were made for TCP by number.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _address(listen: str) -> tuple[str, int]:
    host, colon, port = listen.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 65535:
        raise InvalidListening(f"--listen takes HOST:PORT, e.g. 127.0.0.1:8080, not {listen!r}")
    return host.strip("[]") or "0.0.0.0", int(port)  # noqa: S104 - ":8080" asks for all interfaces


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Period(NamedTuple):
    """From when until when a certificate is good, in POSIX seconds."""

    start: float
    end: float


@dataclass(slots=True)
class Certificate:
    """The certificate shown to callers; read again when its file changes, as cert-manager renews it."""

    cert: Path
    key: Path
    context: ssl.SSLContext
    period: Period
    _seen: tuple[int, int]

    @classmethod
    def of(cls, settings: Settings) -> Certificate | None:
        """The certificate that the settings name, if they do. Raises InvalidListening."""
        if settings.tls_cert is None and settings.tls_key is None:
            return None
        if settings.tls_cert is None or settings.tls_key is None:
            raise InvalidListening("--tls-cert and --tls-key need each other")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_cert_chain(settings.tls_cert, settings.tls_key)
            seen = _times(settings.tls_cert, settings.tls_key)
        except OSError as error:  # ssl.SSLError is one
            raise InvalidListening(f"--tls-cert, --tls-key: {error}") from error
        period = _period(settings.tls_cert)
        return cls(settings.tls_cert, settings.tls_key, context, period, seen)

    def refresh(self) -> None:
        """Read the files again if they changed; one that cannot be used leaves the present certificate in place."""
        try:
            times = _times(self.cert, self.key)
            if times == self._seen:
                return
            self.context.load_cert_chain(self.cert, self.key)
        except OSError as error:
            log.warning("the new TLS certificate is not used: %s", error)
            return
        self._seen = times
        self.period = _period(self.cert)
        log.info("the TLS certificate was read again")


def _period(path: Path) -> Period:
    """When the first certificate of a chain, which is the one shown, is good; it has been loaded before."""
    shown = x509.load_pem_x509_certificates(path.read_bytes())[0]
    return Period(
        shown.not_valid_before_utc.timestamp(),
        shown.not_valid_after_utc.timestamp(),
    )


def _times(cert: Path, key: Path) -> tuple[int, int]:
    return cert.stat().st_mtime_ns, key.stat().st_mtime_ns
