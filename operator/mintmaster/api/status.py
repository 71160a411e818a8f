"""Status of the minted kinds: what was issued, and what the operator found."""

from typing import Annotated

import msgspec

from mintmaster.api.meta import Condition
from mintmaster.api.rights import Rights
from mintmaster.api.schema import DIGEST_PATTERN, Instant, Model, described

Conditions = Annotated[
    # Atomic items halve what managedFields take; each has one owner anyway.
    tuple[Annotated[Condition, described(map_type="atomic")], ...],
    described(
        "What holds now: Ready, and where they apply Approved, RenewalFailing, Stalled, Revoked "
        "and RestartsSucceeded.",
        max_items=16,
        list_type="map",
        list_map_keys=("type",),
    ),
]


class SecretRef(Model, frozen=True, kw_only=True):
    """The Secret that a token was delivered in."""

    name: Annotated[str, described("Name of the Secret.", max_length=253)]


class TokenRecord(Model, frozen=True, kw_only=True):
    """One issued token. It is active only while it is recorded here; the token itself never is."""

    id: Annotated[
        str, described("jti of the token: <uid>.<revision>.<128 random bits>.", max_length=256)
    ]
    revision: Annotated[int, described("Which issue of this resource it was.", minimum=0)]
    key_id: Annotated[
        str,
        described("kid of the key that signed it; empty for Opaque tokens.", max_length=128),
    ] = msgspec.field(name="keyID", default="")
    digest: Annotated[
        str,
        described(
            "SHA-256, in base64url, of an Opaque token or of the signing input of a JWT.",
            max_length=43,
            pattern=DIGEST_PATTERN,
        ),
    ]
    issued_at: Annotated[Instant, described("When it was issued.")]
    expires_at: Annotated[
        Instant | None, described("When it expires; none means that it does not.")
    ] = None
    valid_until: Annotated[
        Instant | None,
        described("Until when a superseded token stays active: the end of its overlap."),
    ] = None
    rights: Annotated[Rights, described("What it was granted when it was minted.")]
    status_index: Annotated[int | None, described("Its index in the status list.", minimum=0)] = (
        None
    )
    status_list: Annotated[
        str | None, described("URL of the status list that it is in.", max_length=512)
    ] = None


class TokenStatus(Model, frozen=True, kw_only=True):
    """What the operator found and did."""

    uid: Annotated[
        str,
        described(
            "UID of the resource that this status was written for; a status of another life, as "
            "after a restore, is void.",
            max_length=128,
        ),
    ] = ""
    id: Annotated[
        int | None,
        described("Number derived from the UID, for APIs that name tokens by numbers.", minimum=1),
    ] = None
    observed_generation: Annotated[
        int,
        described("The metadata.generation that this status was computed for; -1 for none yet."),
    ] = -1
    state: Annotated[
        str,
        described(
            "Summary: Requested, Pending, Active, Suspended, Expired, Revoked or Failed.",
            max_length=63,
        ),
    ] = ""
    revision: Annotated[int, described("How many issues there were.", minimum=0)] = 0
    secret_ref: Annotated[
        SecretRef | None, described("The Secret that the present token was delivered in.")
    ] = None
    issued_at: Annotated[Instant | None, described("When the present token was issued.")] = None
    expires_at: Annotated[Instant | None, described("When the present token expires.")] = None
    renew_at: Annotated[Instant | None, described("When the next renewal is due.")] = None
    not_before: Annotated[
        Instant | None, described("Tokens that were issued earlier are inactive.")
    ] = None
    tokens: Annotated[
        tuple[TokenRecord, ...],
        described(
            "The present token and those superseded; what is not recorded here is not active.",
            max_items=8,
            list_type="atomic",
        ),
    ] = ()
    recent_issues: Annotated[
        tuple[Instant, ...],
        described(
            "When tokens were issued because of drift or on request, for the issuer's budget.",
            max_items=512,
            list_type="atomic",
        ),
    ] = ()
    approved_rights_hash: Annotated[
        str | None,
        described("Hash of the rights that the approval was given for.", max_length=128),
    ] = None
    last_rotate_request: Annotated[
        str | None,
        described(
            "Value of the annotation mintmaster.dev/rotate that was handled last: what to wait "
            "for after a request.",
            # As long as the annotations of an object may be in all, so that any value fits.
            max_length=262144,
        ),
    ] = None
    conditions: Conditions = ()
