"""Words of the status: states, condition types, and reasons with what to do about each."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class State(StrEnum):
    """Summary of a resource, for people and for the column State."""

    REQUESTED = "Requested"
    PENDING = "Pending"
    ACTIVE = "Active"
    SUSPENDED = "Suspended"
    EXPIRED = "Expired"
    REVOKED = "Revoked"
    FAILED = "Failed"


class ConditionType(StrEnum):
    """Aspects that a resource has conditions about."""

    READY = "Ready"
    APPROVED = "Approved"
    RENEWAL_FAILING = "RenewalFailing"
    STALLED = "Stalled"
    REVOKED = "Revoked"
    RESTARTS_SUCCEEDED = "RestartsSucceeded"


class Reason(StrEnum):
    """Why a condition is what it is; `REASONS` says of each what it means and what to do."""

    ISSUED = "Issued"
    RENEWED = "Renewed"
    ROTATED = "Rotated"
    AWAITING_APPROVAL = "AwaitingApproval"
    DENIED = "Denied"
    REVOKED = "Revoked"
    SUSPENDED = "Suspended"
    EXPIRED = "Expired"
    SECRET_MISSING = "SecretMissing"  # noqa: S105 - a reason, not a secret
    SECRET_EDITED = "SecretEdited"  # noqa: S105 - a reason, not a secret
    SECRET_CONFLICT = "SecretConflict"  # noqa: S105 - a reason, not a secret
    ISSUER_NOT_FOUND = "IssuerNotFound"
    ISSUER_NOT_READY = "IssuerNotReady"
    NOT_GRANTED = "NotGranted"
    SCOPE_UNKNOWN = "ScopeUnknown"
    ROLE_UNKNOWN = "RoleUnknown"
    LIFETIME_TOO_LONG = "LifetimeTooLong"
    TOKEN_TOO_LARGE = "TokenTooLarge"  # noqa: S105 - a reason, not a secret
    TEMPLATE_INVALID = "TemplateInvalid"
    TOO_MANY_ISSUES = "TooManyIssues"
    TOO_MANY_TOKENS = "TooManyTokens"
    SCHEDULE_INVALID = "ScheduleInvalid"
    CLOCK_SKEW = "ClockSkew"
    CLIENT_ID_CONFLICT = "ClientIdConflict"
    DIGEST_CONFLICT = "DigestConflict"
    SIGNER_MISMATCH = "SignerMismatch"
    KEYS_LOST = "KeysLost"
    ISSUER_CONFLICT = "IssuerConflict"
    WRITE_FAILED = "WriteFailed"
    KEYS_PUBLISHED = "KeysPublished"


@dataclass(frozen=True, slots=True)
class ReasonDoc:
    """What a reason means, and what somebody who reads it does about it."""

    meaning: str
    action: str
    stalled: bool = False
    """Whether somebody must change spec, issuer or Secret before anything can happen."""


_NOTHING: Final = "Nothing."

REASONS: Final[Mapping[Reason, ReasonDoc]] = MappingProxyType(
    {
        Reason.ISSUED: ReasonDoc("The first token is in its Secret and active.", _NOTHING),
        Reason.RENEWED: ReasonDoc(
            "The token was renewed, on schedule or because its rights changed.", _NOTHING
        ),
        Reason.ROTATED: ReasonDoc("The token was renewed because somebody asked.", _NOTHING),
        Reason.AWAITING_APPROVAL: ReasonDoc(
            "The issuer wants these rights approved before a token is issued.",
            "Ask somebody with the verb approve; changing the rights asks anew.",
        ),
        Reason.DENIED: ReasonDoc(
            "Somebody refused these rights.",
            "Ask for other rights, or have the condition Approved changed.",
            stalled=True,
        ),
        Reason.REVOKED: ReasonDoc(
            "The resource was revoked: all of its tokens are inactive and the Secret is removed.",
            "If a token is needed again, create a resource of another name, or delete this one "
            "and create it anew.",
        ),
        Reason.SUSPENDED: ReasonDoc(
            "Nothing new is issued, since spec.suspend is true.",
            "Remove spec.suspend when issuing may go on.",
        ),
        Reason.EXPIRED: ReasonDoc(
            "The token has expired and no renewal replaced it.",
            "See the message for what keeps it from being renewed; with delivery Caller, ask for "
            "a new token.",
            stalled=True,
        ),
        Reason.SECRET_MISSING: ReasonDoc(
            "The Secret is gone; the next revision is being issued.",
            "If it happens again, find out who deletes the Secret, such as a GitOps tool that "
            "prunes it.",
        ),
        Reason.SECRET_EDITED: ReasonDoc(
            "Somebody changed the token in the Secret; the next revision is being issued.",
            "If it happens again, find out who writes to the Secret: the operator owns its data.",
        ),
        Reason.SECRET_CONFLICT: ReasonDoc(
            "A Secret of that name belongs to somebody else, and is left alone.",
            "Delete or rename that Secret, create the resource with another spec.secret.name, or "
            "allow its adoption with adoptionPolicy and the annotation mintmaster.dev/adopt-by.",
            stalled=True,
        ),
        Reason.ISSUER_NOT_FOUND: ReasonDoc(
            "There is no TokenIssuer of the name in spec.issuerRef.",
            "Create it; a wrong name cannot be changed: create the resource anew.",
        ),
        Reason.ISSUER_NOT_READY: ReasonDoc(
            "The issuer cannot mint at present.",
            "See the conditions of the TokenIssuer.",
        ),
        Reason.NOT_GRANTED: ReasonDoc(
            "No single grant of the issuer covers all rights that are asked for here, or the "
            "subject is denied.",
            "Ask for less, or have spec.grants of the TokenIssuer widened.",
            stalled=True,
        ),
        Reason.SCOPE_UNKNOWN: ReasonDoc(
            "A scope is not among those of the issuer.",
            "Correct the scope, or have it added to spec.scopes of the TokenIssuer.",
            stalled=True,
        ),
        Reason.ROLE_UNKNOWN: ReasonDoc(
            "A role is not among those of the issuer.",
            "Correct the role, or have it added to spec.roles of the TokenIssuer.",
            stalled=True,
        ),
        Reason.LIFETIME_TOO_LONG: ReasonDoc(
            "The lifetime asked for exceeds the issuer's limits.maxLifetime, or no expiry was "
            "asked for without a grant of unlimited.",
            "Ask for a shorter spec.token.lifetime, or have the limit raised.",
            stalled=True,
        ),
        Reason.TOKEN_TOO_LARGE: ReasonDoc(
            "The token would exceed 4096 bytes.",
            "Ask for fewer scopes, roles, projects or audiences, or for format Opaque.",
            stalled=True,
        ),
        Reason.TEMPLATE_INVALID: ReasonDoc(
            "The templates cannot be rendered, or exceed 64 KiB; the Secret stays as it is.",
            "Correct spec.secret.template: the message names the key and the placeholder.",
            stalled=True,
        ),
        Reason.TOO_MANY_ISSUES: ReasonDoc(
            "Drift and requests have used up the issuer's budget for the hour.",
            "Wait, and find out who edits the Secret or asks for rotations; scheduled renewals go "
            "on.",
        ),
        Reason.TOO_MANY_TOKENS: ReasonDoc(
            "As many superseded tokens are still active as the status can hold.",
            "Wait until an overlap ends, or shorten spec.token.overlap.",
        ),
        Reason.SCHEDULE_INVALID: ReasonDoc(
            "The renewal or the overlap does not fit the lifetime that applies.",
            "Correct renewBefore, renewBeforePercentage or overlap, or ask for a longer lifetime.",
            stalled=True,
        ),
        Reason.CLOCK_SKEW: ReasonDoc(
            "The operator's clock is more than 30 seconds apart from the API server's: nothing is "
            "minted.",
            "Have the clocks of the nodes put right.",
        ),
        Reason.CLIENT_ID_CONFLICT: ReasonDoc(
            "Another application of the issuer has the client id, or had it when this one asked.",
            "Name another client id in a new resource. One that becomes free passes to nobody by "
            "itself: if it is meant for this application, edit its spec, or create it anew.",
            stalled=True,
        ),
        Reason.DIGEST_CONFLICT: ReasonDoc(
            "The digest stands in an older resource, too, which keeps it.",
            "Ask for a new token; no two resources can share one.",
            stalled=True,
        ),
        Reason.SIGNER_MISMATCH: ReasonDoc(
            "The issuer is not signed by the process that would have to mint this token.",
            "Refer to an issuer whose spec.signer fits: Gate for applications, Operator for all "
            "else.",
        ),
        Reason.KEYS_LOST: ReasonDoc(
            "The signing keys are missing or damaged; nothing is minted, and they are not "
            "replaced in silence.",
            "Restore the Secret of the issuer's keys from a backup, or withdraw the lost keys "
            "with spec.withdrawnKeys.",
        ),
        Reason.ISSUER_CONFLICT: ReasonDoc(
            "An older TokenIssuer has the same url.",
            "Delete this issuer, and create it with a url of its own.",
            stalled=True,
        ),
        Reason.KEYS_PUBLISHED: ReasonDoc(
            meaning="The issuer has a key that signs, and its public keys stand in its status.",
            action=_NOTHING,
        ),
        Reason.WRITE_FAILED: ReasonDoc(
            "The Secret or another object could not be written: a quota, an admission policy, or "
            "a namespace that is going. It is tried again, less and less often.",
            "See the message for what refused it, and make room or allow it.",
        ),
    }
)

STALLED_REASONS: Final = frozenset(reason for reason, doc in REASONS.items() if doc.stalled)
"""Reasons that set the condition Stalled: nothing happens until somebody changes something."""
