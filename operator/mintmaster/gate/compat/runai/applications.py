"""Applications, service accounts and access keys: three names of Run:ai's for a ClientApplication."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mintmaster.api.client_application import ClientApplication, ClientApplicationSpec
from mintmaster.api.kinds import CLIENT_APPLICATION
from mintmaster.api.names import CLIENT_SECRET_PREFIX
from mintmaster.gate.compat.creating import AlreadyMade
from mintmaster.gate.compat.fields import body_fields, idempotency_key, text
from mintmaster.gate.compat.listing import listed
from mintmaster.gate.compat.orders import Order
from mintmaster.gate.compat.runai import answers, entities
from mintmaster.tokens import opaque

if TYPE_CHECKING:
    from collections.abc import Callable

    from mintmaster.gate.compat.foundation import Foundation
    from mintmaster.gate.compat.runai.access import Access, Asked
    from mintmaster.gate.messages import Answer, IssuerRequest
    from mintmaster.lifecycle.known import KnownResource

_NAME: Final = re.compile(r"[a-z][-_a-z0-9]*[a-z0-9]")
_MAX_NAME: Final = 63

MAX_ACCESS_KEYS: Final = 20
"""Access keys that somebody may have, as at Run:ai."""


@dataclass(frozen=True, slots=True)
class Naming:
    """How one generation of the API calls things."""

    secret: str
    """The member that carries a secret."""
    own_only: bool
    """Whether everybody has their own and sees no others."""
    describe: Callable[[ClientApplication], dict[str, object]]
    collection: str = ""
    """The member that a list stands in; empty for a list by itself."""


APPS = Naming("secret", own_only=False, describe=entities.service_account)
SERVICE_ACCOUNTS = Naming("clientSecret", own_only=False, describe=entities.service_account)
ACCESS_KEYS = Naming(
    "clientSecret", own_only=True, describe=entities.access_key, collection="accessKeys"
)
ALL_ACCESS_KEYS = Naming(
    "clientSecret", own_only=False, describe=entities.access_key, collection="accessKeys"
)


@dataclass(frozen=True, slots=True)
class Applications:
    """Answers those who manage applications, or their own access keys."""

    foundation: Foundation
    access: Access
    naming: Naming

    async def index(self, request: IssuerRequest) -> Answer:
        """All of them, by name."""
        asked = await self._asked(request)
        found = sorted(await self._visible(asked), key=lambda it: it.metadata.name)
        entries = [self.naming.describe(it) for it in found]
        collection = self.naming.collection
        return answers.answer(200, {collection: entries} if collection else entries)

    async def create(self, request: IssuerRequest) -> Answer:
        """A new one, without roles: these are granted in its resource. Its secret is in this answer only."""
        asked = await self._asked(request)
        name = _name(body_fields(request))
        if self.naming.own_only and len(await self._visible(asked)) >= MAX_ACCESS_KEYS:
            raise answers.error(409, f"nobody may have more than {MAX_ACCESS_KEYS} access keys")
        rights = asked.requester.rights
        spec = ClientApplicationSpec()
        if self.naming.own_only:
            spec = ClientApplicationSpec(
                scopes=rights.scopes[:16], roles=rights.roles[:16], projects=rights.projects[:16]
            )
        order = Order(
            asked.home,
            asked.requester,
            spec,
            name=name,
            idempotency_key=idempotency_key(request),
        )
        try:
            made = await self.foundation.creating.create(order)
        except AlreadyMade:
            raise answers.error(409, "the name is taken") from None
        read = await self._read(made.resource)
        body = self.naming.describe(read) | {self.naming.secret: made.value}
        return answers.answer(201, body)

    async def show(self, request: IssuerRequest, own_id: str) -> Answer:
        """One of them."""
        return answers.answer(200, self.naming.describe(await self._named(request, own_id)))

    async def update(self, request: IssuerRequest, own_id: str) -> Answer:
        """Enable or disable one: gates refuse what is disabled, and its tokens, at once."""
        application = await self._named(request, own_id)
        enabled = body_fields(request).get("enabled")
        if not isinstance(enabled, bool):
            raise answers.error(400, "enabled has to be true or false")
        changed = await self.foundation.resources.change(
            self._known(application), lambda _: {"spec": {"enabled": enabled}}
        )
        assert isinstance(changed, ClientApplication)  # noqa: S101 - what was changed
        return answers.answer(200, self.naming.describe(changed))

    async def regenerate(self, request: IssuerRequest, own_id: str) -> Answer:
        """Another secret; the one before ends at once."""
        asked = await self._asked(request)
        resource = self._known(await self._named(request, own_id))
        if not resource.held_by_caller:
            raise answers.error(403, "the client secret is in a Secret, where it is renewed")
        value = opaque.mint(CLIENT_SECRET_PREFIX)
        await self.foundation.creating.replace(resource, asked.requester, value)
        return answers.answer(200, {self.naming.secret: value})

    async def delete(self, request: IssuerRequest, own_id: str) -> Answer:
        """Delete one; its tokens end at once."""
        application = await self._named(request, own_id)
        await self.foundation.resources.delete(self._known(application))
        return answers.NO_CONTENT

    async def _asked(self, request: IssuerRequest) -> Asked:
        asked = await self.access.of(request)
        if not self.naming.own_only:
            asked.demand_management()
        return asked

    async def _visible(self, asked: Asked) -> list[ClientApplication]:
        found = await listed(self.foundation.resources, CLIENT_APPLICATION, asked.home.name)
        return [it for it in found if self._is_visible(it, asked)]

    def _is_visible(self, application: ClientApplication, asked: Asked) -> bool:
        maker = application.spec.requested_by
        own = maker is not None and maker.subject == asked.requester.rights.subject
        alive = application.metadata.deletion_timestamp is None and not application.spec.revoked
        return alive and (own or not self.naming.own_only)

    async def _named(self, request: IssuerRequest, own_id: str) -> ClientApplication:
        asked = await self._asked(request)
        resource = self.foundation.knowledge.resource(own_id)
        if resource is None or resource.application is None or resource.issuer != asked.home.name:
            raise answers.error(404)
        application = await self._read(resource)
        if not self._is_visible(application, asked):
            raise answers.error(404)
        return application

    def _known(self, application: ClientApplication) -> KnownResource:
        resource = self.foundation.knowledge.resource(application.metadata.uid)
        if resource is None:
            raise answers.error(404)
        return resource

    async def _read(self, resource: KnownResource) -> ClientApplication:
        read = await self.foundation.resources.read(resource)
        assert isinstance(read, ClientApplication)  # noqa: S101 - what is known as one
        return read


def _name(found: dict[str, object]) -> str:
    """The name, of which Kubernetes allows all but underscores."""
    name = text(found, "name")
    if not _NAME.fullmatch(name) or len(name) > _MAX_NAME:
        raise answers.error(400, f"name has to match ^{_NAME.pattern}$, with 63 characters at most")
    if "_" in name:
        raise answers.error(400, "name may have no underscore here: it names a Kubernetes resource")
    return name
