"""TokenIssuer: who mints tokens, with which keys and limits, and what each namespace may have."""

from enum import StrEnum
from typing import Annotated, ClassVar

import msgspec

from mintmaster.api.grants import Grant
from mintmaster.api.meta import ObjectMeta
from mintmaster.api.schema import (
    DNS_LABEL,
    MAX_SUBJECT_LENGTH,
    NAME_RULE,
    Audience,
    Instant,
    Model,
    Role,
    Rule,
    Scope,
    described,
    duration,
    is_duration,
    unchanged,
    unique,
    unique_names,
)
from mintmaster.api.status import Conditions


class Signer(StrEnum):
    """Which process holds the keys of an issuer."""

    OPERATOR = "Operator"
    GATE = "Gate"


class SigningAlgorithm(StrEnum):
    """Algorithms of RFC 7518 and RFC 8037 that tokens are signed with."""

    ES256 = "ES256"
    RS256 = "RS256"
    EDDSA = "EdDSA"


class ApprovalMode(StrEnum):
    """Whether somebody must approve the rights of a token before it is issued."""

    AUTOMATIC = "Automatic"
    MANUAL = "Manual"


class CompatibleApi(StrEnum):
    """Foreign APIs that gates can answer."""

    GITLAB = "GitLab"
    RUN_AI = "RunAi"
    REANA = "Reana"
    PROJECT_W = "ProjectW"


class Signing(Model, frozen=True, kw_only=True):
    """Keys and their change."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            f"!{is_duration('self.publishBefore')} || !{is_duration('self.keyLifetime')} "
            "|| duration(self.publishBefore) < duration(self.keyLifetime)",
            "publishBefore must be shorter than keyLifetime",
            ".publishBefore",
        ),
    )

    algorithm: Annotated[
        SigningAlgorithm,
        described("Algorithm of the keys: ES256 (default), RS256 or EdDSA."),
    ] = SigningAlgorithm.ES256
    key_lifetime: Annotated[
        str,
        duration(
            "keyLifetime",
            "How long a key signs before the next one takes over; 2160h (90 days) by default. A "
            "retired key stays published until the last token that it signed has expired.",
            at_least="1h",
        ),
    ] = "2160h"
    publish_before: Annotated[
        str,
        duration(
            "publishBefore",
            "How long the next key is published before it signs, so that verifiers know it in "
            "time; 1h by default, less than keyLifetime.",
            at_least="1m",
        ),
    ] = "1h"


class Limits(Model, frozen=True, kw_only=True):
    """Bounds on what this issuer mints."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            f"!{is_duration('self.defaultLifetime')} || !{is_duration('self.maxLifetime')} "
            "|| duration(self.defaultLifetime) <= duration(self.maxLifetime)",
            "defaultLifetime (720h if left out) must not exceed maxLifetime",
            ".defaultLifetime",
        ),
    )

    default_lifetime: Annotated[
        str,
        duration(
            "defaultLifetime",
            "Lifetime of tokens that ask for none; 720h (30 days) by default, at most maxLifetime.",
            at_least="10m",
        ),
    ] = "720h"
    max_lifetime: Annotated[
        str,
        duration(
            "maxLifetime",
            "Longest lifetime that may be asked for; 8760h (a year) by default. With signer Gate "
            "at most 24h, which must then be said.",
            at_least="10m",
        ),
    ] = "8760h"
    issues_per_hour: Annotated[
        int,
        described(
            "How many tokens drift and requests may cause per resource in an hour; 10 by default. "
            "First issues and scheduled renewals do not count.",
            minimum=1,
            maximum=360,
        ),
    ] = 10
    issues_per_hour_per_namespace: Annotated[
        int,
        described(
            "The same for all resources of a namespace together; 600 by default.",
            minimum=1,
            maximum=1_000_000,
        ),
    ] = 600
    max_staleness: Annotated[
        str,
        duration(
            "maxStaleness",
            "How old a gate's knowledge may become while it cannot reach the API server; 10m by "
            "default. Beyond it the gate answers 503 rather than something wrong.",
            at_least="10s",
        ),
    ] = "10m"


class Approval(Model, frozen=True, kw_only=True):
    """Whose tokens somebody must approve."""

    user_access_tokens: Annotated[
        ApprovalMode,
        described(
            "Automatic (default), or Manual: a UserAccessToken waits until somebody with the verb "
            "approve sets its condition Approved."
        ),
    ] = ApprovalMode.AUTOMATIC
    runner_registrations: Annotated[
        ApprovalMode, described("The same for RunnerRegistrations; Automatic by default.")
    ] = ApprovalMode.AUTOMATIC
    client_applications: Annotated[
        ApprovalMode, described("The same for ClientApplications; Automatic by default.")
    ] = ApprovalMode.AUTOMATIC


class ScopeDefinition(Model, frozen=True, kw_only=True):
    """A scope that may be asked for."""

    name: Annotated[Scope, described("Name of the scope, such as read_api.")]
    description: Annotated[
        str, described("What the scope allows, for people.", max_length=1024)
    ] = ""


class RoleDefinition(Model, frozen=True, kw_only=True):
    """A role that may be asked for."""

    name: Annotated[Role, described("Name of the role, such as Researcher.")]
    description: Annotated[str, described("What the role is for.", max_length=1024)] = ""
    scopes: Annotated[
        tuple[Scope, ...],
        unique(
            "scopes",
            "Scopes that the role gives; each must be one of the issuer's. A change applies to a "
            "token at its next issue, a removal at once.",
            max_items=32,
        ),
    ] = ()


KeyID = Annotated[str, described(min_length=1, max_length=128, pattern="^[A-Za-z0-9_-]+$")]
SubjectPattern = Annotated[
    str, described(min_length=1, max_length=MAX_SUBJECT_LENGTH, pattern="^[!-~]+$")
]


class TokenIssuerSpec(Model, frozen=True, kw_only=True):
    """Who mints tokens, with which keys and limits, and what each namespace may have."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        unchanged("url", "url cannot be changed: every verifier knows it; create a new issuer"),
        unchanged("signer", "signer cannot be changed: create a new issuer"),
        Rule(
            f"self.signer != 'Gate' || !{is_duration('self.limits.maxLifetime')} "
            "|| duration(self.limits.maxLifetime) <= duration('24h')",
            "signer Gate demands limits.maxLifetime of at most 24h: what a gate mints is recorded "
            "nowhere, and lives until it expires",
            ".limits.maxLifetime",
        ),
        Rule(
            # A nested exists() passes the estimate, but at 64 x 32 exceeds the cost limit when run.
            "!has(self.roles) || self.roles.all(r, !has(r.scopes) || has(self.scopes) && "
            "sets.contains(self.scopes.map(d, d.name), r.scopes))",
            "roles must name only scopes that stand in scopes",
            ".roles",
        ),
    )

    url: Annotated[
        str,
        described(
            "The claim iss of all tokens, byte for byte, such as https://tokens.example.org: "
            "https, a host in lower case, no user, query or fragment. Verifiers find the keys "
            "below it. It cannot be changed, and no two issuers can share it.",
            max_length=512,
            pattern=(
                "^https://([a-z0-9]([a-z0-9.-]*[a-z0-9])?|\\[[0-9a-f:.]+\\])(:[0-9]{1,5})?"
                "(/[A-Za-z0-9._~%!$&'()*+,;=:@-]+)*/?$"
            ),
        ),
    ]
    signer: Annotated[
        Signer,
        described(
            "Who holds the keys: Operator, for tokens in Secrets, or Gate, for short-lived tokens "
            "made over HTTP. Never both; it cannot be changed."
        ),
    ]
    audiences: Annotated[
        tuple[Audience, ...],
        unique(
            "audiences",
            "Audiences of tokens that ask for none; always granted. At least one.",
            max_items=8,
            min_items=1,
        ),
    ]
    signing: Annotated[Signing, described("Keys and their change.")] = Signing()
    limits: Annotated[Limits, described("Bounds on what this issuer mints.")] = Limits()
    approval: Annotated[Approval, described("Whose tokens somebody must approve.")] = Approval()
    scopes: Annotated[
        tuple[ScopeDefinition, ...],
        described(
            "Scopes that exist; one that is not listed cannot be asked for. Up to 64.",
            max_items=64,
            list_type="atomic",
            rules=(unique_names("scopes"),),
        ),
    ] = ()
    roles: Annotated[
        tuple[RoleDefinition, ...],
        described(
            "Roles that exist, and the scopes that each gives. Up to 64.",
            max_items=64,
            list_type="atomic",
            rules=(unique_names("roles"),),
        ),
    ] = ()
    grants: Annotated[
        tuple[Grant, ...],
        described(
            "What each namespace may have; what is not granted is not minted. One entry must cover "
            "all rights of a token: entries do not add up. Up to 256.",
            max_items=256,
            list_type="atomic",
        ),
    ] = ()
    withdrawn_keys: Annotated[
        tuple[KeyID, ...],
        unique(
            "withdrawnKeys",
            "Keys, by kid, that count no longer: they are unpublished at once, and everything that "
            "they signed is issued anew.",
            max_items=64,
        ),
    ] = ()
    denied_subjects: Annotated[
        tuple[SubjectPattern, ...],
        unique(
            "deniedSubjects",
            "Subjects, or patterns with *, that get no token whatever is granted; their present "
            "tokens become inactive.",
            max_items=64,
        ),
    ] = ()
    not_before: Annotated[
        Instant | None,
        described("Everything issued earlier is inactive; for recovery after a disaster."),
    ] = None
    status_list: Annotated[
        bool,
        described(
            "Whether tokens name a status list, by which offline verifiers see revocations; false "
            "by default."
        ),
    ] = False
    compatible_apis: Annotated[
        tuple[CompatibleApi, ...],
        unique("compatibleApis", "Foreign APIs that gates answer for this issuer.", max_items=4),
    ] = ()
    api_namespace: Annotated[
        str,
        described(
            "Namespace of the resources that are made over HTTP; mintmaster-api by default.",
            min_length=1,
            max_length=63,
            pattern=DNS_LABEL,
        ),
    ] = "mintmaster-api"


class KeyState(StrEnum):
    """What a key may do, as the operator writes it into the status."""

    NEXT = "Next"
    ACTIVE = "Active"
    RETIRED = "Retired"
    WITHDRAWN = "Withdrawn"


class KeyRecord(Model, frozen=True, kw_only=True):
    """The public half of a key."""

    id: Annotated[str, described("kid: the RFC 7638 thumbprint of the key.", max_length=128)]
    algorithm: Annotated[str, described("Algorithm of the key, such as ES256.", max_length=32)]
    state: Annotated[
        str,
        described(
            "Next (published, signs later), Active (signs), Retired (verifies only) or Withdrawn "
            "(counts no longer).",
            max_length=63,
        ),
    ]
    public_jwk: Annotated[
        dict[str, Annotated[str, described(max_length=2048)]],
        described("The public key as a JWK (RFC 7517).", max_properties=16),
    ] = msgspec.field(default_factory=dict)
    not_before: Annotated[Instant | None, described("When the key begins, or began, to sign.")] = (
        None
    )
    retire_at: Annotated[
        Instant | None, described("When the key stops signing; once retired, when it goes.")
    ] = None


class TokenIssuerStatus(Model, frozen=True, kw_only=True):
    """What the operator found and did."""

    observed_generation: Annotated[
        int,
        described("The metadata.generation that this status was computed for; -1 for none yet."),
    ] = -1
    conditions: Conditions = ()
    keys: Annotated[
        tuple[KeyRecord, ...],
        described(
            "Keys whose tokens may be good, and those withdrawn.", max_items=128, list_type="atomic"
        ),
    ] = ()


class TokenIssuer(Model, frozen=True, kw_only=True):
    """Who mints tokens, with which keys and limits, and what each namespace may have."""

    RULES: ClassVar[tuple[Rule, ...]] = (NAME_RULE,)

    metadata: ObjectMeta
    spec: Annotated[
        TokenIssuerSpec,
        described("URL, keys, limits, scopes, roles and grants of the issuer."),
    ]
    status: Annotated[
        TokenIssuerStatus, described("Keys and conditions; written by the operator.")
    ] = TokenIssuerStatus()
