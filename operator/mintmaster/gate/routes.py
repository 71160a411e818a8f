"""Which issuer and which endpoint a path means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from mintmaster.gate.knowledge import DEFAULT_ISSUER

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from mintmaster.gate.issuer import KnownIssuer
    from mintmaster.gate.knowledge import Knowledge
    from mintmaster.gate.messages import Answer, IssuerRequest

READ = ("GET", "HEAD")
WRITE = ("POST",)

ISSUERS = "/issuers/"
AUTHORIZATION_SERVER = "/.well-known/oauth-authorization-server"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What every issuer answers below its path."""

    handle: Callable[[IssuerRequest], Awaitable[Answer]]
    methods: tuple[str, ...] = READ
    max_body: int = 0
    """Octets of the body at most; 0 for endpoints that read none."""


class Route(NamedTuple):
    """Where a path leads: the path below the issuer, its endpoint, and the issuer if it is known."""

    suffix: str
    endpoint: Endpoint
    issuer: KnownIssuer | None


@dataclass(frozen=True, slots=True)
class Routes:
    """Finds the issuer of a path: by name, or by the path of its URL; `default` is at the root.

    Dictionaries instead of a framework: introspection takes about as long as matching a few patterns would.
    """

    endpoints: Mapping[str, Endpoint]
    knowledge: Knowledge

    def find(self, path: str) -> Route | None:
        """The route of a path; None where no issuer could answer."""
        at_root = self.endpoints.get(path)
        if at_root is not None:
            return Route(path, at_root, self.knowledge.issuers.get(DEFAULT_ISSUER))
        if path.startswith(ISSUERS):
            name, _, rest = path.removeprefix(ISSUERS).partition("/")
            return self._route(f"/{rest}", self.knowledge.issuers.get(name))
        if path.startswith(AUTHORIZATION_SERVER):
            # RFC 8414, section 3.1, puts the well-known part before the path of the issuer's URL.
            base = path.removeprefix(AUTHORIZATION_SERVER)
            return self._route(AUTHORIZATION_SERVER, self._issuer_below(base))
        return self._by_url_path(path)

    def _route(self, suffix: str, issuer: KnownIssuer | None) -> Route | None:
        endpoint = self.endpoints.get(suffix)
        return Route(suffix, endpoint, issuer) if endpoint is not None else None

    def _issuer_below(self, base: str) -> KnownIssuer | None:
        if base.startswith(ISSUERS):
            return self.knowledge.issuers.get(base.removeprefix(ISSUERS))
        return self.knowledge.issuer_at(base)

    def _by_url_path(self, path: str) -> Route | None:
        for suffix, endpoint in self.endpoints.items():
            if path.endswith(suffix):
                issuer = self.knowledge.issuer_at(path.removesuffix(suffix))
                return Route(suffix, endpoint, issuer)
        return None
