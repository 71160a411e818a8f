"""Parts that the specs of RunnerRegistration and UserAccessToken share: token, Secret, exchange."""

from enum import StrEnum
from typing import Annotated, ClassVar

from mintmaster.api.delivery import (
    MINTED_ROOT_RULES,
    DeliveredSpec,
    Delivery,
    IssuerRef,
    RequestedBy,
    RestartTarget,
    WorkloadKind,
)
from mintmaster.api.names import MAX_NAME_LENGTH
from mintmaster.api.renewal import (
    SCHEDULE_RULES,
    Overlap,
    RenewBefore,
    RenewBeforePercentage,
    ValueDigest,
)
from mintmaster.api.schema import (
    DNS_SUBDOMAIN,
    Audience,
    Model,
    Rule,
    described,
    duration,
    unique,
)
from mintmaster.api.secret_spec import AdoptionPolicy, DeletionPolicy, SecretSpec, SecretTemplate

__all__ = [
    "MINTED_ROOT_RULES",
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


class TokenSpec(Model, frozen=True, kw_only=True):
    """Form, audiences and schedule of the token."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "self.format == 'Opaque' || !has(self.prefix) || self.prefix == ''",
            "prefix is possible with format Opaque only",
            ".prefix",
        ),
        *SCHEDULE_RULES,
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
    renew_before: RenewBefore = None
    renew_before_percentage: RenewBeforePercentage = None
    overlap: Overlap = "5m"
    value_digest: ValueDigest = None


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


class MintedSpec(DeliveredSpec, frozen=True, kw_only=True):
    """Fields that the specs of all kinds with a token of their own have."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        *DeliveredSpec.RULES,
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
    )
    TOKEN_FIELD: ClassVar[str] = "spec.token"  # noqa: S105 - a path
    """Where the schedule stands, for messages."""

    token: Annotated[TokenSpec, described("Form, audiences and schedule of the token.")] = (
        TokenSpec()
    )
    secret: Annotated[
        SecretSpec,
        described(
            "The Secret that the token is delivered in; not with delivery Caller.", defaulted=False
        ),
    ] = SecretSpec()
    suspend: Annotated[
        bool,
        described(
            "true stops issuing new tokens; the present one stays active until it expires. "
            "Revocation and deletion still work."
        ),
    ] = False
    exchange: Annotated[
        Exchange | None,
        described("Who may obtain short-lived tokens with these rights by token exchange."),
    ] = None
