"""Parts that the specs of all minted kinds share: token, delivery, Secret, restarts, exchange."""

from enum import StrEnum
from typing import Annotated, ClassVar

from mintmaster.api.names import DEFAULT_SECRET_SUFFIX, MAX_NAME_LENGTH
from mintmaster.api.schema import (
    DIGEST_PATTERN,
    DNS_SUBDOMAIN,
    MAX_SUBJECT_LENGTH,
    NAME_RULE,
    Audience,
    Model,
    Rule,
    described,
    duration,
    is_duration,
    unchanged,
    unique,
)
from mintmaster.api.secret_spec import AdoptionPolicy, DeletionPolicy, SecretSpec, SecretTemplate

__all__ = [
    "AdoptionPolicy",
    "DeletionPolicy",
    "Delivery",
    "Exchange",
    "Format",
    "IssuerRef",
    "MintedSpec",
    "RequestedBy",
    "RestartTarget",
    "SecretSpec",
    "SecretTemplate",
    "TokenSpec",
    "WorkloadKind",
]


class Format(StrEnum):
    """What a token looks like."""

    JWT = "JWT"
    OPAQUE = "Opaque"


class Delivery(StrEnum):
    """Where a token goes."""

    SECRET = "Secret"  # noqa: S105 - the name of a Kubernetes kind
    CALLER = "Caller"


class WorkloadKind(StrEnum):
    """Kinds of workloads that can be restarted after a renewal."""

    DEPLOYMENT = "Deployment"
    STATEFUL_SET = "StatefulSet"
    DAEMON_SET = "DaemonSet"


class TokenSpec(Model, frozen=True, kw_only=True):
    """Form, audiences and schedule of the token."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "self.format == 'Opaque' || !has(self.prefix) || self.prefix == ''",
            "prefix is possible with format Opaque only",
            ".prefix",
        ),
        Rule(
            "!(has(self.renewBefore) && has(self.renewBeforePercentage))",
            "renewBefore and renewBeforePercentage exclude each other: set one of them",
            ".renewBefore",
        ),
        Rule(
            "!has(self.lifetime) || !has(self.renewBefore) "
            f"|| !{is_duration('self.lifetime')} || !{is_duration('self.renewBefore')} "
            "|| duration(self.lifetime) - duration(self.renewBefore) >= duration('5m')",
            "renewBefore must be at least 5m shorter than lifetime: renewing more often than "
            "every 5m is refused",
            ".renewBefore",
        ),
        Rule(
            "!has(self.lifetime) || !has(self.renewBeforePercentage) "
            f"|| !{is_duration('self.lifetime')} "
            "|| duration(self.lifetime).getSeconds() * (100 - self.renewBeforePercentage) >= 30000",
            "renewBeforePercentage must leave at least 5m of lifetime: renewing more often than "
            "every 5m is refused",
            ".renewBeforePercentage",
        ),
        Rule(
            "!has(self.lifetime) || !has(self.overlap) "
            f"|| !{is_duration('self.lifetime')} || !{is_duration('self.overlap')} "
            "|| duration(self.overlap) < duration(self.lifetime)",
            "overlap must be shorter than lifetime",
            ".overlap",
        ),
    )

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


_SECRET_NAME = (
    "(has({0}.spec.secret) && has({0}.spec.secret.name) ? {0}.spec.secret.name "
    f": {{0}}.metadata.name + '{DEFAULT_SECRET_SUFFIX}')"
)


class MintedSpec(Model, frozen=True, kw_only=True):
    """Fields that the specs of all minted kinds have."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        unchanged("delivery", "delivery cannot be changed"),
        unchanged("issuerRef.name", "issuerRef.name cannot be changed: create a new resource"),
        # With has() on the spec rather than on the field, which removing the field would evade.
        Rule(
            "!has(oldSelf.revoked) || !oldSelf.revoked || (has(self.revoked) && self.revoked)",
            "revoked cannot be taken back: create a new resource",
            ".revoked",
        ),
        Rule(
            "self.delivery != 'Caller' || self.token.format == 'Opaque'",
            "delivery Caller demands that token.format is said to be Opaque",
            ".token.format",
        ),
        Rule(
            "self.delivery == 'Caller' || !has(self.token.valueDigest)",
            "token.valueDigest is possible with delivery Caller only",
            ".token.valueDigest",
        ),
        Rule(
            "self.delivery != 'Caller' || !has(self.token.renewBefore) "
            "&& !has(self.token.renewBeforePercentage)",
            "delivery Caller has no renewal: leave out token.renewBefore and "
            "token.renewBeforePercentage",
            ".token.renewBefore",
        ),
        Rule(
            "self.delivery != 'Caller' || !has(self.secret) && !has(self.restart)",
            "delivery Caller has no Secret: leave out secret and restart",
            ".secret",
        ),
    )

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
        described(
            "The Secret that the token is delivered in; not with delivery Caller.", defaulted=False
        ),
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


# Never ratcheted, so that a further rule here would block even status writes on old objects.
MINTED_ROOT_RULES = (
    NAME_RULE,
    Rule(
        _SECRET_NAME.format("self") + " == " + _SECRET_NAME.format("oldSelf"),
        f"spec.secret.name, by default <resource name>{DEFAULT_SECRET_SUFFIX}, cannot be changed",
    ),
)
