"""How a service proves to the gate who it is when it introspects (RFC 7662, section 2.1)."""

import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, Self
from urllib.parse import quote_plus

from mintmaster.verify.refusals import VerificationUnavailable


class Credential(Protocol):
    """What goes into the Authorization header of a request to the gate."""

    def authorization(self) -> str:
        """The header's value; VerificationUnavailable where it cannot be read."""


@dataclass(frozen=True, slots=True)
class BearerToken:
    """A bearer token: of a service account of the cluster, or one of the issuer with the scope `introspect`."""

    _read: Callable[[], str] = field(repr=False)

    @classmethod
    def of(cls, token: str) -> Self:
        """Use this token, until the process ends."""
        return cls(lambda: token)

    @classmethod
    def from_file(cls, path: Path) -> Self:
        """Read the token for each request: Kubernetes and Mintmaster replace what is mounted before it expires."""
        return cls(lambda: _content(path))

    def authorization(self) -> str:
        """RFC 6750, section 2.1."""
        return f"Bearer {self._read()}"


@dataclass(frozen=True, slots=True)
class ClientSecret:
    """Id and secret of a ClientApplication with the scope `introspect`."""

    _read: Callable[[], tuple[str, str]] = field(repr=False)

    @classmethod
    def of(cls, client_id: str, client_secret: str) -> Self:
        """Use these, until the process ends."""
        return cls(lambda: (client_id, client_secret))

    @classmethod
    def from_files(cls, client_id: Path, client_secret: Path) -> Self:
        """Read both for each request: a mounted Secret changes when its secret is renewed."""
        return cls(lambda: (_content(client_id), _content(client_secret)))

    def authorization(self) -> str:
        """RFC 6749, section 2.3.1: both are form-encoded before they are joined."""
        pair = ":".join(map(quote_plus, self._read()))
        return f"Basic {base64.b64encode(pair.encode()).decode()}"


def _content(path: Path) -> str:
    try:
        return path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        message = f"the credential {path} cannot be read ({type(error).__name__})"
        raise VerificationUnavailable(message) from None
