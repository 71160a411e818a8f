"""Claims of a JWT access token (RFC 9068, section 2.2), their form as types, and their JSON."""

import re
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from mintmaster.tokens.scopes import SCOPE_PATTERN
from mintmaster.tokens.strict_json import FORBIDDEN_CHARACTERS

LATEST_NUMERIC_DATE = 253_402_300_799
"""Last second of the year 9999, in seconds since 1970: beyond it, instants cannot be calculated
with."""

_TEXT = rf"[^{FORBIDDEN_CHARACTERS}]*\Z"

Text = Annotated[str, Meta(min_length=1, pattern=f"^{_TEXT}")]
"""Not empty, and without `FORBIDDEN_CHARACTERS`."""

_PATTERN_OF_NAMES = f"^(?!system:){_TEXT}"

Name = Annotated[str, Meta(min_length=1, pattern=_PATTERN_OF_NAMES)]
"""Text that a consumer may take for a user or a group. `system:` belongs to Kubernetes, which does
not itself forbid it to tokens: `system:masters` as a role would make whoever maps roles to groups
hand out their cluster."""

Subject = Annotated[str, Meta(min_length=1, max_length=255, pattern=_PATTERN_OF_NAMES)]
"""A name of at most 255 characters (OpenID Connect Core, section 2)."""

Scope = Annotated[str, Meta(pattern=SCOPE_PATTERN)]
"""See `mintmaster.tokens.scopes`."""

NumericDate = Annotated[int, Meta(ge=0, le=LATEST_NUMERIC_DATE)]
"""Whole seconds since 1970 (RFC 7519, section 2, allows fractions; we do not)."""


class ClaimsMalformed(ValueError):
    """Claims that break a rule of form. The message names claim and rule, never a value."""


class ResourceClaim(Struct, frozen=True, kw_only=True):
    """The resource that the token was minted for; its UID is what binds the token to it."""

    kind: Text
    namespace: Text
    name: Text
    uid: Text
    revision: Annotated[int, Meta(ge=1)]


class StatusListEntry(Struct, frozen=True, kw_only=True):
    """Where to ask whether the token is still good: entry `idx`, from 0, of the list at `uri`."""

    idx: Annotated[int, Meta(ge=0)]
    uri: Text


class StatusClaim(Struct, frozen=True, kw_only=True):
    """The claim `status` of the Token Status List draft."""

    status_list: StatusListEntry


class ActorClaim(Struct, frozen=True, kw_only=True):
    """Who acts for the subject (RFC 8693, section 4.1)."""

    sub: Name


class AccessTokenClaims(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a token says. The order of the fields is the order of the claims in the token.

    Roles and projects are always written, even if empty: a consumer must not take a missing list
    for "all".
    """

    iss: Text
    sub: Subject
    aud: Annotated[tuple[Text, ...], Meta(min_length=1)]
    exp: NumericDate
    iat: NumericDate
    jti: Text
    client_id: Name
    scope: Scope = ""
    roles: tuple[Name, ...]
    projects: tuple[Name, ...]
    email: Name | None = None
    preferred_username: Name | None = None
    act: ActorClaim | None = None
    status: StatusClaim | None = None
    resource: ResourceClaim = msgspec.field(name="mintmaster.dev")


def encode(claims: AccessTokenClaims) -> bytes:
    """Write claims as compact JSON; ClaimsMalformed for what `from_object` would refuse."""
    try:
        payload = _ENCODER.encode(claims)
        _DECODER.decode(payload)
    except msgspec.ValidationError as error:
        reason = _reason(error)
    except UnicodeEncodeError:
        reason = "a claim has a lone surrogate"
    else:
        return payload
    raise ClaimsMalformed(reason)


def from_object(members: dict[str, object]) -> AccessTokenClaims:
    """Read claims from a JSON object, ignoring those we do not know (RFC 7519, section 4).

    A single audience may be a string (section 4.1.3). ClaimsMalformed where a claim is missing or
    of the wrong form.
    """
    audience = members.get("aud")
    if isinstance(audience, str):
        members = members | {"aud": [audience]}
    try:
        return msgspec.convert(members, AccessTokenClaims)
    except msgspec.ValidationError as error:
        reason = _reason(error)
    raise ClaimsMalformed(reason)


def _reason(error: msgspec.ValidationError) -> str:
    """Return the message without regular expressions, which tell a reader nothing."""
    return re.sub(r" matching regex '.*'", " of the allowed form", str(error))


_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(AccessTokenClaims)
