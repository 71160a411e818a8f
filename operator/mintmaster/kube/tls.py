"""How we know the API server, and how it knows us: the TLS side of a connection."""

from __future__ import annotations

import ssl
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from mintmaster.kube.errors import InvalidConfig

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["ClientTLS", "KeyPair"]


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A client certificate and its key, each a PEM file or PEM text."""

    certificate: Path | bytes
    key: Path | bytes = field(repr=False)


@dataclass(slots=True)
class ClientTLS:
    """The settings of a connection's TLS, and the one context made from them."""

    authority: bytes | None = None
    """PEM text of the CAs that the server's certificate may come from; None: the system's."""
    verify: bool = True
    server_name: str | None = None
    """The name to expect in the server's certificate, if not the host of the URL."""
    key_pair: KeyPair | None = None
    _context: ssl.SSLContext | None = field(default=None, repr=False)

    def context(self) -> ssl.SSLContext:
        """Return the TLS context, made at the first call; InvalidConfig if it cannot be made."""
        if self._context is None:
            self._context = self._make()
        return self._context

    def present(self, key_pair: KeyPair) -> None:
        """Show this certificate on connections made from now on (exec plugins renew theirs)."""
        _load(self.context(), key_pair)

    def _make(self) -> ssl.SSLContext:
        context = _trusting(self.authority)
        # Set by Python 3.13 and later; many clusters' CAs lack the extensions that it asks for,
        # and kubectl does not ask.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        if not self.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if self.key_pair is not None:
            _load(context, self.key_pair)
        return context


def _trusting(authority: bytes | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cadata=authority.decode("ascii") if authority else None)
    except (ssl.SSLError, ValueError) as error:
        raise InvalidConfig(f"the certificate authority is not usable PEM: {error}") from error


def _load(context: ssl.SSLContext, pair: KeyPair) -> None:
    try:
        with _as_file(pair.certificate) as certificate, _as_file(pair.key) as key:
            context.load_cert_chain(certificate, key, password=_no_password)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        origin = f" {pair.certificate}" if isinstance(pair.certificate, Path) else ""
        raise InvalidConfig(f"client certificate{origin} or its key not usable: {error}") from error


def _no_password() -> str:
    """Keep OpenSSL from asking for one on the terminal."""
    raise ValueError("the key is encrypted")


@contextmanager
def _as_file(pem: Path | bytes) -> Iterator[Path]:
    """Give OpenSSL the file that it insists on: ours alone (mode 0600), and gone at once."""
    if isinstance(pem, Path):
        yield pem
        return
    with tempfile.NamedTemporaryFile(prefix="mintmaster-", suffix=".pem") as file:
        file.write(pem)
        file.flush()
        yield Path(file.name)
