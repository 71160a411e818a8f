"""What can go wrong between us and the API server.

    KubeError
    ├── InvalidConfig            a kubeconfig, certificate or exec plugin that cannot be used
    ├── Unreachable              no answer: refused, cut, timed out; a write may have happened
    └── ApiError                 an answer that is no success
        ├── Unauthorized         401  our credentials are not accepted
        ├── Forbidden            403  RBAC, quota, an admission policy, a terminating namespace
        ├── NotFound             404
        ├── Conflict             409  a stale resourceVersion or a UID of another life
        ├── AlreadyExists        409  (reason AlreadyExists; not a Conflict)
        ├── Gone                 410  the resourceVersion or continue token has expired
        ├── Invalid              422  (and 400) the server will never take this body
        ├── TooManyRequests      429  come back after `retry_after` seconds
        └── ServerFault          5xx

The texts are fit for conditions and logs. For Secrets they hold only what cannot repeat the data.
"""

from __future__ import annotations

import base64
import binascii
from http import HTTPStatus

import msgspec

__all__ = [
    "AlreadyExists",
    "ApiError",
    "Cause",
    "Conflict",
    "Forbidden",
    "Gone",
    "Invalid",
    "InvalidConfig",
    "KubeError",
    "NotFound",
    "ServerFault",
    "TooManyRequests",
    "Unauthorized",
    "Unreachable",
    "from_response",
    "from_status",
]


class KubeError(Exception):
    """The root of all errors of this package."""


class InvalidConfig(KubeError):
    """A configuration that cannot be used; the text names the file and the field."""


class Unreachable(KubeError):
    """No answer came. Whether a write was carried out is not known."""


class Cause(msgspec.Struct, frozen=True):
    """One of the reasons of an answer (`Status.details.causes`)."""

    field: str = ""
    message: str = ""
    reason: str = ""


class ApiError(KubeError):
    """The API server answered, but not with success.

    `status` is the HTTP status code, `reason` the machine-readable reason of the Status object,
    `retry_after` how many seconds the server asks to be left alone, if it does.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        reason: str = "",
        causes: tuple[Cause, ...] = (),
        retry_after: float | None = None,
    ) -> None:
        super().__init__(f"{status} {reason}: {message}" if reason else f"{status}: {message}")
        self.status = status
        self.reason = reason
        self.message = message
        self.causes = causes
        self.retry_after = retry_after


class Unauthorized(ApiError):
    """401: our credentials are not accepted."""


class Forbidden(ApiError):
    """403: refused by RBAC, a quota, an admission policy, or as the namespace is terminating."""


class NotFound(ApiError):
    """404: there is no such object, or no such resource."""


class Conflict(ApiError):
    """409: the object has changed since it was read, or is another one of the same name."""


class AlreadyExists(ApiError):
    """409 with reason AlreadyExists: an object of that name stands there."""


class Gone(ApiError):
    """410: the resourceVersion or the continue token is too old; list anew."""


class Invalid(ApiError):
    """422 or 400: the server will never take this request."""


class TooManyRequests(ApiError):
    """429: the server sheds load; come back after `retry_after` seconds."""


class ServerFault(ApiError):
    """5xx: the server, or something before or behind it, failed."""


_BY_STATUS: dict[int, type[ApiError]] = {
    400: Invalid,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Gone,
    422: Invalid,
    429: TooManyRequests,
}


class _Details(msgspec.Struct, rename="camel"):
    causes: tuple[Cause, ...] | None = None
    retry_after_seconds: float | None = None


class _Status(msgspec.Struct):
    """metav1.Status, as far as it is of use here."""

    kind: str = ""
    code: int = 0
    reason: str = ""
    message: str = ""
    details: _Details | None = None


class _SecretValues(msgspec.Struct, rename="camel"):
    data: dict[str, str] | None = None
    string_data: dict[str, str] | None = None

    def __repr__(self) -> str:
        return "_SecretValues(...)"


def from_response(
    status: int, body: bytes, *, retry_after: str | None = None, sent: bytes | None = None
) -> ApiError:
    """Make the error for an answer with this HTTP status and body.

    `retry_after` is the raw header. `sent` is given for Secrets only, and is the body of the
    request (may be empty): then nothing goes into the text that may repeat what a Secret holds.
    """
    found = _read_status(body) or _Status(message=_phrase(status))
    if sent is not None:
        found = _without_values(found, status, sent)
    return _error(status, found, retry_after)


def from_status(body: bytes | msgspec.Raw) -> ApiError:
    """Make the error for the Status object of an ERROR event of a watch."""
    found = _read_status(body) or _Status(message="an ERROR event without a Status")
    return _error(found.code or 500, found, None)


def _error(status: int, found: _Status, retry_after: str | None) -> ApiError:
    details = found.details or _Details()
    seconds = float(retry_after) if retry_after and retry_after.isdecimal() else None
    return _class_of(status, found.reason)(
        status,
        found.message or _phrase(status),
        reason=found.reason,
        causes=details.causes or (),
        retry_after=seconds if seconds is not None else details.retry_after_seconds,
    )


def _class_of(status: int, reason: str) -> type[ApiError]:
    if reason == "AlreadyExists":
        return AlreadyExists
    if status >= 500:
        return ServerFault
    return _BY_STATUS.get(status, ApiError)


def _read_status(body: bytes | msgspec.Raw) -> _Status | None:
    """Read a Status; anything else (a proxy's page, another object) is not looked into."""
    try:
        found = msgspec.json.decode(body, type=_Status)
    except msgspec.DecodeError:
        return None
    return found if found.kind == "Status" else None


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "unknown status"


def _without_values(found: _Status, status: int, sent: bytes) -> _Status:
    """Drop every text that may quote the Secret.

    Answers to a malformed body (400, 422) and faults quote at will. Refusals (403, 404, 409, 429)
    speak of names, quotas and policies, which people need to know; only an admission webhook could
    repeat a value there.
    """
    details = found.details or _Details()
    kept = status in {403, 404, 409, 429} and not _quotes(found, sent)
    return _Status(
        kind=found.kind,
        reason=found.reason,
        message=found.message if kept else f"{_phrase(status)} (details withheld for a Secret)",
        details=_Details(
            causes=tuple(Cause(cause.field, "", cause.reason) for cause in details.causes or ()),
            retry_after_seconds=details.retry_after_seconds,
        ),
    )


def _quotes(found: _Status, sent: bytes) -> bool:
    try:
        values = msgspec.json.decode(sent or b"{}", type=_SecretValues)
    except msgspec.DecodeError:
        return True
    texts = [*(values.string_data or {}).values()]
    for encoded in (values.data or {}).values():
        texts += [encoded, _decoded(encoded)]
    return any(text and text in found.message for text in texts)


def _decoded(encoded: str) -> str:
    try:
        return base64.b64decode(encoded).decode(errors="replace")
    except binascii.Error:
        return ""
