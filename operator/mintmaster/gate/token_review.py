"""The webhook by which kube-apiserver has bearer tokens judged (Kubernetes: "Webhook Token Authentication")."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from mintmaster.gate.messages import Answer, encode, oauth_error
from mintmaster.gate.verification import Active

if TYPE_CHECKING:
    from mintmaster.gate.messages import IssuerRequest
    from mintmaster.gate.metrics import Metrics
    from mintmaster.gate.verification import Verification

VERSIONS = frozenset({"authentication.k8s.io/v1", "authentication.k8s.io/v1beta1"})
"""v1beta1, which differs in nothing, is what kube-apiserver sends unless it is told otherwise."""

PREFIX = "mint:"
"""Before the name of every user and group, so that none can be one of Kubernetes's own (`system:`)."""

CREDENTIAL_ID = "authentication.kubernetes.io/credential-id"
"""Where kube-apiserver's own authenticators name a token, for the audit log."""


class _Spec(msgspec.Struct, forbid_unknown_fields=False):
    token: str = ""
    audiences: tuple[str, ...] = ()


class _Review(msgspec.Struct):
    api_version: str = msgspec.field(name="apiVersion")
    kind: str
    spec: _Spec


class _User(msgspec.Struct):
    username: str
    uid: str
    groups: tuple[str, ...]
    extra: dict[str, tuple[str, ...]]


class _Status(msgspec.Struct, omit_defaults=True):
    authenticated: bool
    user: _User | None = None
    audiences: tuple[str, ...] = ()


_decode = msgspec.json.Decoder(_Review).decode
_NOT_AUTHENTICATED = _Status(authenticated=False)


@dataclass(frozen=True, slots=True)
class TokenReview:
    """`POST /k8s/tokenreview`.

    kube-apiserver asks about every bearer token that it does not know itself: foreign ones are ordinary, are answered
    without an error, and are not logged.
    """

    verification: Verification
    metrics: Metrics

    async def __call__(self, request: IssuerRequest) -> Answer:
        """Judge the token of a review, for the audiences that the review names."""
        review = _read(request.body)
        verdict = await self.verification.verify(request.issuer, review.spec.token)
        self.metrics.count_verdict("tokenreview", verdict)
        status = _NOT_AUTHENTICATED
        if isinstance(verdict, Active):
            status = _status(verdict, review.spec.audiences)
        return Answer(
            200, encode({"apiVersion": review.api_version, "kind": review.kind, "status": status})
        )


def _read(body: bytes) -> _Review:
    try:
        review = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise oauth_error(400, "invalid_request", "the body is no TokenReview") from None
    if review.kind != "TokenReview" or review.api_version not in VERSIONS:
        raise oauth_error(400, "invalid_request", "the body is no TokenReview of v1 or v1beta1")
    return review


def _status(token: Active, audiences: tuple[str, ...]) -> _Status:
    """Who the token speaks for, if it is meant for one of the audiences.

    Without audiences it cannot be told that the token is meant for the API server; and an answer without any would
    be read there as its own. So both count as not authenticated.
    """
    rights = token.record.rights
    shared = tuple(audience for audience in audiences if audience in rights.audiences)
    if not shared:
        return _NOT_AUTHENTICATED
    user = _User(
        username=PREFIX + rights.subject,
        uid=token.resource.uid,
        groups=tuple(PREFIX + role for role in rights.roles),
        extra={CREDENTIAL_ID: (f"JTI={token.record.id}",), "mintmaster.dev/scopes": rights.scopes},
    )
    return _Status(authenticated=True, user=user, audiences=shared)
