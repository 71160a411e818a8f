"""Parts that the specs of all minted kinds share: token, delivery, Secret, restarts, exchange."""

from enum import StrEnum
from typing import Annotated

import msgspec

from mintmaster.api.names import MAX_NAME_LENGTH
from mintmaster.api.schema import (
    DATA_KEY_PATTERN,
    DIGEST_PATTERN,
    DNS_SUBDOMAIN,
    MAX_SUBJECT_LENGTH,
    Audience,
    Model,
    described,
    duration,
    unique,
)


class Format(StrEnum):
    """What a token looks like."""

    JWT = "JWT"
    OPAQUE = "Opaque"


class Delivery(StrEnum):
    """Where a token goes."""

    SECRET = "Secret"  # noqa: S105 - the name of a Kubernetes kind
    CALLER = "Caller"


class DeletionPolicy(StrEnum):
    """What becomes of the Secret when its resource is deleted."""

    DELETE = "Delete"
    ORPHAN = "Orphan"


class AdoptionPolicy(StrEnum):
    """Whether a Secret that exists already may be taken over."""

    NEVER = "Never"
    IF_UNOWNED = "IfUnowned"


class WorkloadKind(StrEnum):
    """Kinds of workloads that can be restarted after a renewal."""

    DEPLOYMENT = "Deployment"
    STATEFUL_SET = "StatefulSet"
    DAEMON_SET = "DaemonSet"


class TokenSpec(Model, frozen=True, kw_only=True):
    """Form, audiences and schedule of the token."""

    format: Annotated[
        Format,
        described(
            "Form of the token. JWT (default): services verify it offline, but see a revocation "
            "only when they ask or when it expires. Opaque: random text with an optional prefix, "
            "for consumers that refuse dots or limit the length; it is verified by asking."
        ),
    ] = Format.JWT
    prefix: Annotated[
        str,
        described(
            "Text that an Opaque token begins with, such as glrt- for GitLab runners; none by "
            "default. Changing it issues a new token.",
            max_length=32,
            pattern="^[A-Za-z0-9_-]{0,32}$",
        ),
    ] = ""
    audiences: Annotated[
        tuple[Audience, ...],
        unique(
            "audiences",
            "Services that the token is meant for, as they name themselves; the issuer's by "
            "default. Others need a grant. Changing them issues a new token.",
            max_items=8,
        ),
    ] = ()
    lifetime: Annotated[
        str | None,
        duration(
            "lifetime",
            "How long a token lives, such as 24h: at least 10m, at most the issuer's maxLifetime; "
            "the issuer's defaultLifetime by default. Changing it issues a new token.",
            at_least="10m",
        ),
    ] = None
    renew_before: Annotated[
        str | None,
        duration(
            "renewBefore",
            "How long before its expiry a token is renewed, such as 8h; a third of the lifetime by "
            "default. It must leave at least 5m between renewals, and excludes "
            "renewBeforePercentage.",
            at_least="1m",
        ),
    ] = None
    renew_before_percentage: Annotated[
        int | None,
        described(
            "How much of its lifetime, in percent, a token has left when it is renewed; it "
            "excludes renewBefore. By default a token is renewed when a third is left.",
            minimum=1,
            maximum=90,
        ),
    ] = None
    overlap: Annotated[
        str,
        duration(
            "overlap",
            "How long a superseded token stays active after a renewal, so that consumers can "
            "change over; 5m by default, 0s for none, less than the lifetime. When rights are "
            "taken away there is no overlap.",
            at_least="0s",
        ),
    ] = "5m"
    value_digest: Annotated[
        str | None,
        described(
            "With delivery Caller: SHA-256, in base64url without padding, of the token that the "
            "caller holds. It may be set only by holders of the verb deliver on digests; without "
            "it the state is Requested.",
            max_length=43,
            pattern=DIGEST_PATTERN,
        ),
    ] = None


class SecretTemplate(Model, frozen=True, kw_only=True):
    """Further content of the Secret."""

    data: Annotated[
        dict[str, str],
        described(
            "Further keys of the Secret and their text, with placeholders such as {{ token }} or "
            "{{ token | toml }}. Names: token, previous_token, expires_at, issuer, subject, name, "
            "namespace, id, tags, description; filters: json, toml, base64, shell. 64 KiB in all.",
            max_properties=32,
        ),
    ] = msgspec.field(default_factory=dict)
    labels: Annotated[
        dict[str, str],
        described(
            "Labels to set on the Secret. Keys reserved for Kubernetes or for Mintmaster are "
            "refused, but for app.kubernetes.io/ other than managed-by.",
            max_properties=32,
        ),
    ] = msgspec.field(default_factory=dict)
    annotations: Annotated[
        dict[str, str],
        described(
            "Annotations to set on the Secret. Keys reserved for Kubernetes or for Mintmaster are "
            "refused, but for app.kubernetes.io/ other than managed-by.",
            max_properties=32,
        ),
    ] = msgspec.field(default_factory=dict)


class SecretSpec(Model, frozen=True, kw_only=True):
    """The Secret that the token is delivered in."""

    name: Annotated[
        str | None,
        described(
            "Name of the Secret, in the namespace of the resource; <resource name>-token by "
            "default. It cannot be changed.",
            min_length=1,
            max_length=253,
            pattern=DNS_SUBDOMAIN,
        ),
    ] = None
    token_key: Annotated[
        str,
        described(
            "Key of the Secret that holds the token, such as ADMIN_ACCESS_TOKEN; token by default.",
            max_length=253,
            pattern=DATA_KEY_PATTERN,
        ),
    ] = "token"  # noqa: S105 - the name of a key
    previous_token_key: Annotated[
        str | None,
        described(
            "Key of the Secret that holds the superseded token while it is still active; by "
            "default it is nowhere.",
            max_length=253,
            pattern=DATA_KEY_PATTERN,
        ),
    ] = None
    template: Annotated[
        SecretTemplate,
        described("Further content of the Secret, such as a whole config.toml, and its labels."),
    ] = SecretTemplate()
    deletion_policy: Annotated[
        DeletionPolicy,
        described(
            "What becomes of the Secret when the resource is deleted: Delete (default), or Orphan "
            "to leave it. Its tokens are inactive in both cases, and a revocation removes it."
        ),
    ] = DeletionPolicy.DELETE
    adoption_policy: Annotated[
        AdoptionPolicy,
        described(
            "Whether a Secret that exists already may be taken over: Never (default), or IfUnowned "
            "where it carries the annotation mintmaster.dev/adopt-by: <resource name>."
        ),
    ] = AdoptionPolicy.NEVER


class IssuerRef(Model, frozen=True, kw_only=True):
    """The issuer that mints the token."""

    name: Annotated[
        str,
        described(
            "Name of the TokenIssuer; default by default.",
            min_length=1,
            max_length=MAX_NAME_LENGTH,
            pattern=DNS_SUBDOMAIN,
        ),
    ] = "default"


class RestartTarget(Model, frozen=True, kw_only=True):
    """A workload that reads its token only when it starts."""

    kind: Annotated[WorkloadKind, described("Kind of the workload.")]
    name: Annotated[
        str,
        described(
            "Name of the workload, in the namespace of the resource. It must carry the annotation "
            'mintmaster.dev/restart: "true".',
            min_length=1,
            max_length=253,
            pattern=DNS_SUBDOMAIN,
        ),
    ]


ServiceAccountName = Annotated[str, described(min_length=1, max_length=253, pattern=DNS_SUBDOMAIN)]


class Exchange(Model, frozen=True, kw_only=True):
    """Short-lived tokens by token exchange (RFC 8693)."""

    service_accounts: Annotated[
        tuple[ServiceAccountName, ...],
        unique(
            "serviceAccounts",
            "Service accounts of this namespace that may exchange their own token for a "
            "short-lived one with the rights of this resource.",
            max_items=16,
        ),
    ] = ()
    issuer: Annotated[
        str,
        described(
            "Name of the gate-signed TokenIssuer that mints the short-lived tokens; applications "
            "by default.",
            min_length=1,
            max_length=MAX_NAME_LENGTH,
            pattern=DNS_SUBDOMAIN,
        ),
    ] = "applications"


class RequestedBy(Model, frozen=True, kw_only=True):
    """Who asked for the token over HTTP."""

    subject: Annotated[
        str, described("Subject of the caller's own token.", max_length=MAX_SUBJECT_LENGTH)
    ]
    uid: Annotated[
        str, described("UID of the resource that the caller's token belongs to.", max_length=128)
    ] = ""
    jti: Annotated[str, described("jti of the caller's token.", max_length=256)] = ""


class MintedSpec(Model, frozen=True, kw_only=True):
    """Fields that the specs of all minted kinds have."""

    delivery: Annotated[
        Delivery,
        described(
            "Where the token goes: Secret (default), or Caller for a token that was made by "
            "whoever asked over HTTP, of which only the digest stands here. It cannot be changed."
        ),
    ] = Delivery.SECRET
    token: Annotated[TokenSpec, described("Form, audiences and schedule of the token.")] = (
        TokenSpec()
    )
    secret: Annotated[
        SecretSpec,
        described("The Secret that the token is delivered in; not with delivery Caller."),
    ] = SecretSpec()
    issuer_ref: Annotated[
        IssuerRef, described("The issuer that mints the token. It cannot be changed.")
    ] = IssuerRef()
    revoked: Annotated[
        bool,
        described(
            "true makes every token of this resource inactive and removes its Secret, for good: "
            "it cannot be taken back. Leave it out of manifests in Git until it is needed."
        ),
    ] = False
    suspend: Annotated[
        bool,
        described(
            "true stops issuing new tokens; the present one stays active until it expires. "
            "Revocation and deletion still work."
        ),
    ] = False
    restart: Annotated[
        tuple[RestartTarget, ...],
        unique(
            "restart",
            "Workloads of this namespace that are restarted after a renewal, if the data of the "
            "Secret changed.",
            max_items=16,
        ),
    ] = ()
    exchange: Annotated[
        Exchange | None,
        described("Who may obtain short-lived tokens with these rights by token exchange."),
    ] = None
    requested_by: Annotated[
        RequestedBy | None,
        described("Who asked for the token over HTTP; set by the gate."),
    ] = None
