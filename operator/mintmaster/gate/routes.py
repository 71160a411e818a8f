"""Which issuer and which endpoint a path means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from mintmaster.gate.knowledge import DEFAULT_ISSUER
from mintmaster.gate.messages import oauth_error

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from mintmaster.api.token_issuer import CompatibleApi
    from mintmaster.gate.issuer import KnownIssuer
    from mintmaster.gate.knowledge import Knowledge
    from mintmaster.gate.messages import Answer, IssuerRequest

READ = ("GET", "HEAD")
WRITE = ("POST",)
ANY = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
"""For endpoints that tell methods apart themselves."""

NO_ISSUER = oauth_error(404, "not_found", "there is no such issuer").answer

ISSUERS = "/issuers/"
MEMBER = "/{id}"
"""The end of paths that stand for many, as OpenAPI writes it."""

AUTHORIZATION_SERVER = "/.well-known/oauth-authorization-server"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What every issuer answers below its path."""

    handle: Callable[[IssuerRequest], Awaitable[Answer]]
    methods: tuple[str, ...] = READ
    max_body: int = 0
    """Octets of the body at most; 0 for endpoints that read none."""
    absent: Answer = NO_ISSUER
    """What is answered where there is no issuer."""


def _names_none(path: str) -> str:  # noqa: ARG001 - the shape of ForeignApi.names_issuer
    return ""


@dataclass(frozen=True, slots=True)
class ForeignApi:
    """An API that others defined, answered for the issuers that switch it on (`spec.compatibleApis`)."""

    name: CompatibleApi
    prefixes: tuple[str, ...]
    """What its paths below an issuer begin with; one without a slash at its end is a whole path."""
    endpoint: Endpoint
    names_issuer: Callable[[str], str] = _names_none
    """The issuer that such a path names itself; empty where that is told by what stands before it."""

    def split(self, path: str) -> tuple[str, str] | None:
        """What stands before the path of this API, and that path; None for a path that is none of it."""
        for prefix in self.prefixes:
            base, found, rest = path.partition(prefix)
            if found and (prefix.endswith("/") or not rest):
                return base, prefix + rest
        return None


class Route(NamedTuple):
    """Where a path leads: what it is counted as, its endpoint, and the issuer if it is known."""

    suffix: str
    endpoint: Endpoint
    issuer: KnownIssuer | None
    path: str = ""
    """The path below the issuer, where the endpoint answers many."""


@dataclass(frozen=True, slots=True)
class Routes:
    """Finds the issuer of a path: by name, or by the path of its URL; `default` is at the root.

    Dictionaries instead of a framework: introspection takes about as long as matching a few patterns would.
    """

    endpoints: Mapping[str, Endpoint]
    knowledge: Knowledge
    foreign: tuple[ForeignApi, ...] = ()

    def find(self, path: str) -> Route | None:
        """The route of a path; None where no issuer could answer."""
        return self._below(path) or self._member(path) or self._foreign(path)

    def now(self, issuer: KnownIssuer | None) -> KnownIssuer | None:
        """An issuer as it is known now, if it has been found and still counts."""
        return self.knowledge.issuers.get(issuer.name) if issuer is not None else None

    def _member(self, path: str) -> Route | None:
        """The route of one of many, whose name is the last part of the path."""
        before, _, name = path.rpartition("/")
        found = self._below(before + MEMBER) if name else None
        if found is None:
            return None
        return found._replace(path=f"{found.suffix.removesuffix(MEMBER)}/{name}")

    def _below(self, path: str) -> Route | None:
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

    def _foreign(self, path: str) -> Route | None:
        for api in self.foreign:
            parts = api.split(path)
            if parts is not None:
                base, below = parts
                named = api.names_issuer(below)
                issuer = self.knowledge.issuers.get(named) if named else self._issuer_before(base)
                is_on = issuer is not None and api.name in issuer.view.spec.compatible_apis
                return Route(api.name.value, api.endpoint, issuer if is_on else None, below)
        return None

    def _issuer_before(self, base: str) -> KnownIssuer | None:
        return self._issuer_below(base) if base else self.knowledge.issuers.get(DEFAULT_ISSUER)
