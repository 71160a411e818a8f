"""ClientApplication: a machine client of OAuth 2.0, which obtains access tokens from gates."""

from typing import Annotated, ClassVar

import msgspec

from mintmaster.api.delivery import MINTED_ROOT_RULES, DeliveredSpec, IssuerRef
from mintmaster.api.meta import ObjectMeta
from mintmaster.api.names import CLIENT_SECRET_PREFIX, MAX_NAME_LENGTH
from mintmaster.api.renewal import (
    SCHEDULE_RULES,
    Overlap,
    RenewBefore,
    RenewBeforePercentage,
    ValueDigest,
)
from mintmaster.api.schema import (
    DNS_SUBDOMAIN,
    Instant,
    Model,
    Project,
    Role,
    Rule,
    Scope,
    described,
    duration,
    unique,
)
from mintmaster.api.secret_spec import ClientSecretDelivery
from mintmaster.api.status import TokenRecord, TokenStatus
from mintmaster.api.token_spec import Format, TokenSpec

DEFAULT_ACCESS_TOKEN_LIFETIME = "10h"  # noqa: S105 - a duration
"""How long access tokens live where the spec does not say, if the issuer allows as long."""

MAX_REVOKED_TOKENS = 256
"""Access tokens that can be revoked one by one; past them, all that are older are (`notBefore`)."""


class ClientSecretSpec(Model, frozen=True, kw_only=True):
    """Schedule of the client secret."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        *SCHEDULE_RULES,
        Rule(
            "has(self.lifetime) || !has(self.renewBefore) && !has(self.renewBeforePercentage)",
            "renewBefore and renewBeforePercentage need a lifetime: without one the client secret "
            "does not expire",
            ".lifetime",
        ),
    )

    lifetime: Annotated[
        str | None,
        duration(
            "lifetime",
            "How long a client secret lives, such as 2160h: at least 10m. Without it, the secret "
            "does not expire, and is renewed on request alone. Changing it issues a new one.",
            at_least="10m",
        ),
    ] = None
    renew_before: RenewBefore = None
    renew_before_percentage: RenewBeforePercentage = None
    overlap: Overlap = "5m"
    value_digest: ValueDigest = None


class ApplicationIssuerRef(IssuerRef, frozen=True, kw_only=True):
    """The gate-signed issuer whose access tokens the application obtains."""

    name: Annotated[
        str,
        described(
            "Name of the TokenIssuer, whose signer has to be Gate; applications by default.",
            min_length=1,
            max_length=MAX_NAME_LENGTH,
            pattern=DNS_SUBDOMAIN,
        ),
    ] = "applications"


class ClientApplicationSpec(DeliveredSpec, frozen=True, kw_only=True):
    """What the application is called, what its access tokens may do, and its client secret."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        *DeliveredSpec.RULES,
        Rule(
            "(has(self.clientId) ? self.clientId : '') == "
            "(has(oldSelf.clientId) ? oldSelf.clientId : '')",
            "clientId cannot be changed: create a new resource",
            ".clientId",
        ),
        Rule(
            "self.delivery == 'Caller' || !has(self.clientSecret.valueDigest)",
            "clientSecret.valueDigest is possible with delivery Caller only",
            ".clientSecret.valueDigest",
        ),
        Rule(
            "self.delivery != 'Caller' || !has(self.clientSecret.renewBefore) "
            "&& !has(self.clientSecret.renewBeforePercentage)",
            "delivery Caller has no renewal: leave out clientSecret.renewBefore and "
            "clientSecret.renewBeforePercentage",
            ".clientSecret.renewBefore",
        ),
    )
    TOKEN_FIELD: ClassVar[str] = "spec.clientSecret"  # noqa: S105 - a path
    """Where the schedule stands, for messages."""

    # Without a colon, which would end it in HTTP Basic, and which marks the client ids of the
    # other kinds (`user:`, `runner:`).
    client_id: Annotated[
        str | None,
        described(
            "The client id, unique for the issuer; <namespace>.<name> by default, any other needs "
            "a grant. It cannot be changed.",
            min_length=1,
            max_length=128,
            pattern="^[A-Za-z0-9._~@/-]+$",
        ),
    ] = None
    description: Annotated[
        str, described("What the application is; up to 1024 characters.", max_length=1024)
    ] = ""
    enabled: Annotated[
        bool,
        described(
            "false makes gates refuse the application and its access tokens at once, until it is "
            "true again; its client secret is kept. true by default."
        ),
    ] = True
    roles: Annotated[
        tuple[Role, ...],
        unique(
            "roles",
            "Roles of its access tokens, each with the scopes that the issuer gives it; up to 16. "
            "Changing them issues a new client secret.",
            max_items=16,
        ),
    ] = ()
    scopes: Annotated[
        tuple[Scope, ...],
        unique(
            "scopes",
            "What its access tokens may do, in the words of the issuer's scopes; up to 16. "
            "Changing them issues a new client secret.",
            max_items=16,
        ),
    ] = ()
    projects: Annotated[
        tuple[Project, ...],
        unique(
            "projects",
            "Projects that the rights hold in; up to 16. None means none, * means all, and needs "
            "a grant. Changing them issues a new client secret.",
            max_items=16,
        ),
    ] = ()
    access_token_lifetime: Annotated[
        str | None,
        duration(
            "accessTokenLifetime",
            "How long its access tokens live, such as 1h: at least 1m, at most the issuer's "
            "limits.maxLifetime. By default 10h, or that maximum where it is less.",
            at_least="1m",
        ),
    ] = None
    client_secret: Annotated[ClientSecretSpec, described("Schedule of the client secret.")] = (
        ClientSecretSpec()
    )
    secret: Annotated[
        ClientSecretDelivery,
        described(
            "The Secret that client id and client secret are delivered in; not with delivery "
            "Caller.",
            defaulted=False,
        ),
    ] = ClientSecretDelivery()
    issuer_ref: Annotated[
        ApplicationIssuerRef,
        described("The issuer of its access tokens. It cannot be changed."),
    ] = ApplicationIssuerRef()

    @property
    def token(self) -> TokenSpec:
        """The client secret as what it is to the operator: an opaque token."""
        asked = self.client_secret
        return TokenSpec(
            format=Format.OPAQUE,
            prefix=CLIENT_SECRET_PREFIX,
            lifetime=asked.lifetime,
            renew_before=asked.renew_before,
            renew_before_percentage=asked.renew_before_percentage,
            overlap=asked.overlap,
            value_digest=asked.value_digest,
        )


class RevokedToken(Model, frozen=True, kw_only=True):
    """An access token that was revoked before its time."""

    id: Annotated[str, described("jti of the token.", max_length=256)]
    expires_at: Annotated[
        Instant, described("When it would have expired; afterwards it need not be remembered.")
    ]


class ClientApplicationStatus(TokenStatus, frozen=True, kw_only=True):
    """What the operator found and did, and which access tokens gates were asked to revoke."""

    client_id: Annotated[
        str,
        described(
            "The client id that the application has; empty while another has it.", max_length=128
        ),
    ] = ""
    tokens: Annotated[
        tuple[TokenRecord, ...],
        described(
            "The present client secret and those superseded; what is not recorded here is refused.",
            max_items=8,
            list_type="atomic",
        ),
    ] = msgspec.field(name="secrets", default=())
    revoked_tokens: Annotated[
        tuple[RevokedToken, ...],
        described(
            "Access tokens that are inactive although their time is not over; written by gates.",
            max_items=MAX_REVOKED_TOKENS,
            list_type="atomic",
        ),
    ] = ()


class ClientApplication(Model, frozen=True, kw_only=True):
    """A machine client of OAuth 2.0: client id and client secret are delivered in a Secret."""

    RULES: ClassVar[tuple[Rule, ...]] = MINTED_ROOT_RULES

    metadata: ObjectMeta
    spec: Annotated[
        ClientApplicationSpec,
        described(
            "What the application is called, what its access tokens may do, and its client secret."
        ),
    ]
    status: Annotated[
        ClientApplicationStatus, described("What was issued; written by the operator.")
    ] = ClientApplicationStatus()

    @property
    def client_id(self) -> str:
        """The client id that the application claims, whether or not it has it."""
        return self.spec.client_id or self.default_client_id

    @property
    def default_client_id(self) -> str:
        """The client id that nobody has to grant. Unambiguous: a namespace has no dot."""
        return f"{self.metadata.namespace}.{self.metadata.name}"
