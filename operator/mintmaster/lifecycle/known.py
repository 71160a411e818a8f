"""What a gate knows of a resource: what judging its tokens needs, and no more.

Instants are POSIX seconds, as a gate compares one with many.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec

from mintmaster.api import durations
from mintmaster.api.client_application import (
    DEFAULT_ACCESS_TOKEN_LIFETIME,
    MAX_REVOKED_TOKENS,
    ClientApplication,
)
from mintmaster.api.delivery import Delivery
from mintmaster.api.reasons import ConditionType
from mintmaster.api.rights import Rights
from mintmaster.api.runner_registration import RunnerRegistrationSpec
from mintmaster.api.token_spec import MintedSpec
from mintmaster.api.user_access_token import UserAccessTokenSpec
from mintmaster.lifecycle.identity import numeric_id
from mintmaster.lifecycle.rights import subject_of

if TYPE_CHECKING:
    from datetime import datetime

    from mintmaster.api.delivery import DeliveredSpec
    from mintmaster.api.kinds import TokenResource
    from mintmaster.api.status import TokenRecord


class KnownToken(msgspec.Struct, frozen=True, gc=False):
    """A token on record."""

    id: str
    revision: int
    digest: str
    key_id: str
    issued_at: float
    ends_at: float
    """The earlier of `expiresAt` and `validUntil`; infinite without either."""
    unlimited: bool
    """Recorded without expiry."""
    rights: Rights


class KnownApplication(msgspec.Struct, frozen=True, gc=False):
    """What is known of a ClientApplication beyond other resources."""

    client_id: str
    """The client id that it has; empty while another has it, or before it has any."""
    enabled: bool
    token_lifetime: float
    """Seconds that its access tokens live, if the issuer lets them."""
    secrets: tuple[KnownToken, ...]
    """Client secrets on record; no access tokens, so they stand apart from these."""
    revoked_tokens: tuple[str, ...]
    """The `jti` of access tokens that were revoked one by one."""
    claimed_digest: str = ""
    """The digest of a client secret that its holder made, recorded or not."""


class KnownExchange(msgspec.Struct, frozen=True, gc=False):
    """Who may obtain short-lived tokens with the rights of a resource, and of which issuer."""

    service_accounts: tuple[str, ...]
    issuer: str


class KnownResource(msgspec.Struct, frozen=True, gc=False):
    """What has to be known of a resource to judge its tokens: a tenth of the resource itself."""

    kind: str
    namespace: str
    name: str
    uid: str
    seniority: tuple[str, str]
    """Who was first, where two claim the same digest: by creation, then by UID."""
    issuer: str
    deleted: bool
    revoked: bool
    not_before: float
    revision: int
    runner_type: str
    group: str
    username: str
    claimed_digest: str
    """The digest that a caller handed in, recorded or not."""
    tokens: tuple[KnownToken, ...]
    application: KnownApplication | None = None
    exchange: KnownExchange | None = None
    subject: str = ""
    """Who its tokens speak for."""
    held_by_caller: bool = False
    """Whether its token is in its holder's hands rather than in a Secret (`spec.delivery`)."""
    problem: str = ""
    """The reason why what the spec asks for is not there, once the operator has looked at this spec."""
    project: str = ""
    paused: bool = False
    tags: tuple[str, ...] = ()

    @property
    def number(self) -> int:
        """How foreign APIs name it (`status.id`)."""
        return numeric_id(self.uid)

    @property
    def created(self) -> str:
        """When it was created, in RFC 3339."""
        return self.seniority[0]

    @property
    def client_id(self) -> str:
        """The claim `client_id`: an application's own; else `user:` or `runner:` with namespace and name."""
        if self.application is not None:
            return self.application.client_id
        what = "user" if self.kind == "UserAccessToken" else "runner"
        return f"{what}:{self.namespace}:{self.name}"

    @property
    def granted_client_id(self) -> str:
        """A client id other than an application's own by default, which has to be granted; empty for none."""
        own = self.application is None or self.client_id == f"{self.namespace}.{self.name}"
        return "" if own else self.client_id

    def token(self, jti: str) -> KnownToken | None:
        """The recorded token of that name."""
        return next((token for token in self.tokens if token.id == jti), None)

    def opaque_token(self, digest: str) -> KnownToken | None:
        """The recorded opaque token of that digest."""
        return next((it for it in self.tokens if it.digest == digest and not it.key_id), None)

    def claims(self, digest: str) -> bool:
        """Whether the spec as it is known here carries this digest."""
        held = self.application.claimed_digest if self.application else self.claimed_digest
        return held == digest

    def holding(self, digest: str) -> KnownToken | None:
        """The record of a token or client secret that its holder made."""
        if self.application is None:
            return self.opaque_token(digest)
        return next((it for it in self.application.secrets if it.digest == digest), None)


def known(kind: str, resource: TokenResource) -> KnownResource:
    """Reduce a resource to what judging its tokens needs. A status of another life counts for nothing (I10)."""
    meta, spec, status = resource.metadata, resource.spec, resource.status
    own = status.uid == meta.uid
    runner = spec if isinstance(spec, RunnerRegistrationSpec) else None
    created = meta.creation_timestamp
    recorded = tuple(map(_known_token, status.tokens)) if own else ()
    application = resource if isinstance(resource, ClientApplication) else None
    return KnownResource(
        kind=kind,
        namespace=_shared(meta.namespace),
        name=meta.name,
        uid=meta.uid,
        seniority=(created.isoformat() if created else "", meta.uid),
        issuer=_shared(spec.issuer_ref.name),
        deleted=meta.deletion_timestamp is not None,
        revoked=spec.revoked,
        not_before=seconds(status.not_before, -math.inf) if own else -math.inf,
        revision=status.revision if own else 0,
        runner_type=runner.type.value if runner else "",
        group=(runner.group or "") if runner else "",
        username=spec.user.username if isinstance(spec, UserAccessTokenSpec) else "",
        claimed_digest="" if application else spec.token.value_digest or "",
        tokens=() if application else recorded,
        application=_known_application(application, recorded) if application else None,
        exchange=_known_exchange(spec),
        subject=_subject(resource),
        held_by_caller=spec.delivery == Delivery.CALLER,
        problem=_problem(resource) if own else "",
        project=_shared(runner.project or "") if runner else "",
        paused=runner.paused if runner else False,
        tags=_shared_list(runner.tags) if runner else (),
    )


def _subject(resource: TokenResource) -> str:
    """Who the resource speaks for: where that stands in a record, that very text, which takes no room."""
    subject = subject_of(resource)
    recorded = (token.rights.subject for token in resource.status.tokens)
    return next((it for it in recorded if it == subject), subject)


def _problem(resource: TokenResource) -> str:
    """Why the resource is not ready, or why a token that works cannot be replaced; of an older spec nothing counts."""
    status = resource.status
    if status.observed_generation != resource.metadata.generation:
        return ""
    for condition in status.conditions:
        if (condition.type, condition.status) in _PROBLEMS:
            return _shared(condition.reason)
    return ""


_PROBLEMS = frozenset(
    {(ConditionType.READY.value, "False"), (ConditionType.RENEWAL_FAILING.value, "True")}
)


def keeping_revocations(before: KnownResource, resource: KnownResource) -> KnownResource:
    """The resource, with what was revoked before: an event that comes late may be older than what is known.

    What the operator has dropped from the list since is kept, too, as far as there is room: it has expired.
    """
    resource = msgspec.structs.replace(
        resource,
        revoked=resource.revoked or before.revoked,
        not_before=max(resource.not_before, before.not_before),
    )
    application, former = resource.application, before.application
    if application is None or former is None:
        return resource
    dropped = (it for it in former.revoked_tokens if it not in application.revoked_tokens)
    revoked = (*dropped, *application.revoked_tokens)[-2 * MAX_REVOKED_TOKENS :]
    application = msgspec.structs.replace(application, revoked_tokens=revoked)
    return msgspec.structs.replace(resource, application=application)


def _known_application(
    application: ClientApplication, secrets: tuple[KnownToken, ...]
) -> KnownApplication:
    spec, status = application.spec, application.status
    own = status.uid == application.metadata.uid
    lifetime = spec.access_token_lifetime or DEFAULT_ACCESS_TOKEN_LIFETIME
    return KnownApplication(
        client_id=status.client_id if own else "",
        enabled=spec.enabled,
        token_lifetime=durations.parse(lifetime).total_seconds(),
        secrets=secrets,
        revoked_tokens=tuple(token.id for token in status.revoked_tokens) if own else (),
        claimed_digest=spec.token.value_digest or "",
    )


def _known_exchange(spec: DeliveredSpec) -> KnownExchange | None:
    exchange = spec.exchange if isinstance(spec, MintedSpec) else None
    if exchange is None:
        return None
    return KnownExchange(exchange.service_accounts, _shared(exchange.issuer))


def _known_token(record: TokenRecord) -> KnownToken:
    return KnownToken(
        id=record.id,
        revision=record.revision,
        digest=record.digest,
        key_id=_shared(record.key_id),
        issued_at=record.issued_at.timestamp(),
        ends_at=min(seconds(record.expires_at, math.inf), seconds(record.valid_until, math.inf)),
        unlimited=record.expires_at is None,
        rights=compact(record.rights),
    )


def compact(rights: Rights) -> Rights:
    """The same rights, with lists shared between all tokens that have the same: most of a token's size."""
    return Rights(
        subject=rights.subject,
        audiences=_shared_list(rights.audiences),
        scopes=_shared_list(rights.scopes),
        roles=_shared_list(rights.roles),
        projects=_shared_list(rights.projects),
    )


@lru_cache(maxsize=4096)
def _shared(text: str) -> str:
    return text


@lru_cache(maxsize=4096)
def _shared_list(values: tuple[str, ...]) -> tuple[str, ...]:
    return values


def seconds(instant: datetime | None, otherwise: float) -> float:
    """The instant in POSIX seconds; `otherwise` where there is none."""
    return instant.timestamp() if instant is not None else otherwise
