"""REANA's API, as far as it is about users and their access tokens."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from mintmaster.api.token_issuer import CompatibleApi
from mintmaster.gate.compat.fields import MAX_BODY, Unreadable
from mintmaster.gate.compat.operations import Dispatch, NoSuchMethod, NoSuchPath, Operations
from mintmaster.gate.compat.orders import Fault, NotIssued
from mintmaster.gate.compat.reana import answers
from mintmaster.gate.compat.reana.management import Management
from mintmaster.gate.compat.reana.users import Users
from mintmaster.gate.compat.resources import Gone, NotAllowed, Unfit
from mintmaster.gate.messages import come_back
from mintmaster.gate.routes import ANY, Endpoint, ForeignApi

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mintmaster.gate.compat.foundation import Foundation
    from mintmaster.gate.messages import Answer, IssuerRequest, Refused

PATHS = ("/api/ping", "/api/you", "/api/token")


def api(foundation: Foundation) -> ForeignApi:
    """The API, to be answered below every issuer that switches it on."""
    users, management = Users(foundation), Management(foundation)
    operations = Operations(
        {
            ("GET", "/api/ping"): _ping,
            ("GET", "/api/you"): users.you,
            ("PUT", "/api/token"): users.request_token,
            ("DELETE", "/api/token"): management.revoke_token,
        }
    )
    absent = answers.message(404, "Not Found").answer
    return ForeignApi(
        CompatibleApi.REANA, PATHS, Endpoint(Dispatch(operations, _told), ANY, MAX_BODY, absent)
    )


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except (NoSuchPath, Gone):
        raise answers.message(404, "Not Found") from None
    except NoSuchMethod:
        raise answers.message(405, "Method Not Allowed") from None
    except (Unreadable, Unfit):
        raise answers.message(400, "The request cannot be read.") from None
    except NotAllowed:
        raise answers.message(403, "Action not permitted.") from None
    except NotIssued as error:
        raise _not_issued(error) from None


def _not_issued(error: NotIssued) -> Refused:
    if error.fault is Fault.OPERATOR:
        return come_back("the token cannot be made now")
    return answers.message(429 if error.fault is Fault.PACE else 403, "Action not permitted.")


async def _ping(_: IssuerRequest) -> Answer:
    return answers.answer(200, {"message": "OK", "status": "200"})
