"""Errors as people read them: what was refused, which field, and what to do."""

from __future__ import annotations

from mintmaster.cli.exits import Exit, Failure
from mintmaster.kube.errors import (
    ApiError,
    Conflict,
    Forbidden,
    InvalidConfig,
    NotFound,
    Unauthorized,
    Unreachable,
)

_ADVICE: dict[type[Exception], str] = {
    Conflict: "Somebody else changed it at the same moment, or owns the fields; look again and repeat.",
    Forbidden: "Ask for that right, or use the credentials of somebody who has it (--kubeconfig, --context).",
    InvalidConfig: "Name another kubeconfig or context with --kubeconfig and --context.",
    Unauthorized: "The credentials of this context have ended or are those of another cluster.",
    Unreachable: "Is the API server up, and is this the right context (--kubeconfig, --context)?",
}


def explain(error: Exception) -> tuple[str, Exit]:
    """Return what to tell people about a known error, and the exit code."""
    if isinstance(error, Failure):
        return str(error), error.code
    if isinstance(error, NotFound):
        return _missing(error), Exit.NOT_FOUND
    advice = next((text for kind, text in _ADVICE.items() if isinstance(error, kind)), "")
    return "\n".join(part for part in (_said(error), advice) if part), Exit.FAILED


def _missing(error: NotFound) -> str:
    """Tell a kind that the API server does not serve from a namespace that is not there."""
    if not error.reason:
        # The answer to a path that nobody serves is a page of text, not a Status.
        return "the cluster does not know our resources\nInstall them first: mintmaster install"
    if error.message.startswith("namespaces "):
        return f"{error.message}\nCreate the namespace, or name another with -n."
    return error.message


def _said(error: Exception) -> str:
    """What the error says: of a refusal by the API server its own sentence, and each field on a line."""
    if not isinstance(error, ApiError):
        return str(error)
    # About no field in particular the server only says that it stopped at the ones that are told.
    fields = [it for it in error.causes if it.message and it.field not in {"", "<nil>"}]
    if not fields:
        return error.message
    head = error.message.partition(": ")[0]
    return "\n".join((f"{head}:", *(f"  {cause.field}: {cause.message}" for cause in fields)))
