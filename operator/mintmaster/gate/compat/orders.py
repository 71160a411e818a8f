"""What is asked for in an order for a token, completed to a resource, and whether asker and issuer let it be."""

from __future__ import annotations

import dataclasses
import hashlib
import secrets
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from msgspec.structs import replace

from mintmaster.api import kinds
from mintmaster.api.client_application import (
    ApplicationIssuerRef,
    ClientApplication,
    ClientApplicationSpec,
)
from mintmaster.api.delivery import Delivery, IssuerRef
from mintmaster.api.meta import ObjectMeta
from mintmaster.api.names import ANNOTATION_IDEMPOTENCY_KEY, ANNOTATION_TITLE
from mintmaster.api.reasons import Reason
from mintmaster.api.runner_registration import RunnerRegistration, RunnerRegistrationSpec
from mintmaster.api.token_spec import Format
from mintmaster.api.user_access_token import UserAccessToken, UserAccessTokenSpec
from mintmaster.lifecycle import grants, rights

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mintmaster.api.kinds import TokenResource
    from mintmaster.api.rights import Rights
    from mintmaster.gate.compat.requesters import Requester
    from mintmaster.gate.issuer import KnownIssuer

Spec: TypeAlias = RunnerRegistrationSpec | UserAccessTokenSpec | ClientApplicationSpec
S = TypeVar("S", bound=Spec)

_NO_OVERLAP = "0s"
"""A token that was replaced over HTTP ends at once: whoever replaced it holds the other one already."""

_MOST_AUDIENCES = 8

_KINDS: Iterable[kinds.ResourceKind[TokenResource]] = kinds.TOKEN_KINDS


class Fault(Enum):
    """Whose turn it is when no token was issued."""

    ASKER = "what they ask for does not exist or cannot be"
    RIGHTS = "they, or the namespace, may not have it"
    PACE = "they ask too often"
    OPERATOR = "it may work later without anybody doing anything"


_FAULTS: Mapping[str, Fault] = {
    Reason.SCOPE_UNKNOWN: Fault.ASKER,
    Reason.ROLE_UNKNOWN: Fault.ASKER,
    Reason.LIFETIME_TOO_LONG: Fault.ASKER,
    Reason.SCHEDULE_INVALID: Fault.ASKER,
    Reason.DIGEST_CONFLICT: Fault.ASKER,
    Reason.CLIENT_ID_CONFLICT: Fault.ASKER,
    Reason.NOT_GRANTED: Fault.RIGHTS,
    Reason.DENIED: Fault.RIGHTS,
    Reason.AWAITING_APPROVAL: Fault.RIGHTS,
    Reason.SIGNER_MISMATCH: Fault.RIGHTS,
    Reason.SUSPENDED: Fault.RIGHTS,
    Reason.TOO_MANY_ISSUES: Fault.PACE,
    Reason.TOO_MANY_TOKENS: Fault.PACE,
}


class NotIssued(Exception):
    """No token came of it; `reason` is one of `mintmaster.api.reasons`, and the text says the same to people."""

    def __init__(self, reason: str, message: str = "") -> None:
        super().__init__(message or reason)
        self.reason = reason
        self.fault = _FAULTS.get(reason, Fault.OPERATOR)


@dataclass(frozen=True, slots=True)
class Order:
    """A token that somebody wants made for them."""

    issuer: KnownIssuer
    requester: Requester
    spec: Spec
    """What it is for. Delivery, issuer, asker, form and digest of the token are filled in."""
    prefix: str = ""
    """What the token begins with; not for client secrets, which have their own."""
    name: str = ""
    """Of the resource; one is made up where it is empty."""
    idempotency_key: str = ""
    """Orders of one asker with the same key are one order: the last answer is the one that is good."""
    value: str = field(default="", repr=False)
    """A token that the asker brings along; one is made where it is empty."""
    limited_to: str = ""
    """The lifetime where none is said and the issuer grants no token without end; by default the longest there is."""
    annotations: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)


def kind_of(resource: TokenResource) -> kinds.ResourceKind[TokenResource]:
    """The kind that a resource is of."""
    return next(kind for kind in _KINDS if isinstance(resource, kind.model))


def completed(order: Order, digest: str, namespace_labels: Mapping[str, str]) -> TokenResource:
    """The resource to create for an order. Raises NotIssued where asker or issuer do not let it be."""
    resource = _resource(order, digest)
    _check_known(resource, order.issuer)
    wanted = rights.desired(resource, order.issuer.view)
    check_requester(resource, wanted, order.requester)
    return _as_granted(order, resource, wanted, namespace_labels)


def same_request(one: TokenResource, other: TokenResource) -> bool:
    """Whether two resources were made for the same request of the same asker."""
    asker, other_asker = one.spec.requested_by, other.spec.requested_by
    if asker is None or other_asker is None:
        return False
    same_asker = (asker.subject, asker.uid) == (other_asker.subject, other_asker.uid)
    noted = (it.metadata.annotations for it in (one, other))
    words, other_words = ([it.get(name) for name in _WORDS] for it in noted)
    return same_asker and words == other_words and _impersonal(one.spec) == _impersonal(other.spec)


_WORDS = (ANNOTATION_TITLE, ANNOTATION_IDEMPOTENCY_KEY)
"""Annotations that a request decides about."""


def _impersonal(spec: S) -> S:
    return _with_digest(replace(spec, requested_by=None), None)


def _resource(order: Order, digest: str) -> TokenResource:
    meta = ObjectMeta(
        name=order.name or _name(order),
        namespace=order.issuer.view.spec.api_namespace,
        labels=dict(order.labels),
        annotations=dict(order.annotations) | _noted(order),
    )
    spec = replace(order.spec, delivery=Delivery.CALLER, requested_by=order.requester.named)
    if isinstance(spec, ClientApplicationSpec):
        own = ApplicationIssuerRef(name=order.issuer.name)
        spec = replace(_with_digest(spec, digest), issuer_ref=own)
        return ClientApplication(metadata=meta, spec=spec)
    token = replace(
        spec.token,
        format=Format.OPAQUE,
        prefix=order.prefix,
        overlap=_NO_OVERLAP,
        audiences=_audiences(order),
    )
    spec = replace(spec, token=token, issuer_ref=IssuerRef(name=order.issuer.name))
    spec = _with_digest(spec, digest)
    if isinstance(spec, UserAccessTokenSpec):
        return UserAccessToken(metadata=meta, spec=spec)
    return RunnerRegistration(metadata=meta, spec=spec)


def _with_digest(spec: S, digest: str | None) -> S:
    if isinstance(spec, ClientApplicationSpec):
        secret = replace(spec.client_secret, value_digest=digest, overlap=_NO_OVERLAP)
        return replace(spec, client_secret=secret)
    return replace(spec, token=replace(spec.token, value_digest=digest))


def digest_patch(resource: TokenResource, digest: str | None) -> dict[str, object]:
    """The part of `spec` that carries a digest, as a merge patch."""
    section = "clientSecret" if isinstance(resource, ClientApplication) else "token"
    return {section: {"valueDigest": digest, "overlap": _NO_OVERLAP}}


def _name(order: Order) -> str:
    """A name that is free; with a key the same one for the same asker, of whatever kind, at whichever gate."""
    if not order.idempotency_key:
        return f"{_STEMS[type(order.spec)]}-{secrets.token_hex(8)}"
    return f"{_STEMS[type(order.spec)]}-{_hashed_key(order)}"


def _noted(order: Order) -> dict[str, str]:
    """Which key a resource was made with, where its name does not tell."""
    if not order.name or not order.idempotency_key:
        return {}
    return {ANNOTATION_IDEMPOTENCY_KEY: _hashed_key(order)}


def _hashed_key(order: Order) -> str:
    asker = order.requester.named
    kind = type(order.spec).__name__
    whole = "\0".join((order.issuer.uid, asker.subject, asker.uid, kind, order.idempotency_key))
    return hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()[:32]


_STEMS: Mapping[type[Spec], str] = {
    RunnerRegistrationSpec: "runner",
    UserAccessTokenSpec: "token",
    ClientApplicationSpec: "app",
}


def _audiences(order: Order) -> tuple[str, ...]:
    """The issuer's own, unless the asker's token is not meant for all of these."""
    held = order.requester.rights.audiences
    by_default = set(order.issuer.view.spec.audiences) <= set(held)
    return () if by_default else held[:_MOST_AUDIENCES]


def _check_known(resource: TokenResource, issuer: KnownIssuer) -> None:
    unknown = sorted(set(resource.spec.scopes) - issuer.view.scope_names)
    if unknown:
        raise NotIssued(Reason.SCOPE_UNKNOWN, f"unknown scopes: {', '.join(unknown)}")
    unknown = sorted(set(rights.asked_roles(resource)) - set(issuer.view.role_scopes))
    if unknown:
        raise NotIssued(Reason.ROLE_UNKNOWN, f"unknown roles: {', '.join(unknown)}")


def check_requester(resource: TokenResource, wanted: Rights, requester: Requester) -> None:
    """Raise NotIssued where the asker may not have such a token made."""
    lacks = requester.lacks(resource, wanted)
    other = isinstance(resource, UserAccessToken) and wanted.subject != requester.rights.subject
    if other and not requester.is_administrator:
        # The role alone makes nobody an administrator: the token must live in the operator's namespace.
        lacks = (f"subject {wanted.subject!r}", *lacks)
    if lacks:
        raise NotIssued(Reason.NOT_GRANTED, f"the asker lacks {', '.join(lacks)}")


def _as_granted(
    order: Order, resource: TokenResource, wanted: Rights, labels: Mapping[str, str]
) -> TokenResource:
    """The resource, with an end to its token where the issuer does not grant one without."""
    issuer = order.issuer.view
    if grants.denied(wanted.subject, issuer):
        raise NotIssued(Reason.NOT_GRANTED, "the issuer denies the subject")
    request = _request(resource, wanted, labels)
    lacks = grants.missing(request, issuer)
    if not lacks:
        return resource
    if not request.unlimited or grants.missing(
        dataclasses.replace(request, unlimited=False), issuer
    ):
        raise NotIssued(Reason.NOT_GRANTED, f"the issuer's grants lack {', '.join(lacks)}")
    return _ending(resource, order.limited_to or issuer.spec.limits.max_lifetime)


def _ending(resource: TokenResource, lifetime: str) -> TokenResource:
    if isinstance(resource, ClientApplication):
        return resource
    token = replace(resource.spec.token, lifetime=lifetime)
    if isinstance(resource, UserAccessToken):
        return replace(resource, spec=replace(resource.spec, token=token))
    return replace(resource, spec=replace(resource.spec, token=token))


def _request(resource: TokenResource, wanted: Rights, labels: Mapping[str, str]) -> grants.Request:
    application = resource if isinstance(resource, ClientApplication) else None
    of_its_own = application is None or application.client_id == application.default_client_id
    return grants.Request(
        kind=kind_of(resource).kind,
        namespace=resource.metadata.namespace,
        namespace_labels=labels,
        rights=wanted,
        runner_type=resource.spec.type.value if isinstance(resource, RunnerRegistration) else "",
        group=(resource.spec.group or "") if isinstance(resource, RunnerRegistration) else "",
        client_id="" if application is None or of_its_own else application.client_id,
        # A client secret is no token of the issuer: it may be without end unless somebody limits it.
        unlimited=application is None and resource.spec.token.lifetime is None,
    )
