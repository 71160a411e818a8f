"""GitLab's REST API, version 4, as far as it is about runners, access tokens and who one is."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from mintmaster.api.token_issuer import CompatibleApi
from mintmaster.gate.compat.fields import MAX_BODY, Unreadable
from mintmaster.gate.compat.gitlab import answers
from mintmaster.gate.compat.gitlab.access import Access
from mintmaster.gate.compat.gitlab.access_tokens import AccessTokens
from mintmaster.gate.compat.gitlab.contacts import Contacts
from mintmaster.gate.compat.gitlab.families import Families
from mintmaster.gate.compat.gitlab.oneself import Oneself
from mintmaster.gate.compat.gitlab.registration import Registration
from mintmaster.gate.compat.gitlab.runner_management import RunnerManagement
from mintmaster.gate.compat.gitlab.runner_tokens import RunnerTokens
from mintmaster.gate.compat.operations import Dispatch, NoSuchMethod, NoSuchPath, Operations
from mintmaster.gate.routes import ANY, Endpoint, ForeignApi

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mintmaster.gate.compat.foundation import Foundation
    from mintmaster.gate.compat.operations import Handler

ROOT = "/api/v4"


def api(foundation: Foundation) -> ForeignApi:
    """The API, to be answered below every issuer that switches it on."""
    handlers = {(method, ROOT + path): handler for method, path, handler in _operations(foundation)}
    endpoint = Endpoint(
        Dispatch(Operations(handlers), _told), ANY, MAX_BODY, answers.not_found().answer
    )
    return ForeignApi(CompatibleApi.GITLAB, (f"{ROOT}/",), endpoint)


def _operations(foundation: Foundation) -> Iterator[tuple[str, str, Handler]]:
    access = Access(foundation.requesters, foundation.cluster_requesters)
    contacts = Contacts()
    oneself = Oneself(access)
    yield "GET", "/version", oneself.version
    yield "GET", "/user", oneself.user
    registration = Registration(access, foundation.creating)
    yield "POST", "/user/runners", registration.create
    yield "POST", "/runners", registration.register
    runner = RunnerTokens(foundation, contacts)
    yield "POST", "/runners/verify", runner.verify
    yield "DELETE", "/runners", runner.unregister
    yield "DELETE", "/runners/managers", runner.unregister_manager
    yield "POST", "/runners/reset_authentication_token", runner.reset
    yield "GET", "/runners/router/discovery", runner.discover_router
    yield "POST", "/jobs/request", runner.request_job
    yield from _management(RunnerManagement(access, foundation, contacts))
    yield from _access_tokens(AccessTokens(access, foundation, Families(foundation)))


def _management(runners: RunnerManagement) -> Iterator[tuple[str, str, Handler]]:
    yield "GET", "/runners", runners.list_own
    yield "GET", "/runners/all", runners.list_all
    yield "GET", "/runners/{}", runners.show
    yield "PUT", "/runners/{}", runners.update
    yield "DELETE", "/runners/{}", runners.delete
    yield "GET", "/runners/{}/managers", runners.managers
    yield "GET", "/runners/{}/jobs", runners.jobs
    yield "POST", "/runners/{}/reset_authentication_token", runners.reset
    yield "GET", "/projects/{}/runners", runners.list_of_project
    yield "POST", "/projects/{}/runners", runners.assign
    yield "DELETE", "/projects/{}/runners/{}", runners.unassign
    yield "GET", "/groups/{}/runners", runners.list_of_group


def _access_tokens(tokens: AccessTokens) -> Iterator[tuple[str, str, Handler]]:
    yield "POST", "/users/{}/personal_access_tokens", tokens.create_for_user
    yield "POST", "/user/personal_access_tokens", tokens.create_own
    yield "GET", "/personal_access_tokens", tokens.list
    yield "GET", "/personal_access_tokens/self", tokens.show_own
    yield "DELETE", "/personal_access_tokens/self", tokens.revoke_own
    yield "GET", "/personal_access_tokens/self/associations", tokens.associations
    yield "POST", "/personal_access_tokens/self/rotate", tokens.rotate_own
    yield "GET", "/personal_access_tokens/{}", tokens.show
    yield "DELETE", "/personal_access_tokens/{}", tokens.revoke
    yield "POST", "/personal_access_tokens/{}/rotate", tokens.rotate


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except NoSuchPath:
        raise answers.not_found() from None
    except NoSuchMethod:
        raise answers.wrong_method() from None
    except Unreadable:
        raise answers.bad_request("the request cannot be read") from None
