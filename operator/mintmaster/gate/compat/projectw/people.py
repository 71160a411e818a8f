"""What people ask Project-W: to log in, and as administrators for runners, and that runners be gone.

There are no passwords: what stands for one is an access token of that user, and it is what the login hands back.
"""

from __future__ import annotations

from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING, Final

from mintmaster.api.kinds import RUNNER_REGISTRATION, USER_ACCESS_TOKEN
from mintmaster.api.runner_registration import RunnerRegistrationSpec, RunnerType
from mintmaster.gate.compat.fields import body_fields, idempotency_key, query_fields, text
from mintmaster.gate.compat.orders import Order
from mintmaster.gate.compat.projectw import answers
from mintmaster.gate.compat.requesters import Rejection
from mintmaster.lifecycle.requester import ADMINISTRATOR

if TYPE_CHECKING:
    from mintmaster.gate.compat.creating import Made
    from mintmaster.gate.compat.foundation import Foundation
    from mintmaster.gate.compat.requesters import Requester
    from mintmaster.gate.messages import Answer, Header, IssuerRequest

_COOKIE: Final = "token"
_COOKIE_SECONDS: Final = 3600

_REJECTED: Final = {
    Rejection.UNKNOWN: (422, "Signature verification failed"),
    Rejection.EXPIRED: (401, "Token has expired"),
    Rejection.REVOKED: (401, "Token has been revoked"),
}
"""As flask-jwt-extended says it."""


@dataclass(frozen=True, slots=True)
class People:
    """Answers people."""

    foundation: Foundation

    async def login(self, request: IssuerRequest) -> Answer:
        """`POST /api/users/login` of version 0.2."""
        found = body_fields(request)
        password = text(found, "password")
        if await self._user(request, text(found, "email"), password) is None:
            body = {"msg": "Incorrect credentials provided", "errorType": "auth"}
            return answers.answer(400, body)
        return answers.answer(200, {"msg": "Login successful", "accessToken": password})

    async def login_with_cookie(self, request: IssuerRequest) -> Answer:
        """`POST /api/local-account/login` of version 0.6: the token is in the cookie alone."""
        found = body_fields(request)
        password, scope = text(found, "password"), text(found, "scope")
        user = await self._user(request, text(found, "username"), password)
        if user is None:
            raise answers.detail(401, "Incorrect username or password")
        if scope not in {"", "admin"}:
            raise answers.detail(400, "We don't support that token permission scope")
        if scope and not _administers(user):
            raise answers.detail(400, "Your user isn't an admin")
        said = "Success. Returning your login token as a cookie"
        return answers.answer(200, said, _cookie(password))

    async def create_runner_token(self, request: IssuerRequest) -> Answer:
        """`GET /api/runners/create` of version 0.2. HEAD makes nothing."""
        if request.method != "GET":
            raise answers.msg(405, "Method Not Allowed")
        requester = await self._bearer(request)
        if not _administers(requester):
            raise answers.msg(403, "Only admins may create runner tokens.")
        return answers.answer(200, {"runnerToken": (await self._create(request, requester)).value})

    async def create_runner(self, request: IssuerRequest) -> Answer:
        """`POST /api/admins/create_runner` of version 0.6."""
        made = await self._create(request, await self._administrator(request))
        return answers.answer(200, {"id": made.resource.number, "token": made.value})

    async def invalidate_runner(self, request: IssuerRequest) -> Answer:
        """`DELETE /api/admins/invalidate_runner` of version 0.6: the same answer whether or not there was one."""
        await self._administrator(request)
        named = text(query_fields(request), "runner_id")
        if not named.isdecimal() or len(named) > 19:
            raise answers.invalid("query", "runner_id")
        number = int(named)
        found = self.foundation.knowledge.numbered(RUNNER_REGISTRATION.kind, number)
        if found is not None and found.issuer == request.issuer.name:
            if found.namespace == request.issuer.view.spec.api_namespace:
                await self.foundation.resources.delete(found)
            else:
                # Elsewhere gates may revoke and nothing else: the resource is its namespace's to delete.
                await self.foundation.resources.revoke(found)
        said = f"If a runner with id {number} existed it was successfully invalidated and deleted"
        return answers.answer(200, said)

    async def _create(self, request: IssuerRequest, requester: Requester) -> Made:
        """A runner for everybody; its token has none of the characters that runners refuse."""
        spec = RunnerRegistrationSpec(type=RunnerType.INSTANCE, description="A Project-W runner.")
        key = idempotency_key(request)
        order = Order(request.issuer, requester, spec, idempotency_key=key)
        return await self.foundation.creating.create(order)

    async def _user(self, request: IssuerRequest, email: str, password: str) -> Requester | None:
        """The user whose access token it is."""
        found = await self.foundation.requesters.of(request.issuer, password)
        if isinstance(found, Rejection) or found.token.resource.kind != USER_ACCESS_TOKEN.kind:
            return None
        return found if found.rights.subject == f"user:{email.lower()}" else None

    async def _bearer(self, request: IssuerRequest) -> Requester:
        credential = bearer(request)
        if not credential:
            raise answers.msg(401, "Missing Authorization Header")
        found = await self.foundation.requesters.of(request.issuer, credential)
        if isinstance(found, Rejection):
            raise answers.msg(*_REJECTED[found])
        return found

    async def _administrator(self, request: IssuerRequest) -> Requester:
        credential = _cookie_of(request) or bearer(request)
        if not credential:
            raise answers.detail(401, "Not authenticated")
        found = await self.foundation.requesters.of(request.issuer, credential)
        if isinstance(found, Rejection):
            raise answers.detail(401, "Could not validate credentials")
        if not _administers(found):
            raise answers.detail(403, "Your user isn't an admin")
        return found


def bearer(request: IssuerRequest) -> str:
    """The bearer token of the header; empty for none."""
    values = request.values(b"authorization")
    scheme, _, credential = values[0].partition(b" ") if len(values) == 1 else (b"", b"", b"")
    return credential.strip().decode("latin-1") if scheme.lower() == b"bearer" else ""


def _administers(requester: Requester) -> bool:
    """Administrators are users who have the role; whose tokens may have it, the issuer's grants say."""
    is_user = requester.token.resource.kind == USER_ACCESS_TOKEN.kind
    return is_user and ADMINISTRATOR in requester.rights.roles


def _cookie(token: str) -> Header:
    flags = f"HttpOnly; Max-Age={_COOKIE_SECONDS}; Path=/; SameSite=strict; Secure"
    return (b"set-cookie", f"{_COOKIE}={token}; {flags}".encode("latin-1"))


def _cookie_of(request: IssuerRequest) -> str:
    values = request.values(b"cookie")
    try:
        found = SimpleCookie(values[0].decode("latin-1")) if len(values) == 1 else SimpleCookie()
    except CookieError:
        return ""
    return found[_COOKIE].value if _COOKIE in found else ""
