"""Why a request is not served, one exception per cause, each with its answer over HTTP (RFC 6750, section 3).

Exception
└── Refused
    ├── CredentialMissing         401 without an error code: the request has no bearer token
    ├── CredentialMalformed       400 invalid_request: what it has cannot be read
    ├── TokenNotAccepted          401 invalid_token: the token is none, or none any longer
    ├── RightsInsufficient        403 insufficient_scope: the token is good, but not for this
    └── VerificationUnavailable   503: nothing can be said about the token now

A lack of knowledge is never a 401 or 403: whoever gets these takes the token for bad.
"""

import math
from collections.abc import Collection
from enum import StrEnum
from typing import ClassVar

import msgspec

from mintmaster.tokens import scopes as scope_form


class Cause(StrEnum):
    """Causes beyond those of `InvalidTokenCode`: for metrics and logs, not for whoever presented the token."""

    OPAQUE = "opaque"
    """No JWT, and introspection is not set up."""
    INACTIVE = "inactive"
    """Introspection says so."""
    MISADDRESSED = "misaddressed"
    """Active, but for another audience or of another issuer."""
    REVOKED = "revoked"
    """Its status list says so."""
    SUSPENDED = "suspended"
    """Its status list says so; it may become good again."""
    NO_STATUS = "no_status"
    """It names no status list, and one is required; or one of somebody else; or no entry of the list."""


class Refused(Exception):
    """A request that is not served. Neither message nor context holds anything of a token."""

    status: ClassVar[int]
    """The HTTP status."""
    error: ClassVar[str] = ""
    """The error code of RFC 6750, section 3.1; empty for none."""

    def headers(self, realm: str) -> dict[str, str]:
        """Header fields of the answer. The realm is text without double quotes and backslashes."""
        return {"WWW-Authenticate": self._challenge(realm), "Cache-Control": "no-store"}

    def body(self) -> bytes:
        """The body of the answer, as JSON: for people, since programs read the header."""
        error = {"error": self.error} if self.error else {}
        return msgspec.json.encode(error | {"error_description": str(self)})

    def _challenge(self, realm: str) -> str:
        """Everything in it is ours or from the service's own settings, never from the request."""
        error = f', error="{self.error}"' if self.error else ""
        return f'Bearer realm="{realm}"{error}'


class CredentialMissing(Refused):
    """The request has no bearer token."""

    status = 401

    def __init__(self) -> None:
        super().__init__("a bearer token is needed, in the Authorization header")


class CredentialMalformed(Refused):
    """The request has an Authorization header that cannot be read, or two of them."""

    status = 400
    error = "invalid_request"


class TokenNotAccepted(Refused):
    """The token is not accepted; `cause` says why."""

    status = 401
    error = "invalid_token"

    def __init__(self, cause: str) -> None:
        super().__init__("the bearer token is not accepted")
        self.cause = cause
        """A value of `Cause` or of `mintmaster.tokens.invalid_token.InvalidTokenCode`."""


class RightsInsufficient(Refused):
    """The token is good, but does not cover what is asked for."""

    status = 403
    error = "insufficient_scope"

    def __init__(self, scopes: Collection[str] = ()) -> None:
        super().__init__("the bearer token does not cover this request")
        self.scopes = tuple(sorted(scopes))
        """The scopes that are needed; empty where a role or a project is lacking."""

    def _challenge(self, realm: str) -> str:
        challenge = super()._challenge(realm)
        return f'{challenge}, scope="{scope_form.join(self.scopes)}"' if self.scopes else challenge


class VerificationUnavailable(Refused):
    """Keys, introspection or a status list cannot be had; the message says what and why."""

    status = 503
    error = "temporarily_unavailable"

    def __init__(self, message: str, retry_after: float = 5.0) -> None:
        super().__init__(message)
        self.retry_after = math.ceil(retry_after)
        """Seconds after which it is worth asking again."""

    def headers(self, realm: str) -> dict[str, str]:  # noqa: ARG002 - no challenge: another token would not help
        """Say when to come back (RFC 9110, section 10.2.3)."""
        return {"Retry-After": str(self.retry_after), "Cache-Control": "no-store"}

    def body(self) -> bytes:
        """The body of the answer; what is wrong inside is for logs."""
        description = "the token cannot be verified now"
        return msgspec.json.encode({"error": self.error, "error_description": description})
