"""What GitLab says where no token could be made, or a resource could not be written."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from mintmaster.api.reasons import Reason
from mintmaster.gate.compat.creating import AlreadyMade
from mintmaster.gate.compat.gitlab import answers
from mintmaster.gate.compat.orders import Fault, NotIssued
from mintmaster.gate.compat.resources import Gone, NotAllowed, Unfit
from mintmaster.gate.messages import come_back

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mintmaster.gate.messages import Refused


@contextmanager
def told(thing: str) -> Iterator[None]:
    """Answer as GitLab does where what happens to the thing (Runner, Token) goes wrong."""
    try:
        yield
    except NotIssued as refused:
        raise _refusal(refused) from None
    except AlreadyMade:
        raise answers.conflict("the idempotency key was used for something else") from None
    except NotAllowed:
        raise answers.forbidden("Insufficient permissions") from None
    except Unfit:
        raise answers.bad_request(f"{thing} is invalid") from None
    except Gone:
        raise answers.not_found(thing) from None


def _refusal(refused: NotIssued) -> Refused:
    match refused.fault:
        case Fault.RIGHTS:
            return answers.forbidden("Insufficient permissions")
        case Fault.PACE:
            return answers.too_many()
        case Fault.ASKER if refused.reason == Reason.SCOPE_UNKNOWN:
            return answers.invalid_parameters("scopes does not have a valid value")
        case Fault.ASKER:
            return answers.bad_request("Expiration date is not possible")
        case _:
            return come_back("no token can be issued now")
