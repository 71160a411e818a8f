"""Token introspection (RFC 7662): what a token that is active entitles to, for those who may know."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from mintmaster.gate.callers import INTROSPECT
from mintmaster.gate.forms import parameters
from mintmaster.gate.messages import Answer, encode
from mintmaster.gate.verification import Active

if TYPE_CHECKING:
    from mintmaster.gate.callers import Callers
    from mintmaster.gate.messages import IssuerRequest
    from mintmaster.gate.metrics import Metrics
    from mintmaster.gate.verification import Verification

INACTIVE = Answer(200, b'{"active":false}')
"""The one answer about everything that is not active, or not for the caller to know (RFC 7662, section 2.2)."""


class _Resource(msgspec.Struct):
    kind: str
    namespace: str
    name: str
    uid: str
    revision: int


class _Actor(msgspec.Struct):
    """Who acts for the subject (RFC 8693, section 4.1)."""

    sub: str


class _Description(msgspec.Struct, omit_defaults=True):
    """The members of RFC 7662, section 2.2, and our own, which are named as the claims of our JWTs."""

    active: bool
    scope: str
    client_id: str
    token_type: str
    iat: int
    sub: str
    aud: tuple[str, ...]
    iss: str
    jti: str
    roles: tuple[str, ...]
    projects: tuple[str, ...]
    resource: _Resource = msgspec.field(name="mintmaster.dev")
    exp: int | None = None
    username: str = ""
    act: _Actor | None = None


@dataclass(frozen=True, slots=True)
class Introspection:
    """`POST /oauth2/introspect`."""

    verification: Verification
    callers: Callers
    metrics: Metrics

    async def __call__(self, request: IssuerRequest) -> Answer:
        """Describe a token. `token_type_hint` is not needed: a wrong one changes nothing."""
        form = parameters(request)
        caller = await self.callers.authenticate(request, form)
        caller.demand(INTROSPECT)
        token = form.required("token")
        verdict = await self.verification.verify(request.issuer, token)
        self.metrics.count_verdict("introspect", verdict)
        if isinstance(verdict, Active) and await caller.may_introspect(verdict):
            return Answer(200, describe(verdict))
        return INACTIVE


def describe(token: Active) -> bytes:
    """Say what is recorded of a token (I5): never what its resource happens to ask for now."""
    resource, record = token.resource, token.record
    rights = record.rights
    return encode(
        _Description(
            active=True,
            scope=" ".join(rights.scopes),
            client_id=resource.client_id,
            token_type="Bearer",  # noqa: S106 - a type, not a token
            iat=int(record.issued_at),
            sub=rights.subject,
            aud=rights.audiences,
            iss=token.issuer.url,
            jti=record.id,
            roles=rights.roles,
            projects=rights.projects,
            resource=_Resource(
                resource.kind,
                resource.namespace,
                resource.name,
                resource.uid,
                record.revision,
            ),
            exp=int(token.ends_at) if token.ends_at < math.inf else None,
            username=resource.username,
            act=_Actor(token.actor) if token.actor else None,
        )
    )
