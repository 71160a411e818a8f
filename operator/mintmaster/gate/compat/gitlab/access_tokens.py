"""Personal access tokens: made, listed, rotated, revoked; each value is a resource of its own, so that ids change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from msgspec.structs import replace

from mintmaster.api.kinds import USER_ACCESS_TOKEN
from mintmaster.api.names import ANNOTATION_TITLE
from mintmaster.api.token_spec import TokenSpec
from mintmaster.api.user_access_token import User, UserAccessToken, UserAccessTokenSpec
from mintmaster.gate.compat.fields import idempotency_key
from mintmaster.gate.compat.gitlab import access_token_entity as entity
from mintmaster.gate.compat.gitlab import answers, users
from mintmaster.gate.compat.gitlab.access import refusal, shown
from mintmaster.gate.compat.gitlab.families import PREFIX
from mintmaster.gate.compat.gitlab.outcomes import told
from mintmaster.gate.compat.gitlab.pages import page
from mintmaster.gate.compat.gitlab.parameters import parameters
from mintmaster.gate.compat.listing import listed
from mintmaster.gate.compat.orders import Order
from mintmaster.gate.compat.requesters import Rejection
from mintmaster.lifecycle.grants import ALL

if TYPE_CHECKING:
    from mintmaster.api.kinds import TokenResource
    from mintmaster.gate.compat.creating import Made
    from mintmaster.gate.compat.foundation import Foundation
    from mintmaster.gate.compat.gitlab.access import Access
    from mintmaster.gate.compat.gitlab.families import Families
    from mintmaster.gate.compat.gitlab.parameters import Parameters
    from mintmaster.gate.compat.requesters import Requester
    from mintmaster.gate.messages import Answer, IssuerRequest
    from mintmaster.lifecycle.known import KnownResource

SELF_ROTATE = "self_rotate"

_OWN_SCOPES = frozenset({"k8s_proxy", SELF_ROTATE})
"""What anybody may put on a token that they make for themselves."""

_IN_A_SECRET = "The token is in a Secret and renewed there"  # noqa: S105 - a sentence
_MOST_SCOPES = 16


@dataclass(frozen=True, slots=True)
class AccessTokens:
    """Answers about access tokens of users."""

    access: Access
    foundation: Foundation
    families: Families

    async def create_for_user(self, request: IssuerRequest, number: str) -> Answer:
        """`POST /users/:user_id/personal_access_tokens`, for administrators."""
        requester = await self.access.by_scope(request)
        if not requester.is_administrator:
            raise answers.forbidden()
        found = parameters(request)
        spec = self._spec(found)
        user = self._user(request, number)
        return await self._create(request, requester, spec, user, found.text("name"))

    async def create_own(self, request: IssuerRequest) -> Answer:
        """`POST /user/personal_access_tokens`, with few scopes."""
        requester = await self.access.by_scope(request)
        _check_is_users(requester)
        found = parameters(request)
        spec = self._spec(found)
        if not _OWN_SCOPES.issuperset(spec.scopes):
            raise answers.invalid_parameters("scopes does not have a valid value")
        own = requester.token.resource
        return await self._create(request, requester, spec, own, found.text("name"))

    async def list(self, request: IssuerRequest) -> Answer:
        """`GET /personal_access_tokens`: one's own, or all for administrators."""
        requester = await self.access.by_scope(request)
        found = parameters(request)
        wanted, now = page(found), self.foundation.clock.now()
        fits, user = entity.fits(found, now), found.number("user_id")
        words, order = found.text("search").lower(), found.one_of("sort", entity.ORDERS)
        found.check()
        own = users.user_id(requester.rights.subject)
        if user not in {None, own} and not requester.is_administrator:
            raise answers.unauthorized()
        everything = self.foundation.knowledge.all_of(users.USER_ACCESS_TOKEN, request.issuer.name)
        seen = [it for it in everything if _may_see(requester, it) and not it.deleted and fits(it)]
        titles = await self._titles(request) if words or order.startswith("name") else {}
        named = [it for it in seen if words in titles.get(it.uid, "").lower()]
        sorted_ = entity.ordered(named, order, titles)
        with told("Token"):
            present = await self.foundation.resources.read_all(wanted.of(sorted_))
        tokens = [entity.shown(it, now) for it in present if isinstance(it, UserAccessToken)]
        return answers.answer(200, tokens, *wanted.headers(request, len(sorted_)))

    async def show(self, request: IssuerRequest, number: str) -> Answer:
        """`GET /personal_access_tokens/:id`."""
        requester = await self.access.by_scope(request)
        return await self._shown(self._seen(request, requester, number))

    async def show_own(self, request: IssuerRequest) -> Answer:
        """`GET /personal_access_tokens/self`, whatever the token may do."""
        return await self._shown((await self._bearer(request)).token.resource)

    async def associations(self, request: IssuerRequest) -> Answer:
        """`GET /personal_access_tokens/self/associations`: what the token is for."""
        requester = await self._bearer(request)
        projects = [{"id": int(it)} for it in requester.rights.projects if _is_number(it)]
        return answers.answer(200, {"groups": [], "projects": projects})

    async def revoke(self, request: IssuerRequest, number: str) -> Answer:
        """`DELETE /personal_access_tokens/:id`."""
        requester = await self.access.by_scope(request)
        return await self._revoked(self._seen(request, requester, number))

    async def revoke_own(self, request: IssuerRequest) -> Answer:
        """`DELETE /personal_access_tokens/self`, whatever the token may do."""
        return await self._revoked((await self._bearer(request)).token.resource)

    async def rotate(self, request: IssuerRequest, number: str) -> Answer:
        """`POST /personal_access_tokens/:id/rotate`."""
        await self._punish_reuse(request)
        requester = await self.access.by_scope(request)
        return await self._rotated(request, requester, self._seen(request, requester, number))

    async def rotate_own(self, request: IssuerRequest) -> Answer:
        """`POST /personal_access_tokens/self/rotate`."""
        await self._punish_reuse(request)
        requester = await self.access.by_scope(request, SELF_ROTATE)
        if requester.token.resource.kind != users.USER_ACCESS_TOKEN:
            raise answers.wrong_method()
        return await self._rotated(request, requester, requester.token.resource)

    # Making ---------------------------------------------------------------------------------------

    def _spec(self, found: Parameters) -> UserAccessTokenSpec:
        """What a new token is to be, but for whom."""
        found.required("name", "scopes")
        found.text("name", longest=255)
        scopes, until = found.words("scopes"), found.day("expires_at")
        description = found.text("description")
        if found.has("scopes") and not 0 < len(scopes) <= _MOST_SCOPES:
            found.problems.append("scopes does not have a valid value")
        found.check()
        lifetime = entity.lifetime(until, self.foundation.clock.now())
        return UserAccessTokenSpec(
            user=User(email=""),
            scopes=scopes,
            description=description,
            token=TokenSpec(lifetime=lifetime),
        )

    async def _create(
        self,
        request: IssuerRequest,
        requester: Requester,
        spec: UserAccessTokenSpec,
        user: KnownResource,
        title: str,
    ) -> Answer:
        order = Order(
            issuer=request.issuer,
            requester=requester,
            spec=_speaking_for(spec, user, requester),
            prefix=PREFIX,
            idempotency_key=idempotency_key(request),
            annotations={ANNOTATION_TITLE: title},
        )
        with told("Token"):
            made = await self.foundation.creating.create(order)
        return await self._handed_out(made, 201)

    async def _handed_out(self, made: Made, status: int) -> Answer:
        """The answer that carries a new token."""
        with told("Token"):
            present = await self.foundation.resources.read(made.resource)
        return answers.answer(status, self._entity(present) | {"token": made.value})

    async def _rotated(
        self, request: IssuerRequest, requester: Requester, old: KnownResource
    ) -> Answer:
        """Make the next of the family, then end the old one: at no time is there none."""
        found = parameters(request)
        until = found.day("expires_at")
        found.check()
        now = self.foundation.clock.now()
        if not entity.is_active(old, now):
            raise answers.bad_request("Token already revoked")
        if not old.held_by_caller:
            raise answers.forbidden(_IN_A_SECRET)
        with told("Token"):
            made = await self.families.follow(request, requester, old, entity.lifetime(until, now))
        return await self._handed_out(made, 200)

    async def _punish_reuse(self, request: IssuerRequest) -> None:
        """Whoever shows a token to rotate it that was rotated before may be a thief, or the victim: all must go."""
        found = await self.access.rejected_or_known(request)
        if found is Rejection.REVOKED:
            with told("Token"):
                await self.families.end(shown(request))
            raise refusal(found)

    # Finding --------------------------------------------------------------------------------------

    def _user(self, request: IssuerRequest, number: str) -> KnownResource:
        found = users.found(self.foundation.knowledge, request.issuer.name, _number(number))
        if found is None:
            raise answers.not_found("User")
        return found

    def _seen(self, request: IssuerRequest, requester: Requester, number: str) -> KnownResource:
        """The token of that number; who is no administrator does not learn whether others' exist."""
        token = self.foundation.knowledge.numbered(users.USER_ACCESS_TOKEN, _number(number))
        if token is not None and (token.issuer != request.issuer.name or token.deleted):
            token = None
        if token is not None and _may_see(requester, token):
            return token
        raise answers.not_found() if requester.is_administrator else answers.unauthorized()

    async def _titles(self, request: IssuerRequest) -> dict[str, str]:
        """What all tokens are called, by UID: gates keep no titles in mind."""
        with told("Token"):
            tokens = await listed(self.foundation.resources, USER_ACCESS_TOKEN, request.issuer.name)
        return {it.metadata.uid: entity.title(it) for it in tokens}

    async def _bearer(self, request: IssuerRequest) -> Requester:
        """Who calls with a token of a user."""
        requester = await self.access.by_any_token(request)
        _check_is_users(requester)
        return requester

    async def _shown(self, token: KnownResource) -> Answer:
        with told("Token"):
            present = await self.foundation.resources.read(token)
        return answers.answer(200, self._entity(present))

    async def _revoked(self, token: KnownResource) -> Answer:
        with told("Token"):
            await self.foundation.resources.revoke(token)
        return answers.NO_CONTENT

    def _entity(self, token: TokenResource) -> dict[str, object]:
        assert isinstance(token, UserAccessToken)  # noqa: S101 - only those are numbered so
        return entity.shown(token, self.foundation.clock.now())


def _may_see(requester: Requester, token: KnownResource) -> bool:
    return requester.is_administrator or token.subject == requester.rights.subject


def _check_is_users(requester: Requester) -> None:
    if requester.token.resource.kind != users.USER_ACCESS_TOKEN:
        why = "This endpoint requires token type to be a personal access token"
        raise answers.bad_request(why)


def _speaking_for(
    spec: UserAccessTokenSpec, user: KnownResource, requester: Requester
) -> UserAccessTokenSpec:
    """The same for a user; in those of the projects of their newest token that the asker has, too."""
    held = requester.rights.projects
    projects = user.tokens[0].rights.projects if user.tokens else ()
    reached = tuple(it for it in projects if it in held or ALL in held)
    owner = User(email=users.address(user.subject), username=user.username)
    return replace(spec, user=owner, projects=reached)


def _is_number(name: str) -> bool:
    return name.isascii() and name.isdecimal() and len(name) < _TOO_LONG


def _number(name: str) -> int:
    if not _is_number(name):
        raise answers.invalid_parameters("id is invalid")
    return int(name)


_TOO_LONG = 19
"""Digits that a number of 64 bits may not have room for."""
