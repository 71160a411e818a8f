"""Project-W's API of versions 0.2 and 0.6, as far as it is about runners, their tokens, and who may make them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from mintmaster.api.token_issuer import CompatibleApi
from mintmaster.gate.compat.fields import MAX_BODY, Unreadable
from mintmaster.gate.compat.operations import Dispatch, NoSuchMethod, NoSuchPath, Operations
from mintmaster.gate.compat.orders import Fault, NotIssued
from mintmaster.gate.compat.projectw import answers
from mintmaster.gate.compat.projectw.people import People
from mintmaster.gate.compat.projectw.presence import Presences
from mintmaster.gate.compat.projectw.runners import Runners
from mintmaster.gate.compat.resources import Gone, NotAllowed, Unfit
from mintmaster.gate.messages import come_back
from mintmaster.gate.routes import ANY, Endpoint, ForeignApi

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mintmaster.gate.compat.foundation import Foundation
    from mintmaster.gate.messages import Refused

PATHS = (
    "/api/runners/",
    "/api/users/login",
    "/api/local-account/login",
    "/api/admins/create_runner",
    "/api/admins/invalidate_runner",
)


def api(foundation: Foundation) -> ForeignApi:
    """The API, to be answered below every issuer that switches it on."""
    people, runners = People(foundation), Runners(foundation, Presences())
    operations = Operations(
        {
            ("POST", "/api/users/login"): people.login,
            ("GET", "/api/runners/create"): people.create_runner_token,
            ("POST", "/api/local-account/login"): people.login_with_cookie,
            ("POST", "/api/admins/create_runner"): people.create_runner,
            ("DELETE", "/api/admins/invalidate_runner"): people.invalidate_runner,
            ("POST", "/api/runners/register"): runners.register,
            ("POST", "/api/runners/unregister"): runners.unregister,
            ("POST", "/api/runners/heartbeat"): runners.heartbeat,
            ("POST", "/api/runners/retrieveJobInfo"): runners.no_job,
            ("GET", "/api/runners/retrieveJobAudio"): runners.no_job,
            ("POST", "/api/runners/submitJobResult"): runners.no_job,
            ("GET", "/api/runners/retrieve_job_info"): runners.no_job_of_session,
            ("POST", "/api/runners/retrieve_job_audio"): runners.no_job_of_session,
            ("POST", "/api/runners/submit_job_result"): runners.no_result_of_session,
        }
    )
    absent = answers.detail(404, "Not Found").answer
    endpoint = Endpoint(Dispatch(operations, _told), ANY, MAX_BODY, absent)
    return ForeignApi(CompatibleApi.PROJECT_W, PATHS, endpoint)


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except (NoSuchPath, Gone):
        raise answers.detail(404, "Not Found") from None
    except NoSuchMethod:
        raise answers.detail(405, "Method Not Allowed") from None
    except (Unreadable, Unfit):
        raise answers.invalid("body") from None
    except NotAllowed:
        raise answers.detail(403, "Forbidden") from None
    except NotIssued as error:
        raise _not_issued(error) from None


def _not_issued(error: NotIssued) -> Refused:
    if error.fault is Fault.OPERATOR:
        return come_back("the runner cannot be made now")
    return answers.detail(429 if error.fault is Fault.PACE else 403, "Forbidden")
