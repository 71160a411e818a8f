"""Families of access tokens: those that came of one another by rotation, all of which end when one is used again."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from msgspec.structs import replace

from mintmaster.api.names import ANNOTATION_TITLE, LABEL_FAMILY
from mintmaster.api.token_spec import TokenSpec
from mintmaster.api.user_access_token import UserAccessToken
from mintmaster.gate.compat.creating import AlreadyMade
from mintmaster.gate.compat.gitlab import answers, users
from mintmaster.gate.compat.orders import Order
from mintmaster.gate.compat.resources import Gone, NotAllowed
from mintmaster.gate.messages import Refused
from mintmaster.tokens.digests import digest

if TYPE_CHECKING:
    from mintmaster.gate.compat.creating import Made
    from mintmaster.gate.compat.foundation import Foundation
    from mintmaster.gate.compat.requesters import Requester
    from mintmaster.gate.messages import IssuerRequest
    from mintmaster.lifecycle.known import KnownResource

PREFIX = "glpat-"

_A_WEEK = "168h"
"""How long a rotated token lives if nobody says, where tokens have to end."""


@dataclass(frozen=True, slots=True)
class Families:
    """Lets tokens follow one another."""

    foundation: Foundation

    async def follow(
        self, request: IssuerRequest, requester: Requester, old: KnownResource, lifetime: str | None
    ) -> Made:
        """Make the token that follows an old one, then end that. Refused where another has followed it already."""
        former = await self.foundation.resources.read(old)
        assert isinstance(former, UserAccessToken)  # noqa: S101 - what is a user's token here
        order = Order(
            issuer=request.issuer,
            requester=requester,
            spec=replace(former.spec, token=TokenSpec(lifetime=lifetime)),
            prefix=PREFIX,
            name=_follower(old),
            limited_to=_A_WEEK,
            annotations={ANNOTATION_TITLE: _title(former)},
            labels={LABEL_FAMILY: _root(former)},
        )
        try:
            made = await self.foundation.creating.create(order)
        except AlreadyMade:
            raise answers.bad_request("Token already revoked") from None
        await self._end_former(old, made)
        return made

    async def end(self, token: str) -> None:
        """Revoke the whole family of a token that was revoked before."""
        resource = self.foundation.knowledge.claimant(digest(token))
        if resource is None or resource.kind != users.USER_ACCESS_TOKEN:
            return
        former = await self.foundation.resources.read(resource)
        root = _root(former)
        members = await self.foundation.resources.labelled(
            resource.kind, resource.namespace, LABEL_FAMILY, root
        )
        first = self.foundation.knowledge.resource(root)
        for member in (*members, *((first,) if first is not None else ())):
            if not member.revoked:
                await self.foundation.resources.revoke(member)

    async def _end_former(self, old: KnownResource, made: Made) -> None:
        try:
            await self.foundation.resources.revoke(old)
        except (Gone, NotAllowed, Refused):
            # Two that are good would be worse than none that is new.
            await self.foundation.resources.delete(made.resource)
            raise


def _follower(old: KnownResource) -> str:
    """The name of what follows a token: one alone, however many ask at a time."""
    return f"token-{hashlib.sha256(old.uid.encode()).hexdigest()[:32]}"


def _title(token: UserAccessToken) -> str:
    meta = token.metadata
    return meta.annotations.get(ANNOTATION_TITLE, meta.name)


def _root(token: object) -> str:
    assert isinstance(token, UserAccessToken)  # noqa: S101 - what is a user's token here
    return token.metadata.labels.get(LABEL_FAMILY, token.metadata.uid)
