"""Why a resource needs a new token: a chain of pure checks, the first that finds something wins (I1)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

import msgspec

from mintmaster.api import durations
from mintmaster.api.reasons import Reason
from mintmaster.api.token_spec import Delivery, Format
from mintmaster.lifecycle import rights, schedule
from mintmaster.lifecycle.facts import inside_its_time
from mintmaster.lifecycle.ownership import Claim
from mintmaster.tokens import opaque

if TYPE_CHECKING:
    from collections.abc import Callable

    from mintmaster.api.status import TokenRecord
    from mintmaster.lifecycle.facts import Facts


class CauseKind(Enum):
    """What sort of reason there is for an issue; budget and overlap depend on it."""

    FIRST = "no token of this life is on record"
    WITHDRAWN = "the issuer has voided the token: its key, its age, or its rights"
    SCHEDULED = "the current token nears its end"
    EDIT = "the spec asks for another token than was issued"
    DRIFT = "the Secret does not hold the current token"
    REQUEST = "somebody asked for a rotation"


EXEMPT = frozenset({CauseKind.FIRST, CauseKind.WITHDRAWN, CauseKind.SCHEDULED})
"""Issues that the budget neither counts nor stops (I12)."""

DEFERRABLE = frozenset({CauseKind.SCHEDULED, CauseKind.REQUEST})
"""Issues before which the current token is still what was asked for: Ready stays true while they wait."""


@dataclass(frozen=True, slots=True)
class Cause:
    """Why an issue is due: what becomes the reason of the Event, and a sentence."""

    kind: CauseKind
    reason: Reason
    message: str

    @property
    def outcome(self) -> Reason:
        """The reason of `Ready` once the issue is done."""
        return _OUTCOMES[self.kind]


_OUTCOMES = {
    CauseKind.FIRST: Reason.ISSUED,
    CauseKind.WITHDRAWN: Reason.RENEWED,
    CauseKind.SCHEDULED: Reason.RENEWED,
    CauseKind.EDIT: Reason.ISSUED,
    CauseKind.DRIFT: Reason.RENEWED,
    CauseKind.REQUEST: Reason.ROTATED,
}


def cause_of_issue(facts: Facts) -> Cause | None:
    """Why the resource needs a new token now, or None. Only where the issuer is known."""
    current = facts.current
    if current is None:
        return Cause(CauseKind.FIRST, Reason.ISSUED, "No token has been issued yet.")
    return next((cause for check in _CHECKS if (cause := check(facts, current))), None)


def unfit(facts: Facts, current: TokenRecord) -> Cause | None:
    """Why a token is not what is wanted, wherever it was delivered to; looks at no Secret and no schedule."""
    return next((cause for check in _FITNESS if (cause := check(facts, current))), None)


def is_void(facts: Facts, token: TokenRecord) -> bool:
    """Whether a token must not be honoured any longer, whatever its time; it gets no overlap then (I5).

    So it is when its key was withdrawn, when the issuer voided what is older, when its rights exceed what is
    wanted or granted today, and when a caller's token was taken back or outlives a lifetime that was shortened.
    """
    return (
        _withdrawn(facts, token) is not None
        or _exceeds(facts, token)
        or taken_back(facts)
        or outlived(facts, token)
    )


def taken_back(facts: Facts) -> bool:
    """Whether a caller's token has no digest in the spec any more."""
    spec = facts.resource.spec
    return spec.delivery == Delivery.CALLER and spec.token.value_digest is None


def outlived(facts: Facts, token: TokenRecord) -> bool:
    """Whether a caller's token is older than the lifetime that the spec names today."""
    spec = facts.resource.spec
    if spec.delivery != Delivery.CALLER or spec.token.lifetime is None:
        return False
    return facts.now >= token.issued_at + durations.parse(spec.token.lifetime)


def _exceeds(facts: Facts, token: TokenRecord) -> bool:
    """Whether a token may do more than is wanted.

    Where the spec names no audiences, the record has the issuer's defaults of that day. Other defaults alone make
    nothing void; whether the old ones are still granted is asked elsewhere.
    """
    wanted = facts.wanted_rights
    if not facts.resource.spec.token.audiences:
        wanted = msgspec.structs.replace(wanted, audiences=token.rights.audiences)
    return rights.exceeds(token.rights, wanted)


def voided_by_age(facts: Facts, token: TokenRecord) -> bool:
    """Whether the issuer voids whatever is as old as this token (`spec.notBefore`)."""
    not_before = facts.known_issuer.spec.not_before
    return not_before is not None and token.issued_at < not_before


def _withdrawn(facts: Facts, token: TokenRecord) -> Cause | None:
    issuer = facts.known_issuer
    if facts.client_id_refused:
        return Cause(
            CauseKind.WITHDRAWN,
            Reason.CLIENT_ID_CONFLICT,
            "Another application has the client id.",
        )
    if token.key_id and token.key_id in issuer.withdrawn:
        return Cause(
            CauseKind.WITHDRAWN, Reason.RENEWED, "The key that signed the token was withdrawn."
        )
    if token.key_id and issuer.key_ids and token.key_id not in issuer.key_ids:
        # A restored backup brought back other keys, or a leader signed with one that it alone knew.
        return Cause(
            CauseKind.WITHDRAWN,
            Reason.RENEWED,
            "The issuer has no such key as the one that signed the token.",
        )
    if token.revision < facts.revision_floor:
        return Cause(
            CauseKind.WITHDRAWN,
            Reason.RENEWED,
            "A restored backup brought back a superseded token.",
        )
    if voided_by_age(facts, token):
        return Cause(
            CauseKind.WITHDRAWN, Reason.RENEWED, "The issuer voids tokens as old as this one."
        )
    if facts.not_granted(token.rights):
        return Cause(
            CauseKind.WITHDRAWN,
            Reason.RENEWED,
            "The issuer does not grant the token's rights any more.",
        )
    return None


def _due(facts: Facts, current: TokenRecord) -> Cause | None:
    renew_at = schedule.renewal_of(current, facts.resource.spec.token, facts.uid)
    if renew_at is None or facts.now < renew_at:
        return None
    return Cause(CauseKind.SCHEDULED, Reason.RENEWED, "The token nears its expiry.")


def _cut_short(facts: Facts, current: TokenRecord) -> Cause | None:
    """The token was made inactive while what the spec asked for was refused, and now it is not."""
    if inside_its_time(current, facts.now):
        return None
    return Cause(CauseKind.EDIT, Reason.ISSUED, "The last token was made inactive before its time.")


def _rights_changed(facts: Facts, current: TokenRecord) -> Cause | None:
    wanted = facts.wanted_rights
    if _exceeds(facts, current):
        message = "The token has rights that are not wanted or not granted any more."
    elif rights.falls_short(current.rights, facts.resource):
        message = "The spec asks for other rights than the token has."
    elif facts.edit_pending and not rights.same(current.rights, wanted):
        message = "The spec was changed and asks for other rights than the token has."
    else:
        return None
    return Cause(CauseKind.EDIT, Reason.ISSUED, message)


def _form_changed(facts: Facts, current: TokenRecord) -> Cause | None:
    spec = facts.resource.spec.token
    if (Format.JWT if current.key_id else Format.OPAQUE) != spec.format:
        return Cause(CauseKind.EDIT, Reason.ISSUED, "The spec asks for another format.")
    if _lifetime_changed(facts, current):
        return Cause(CauseKind.EDIT, Reason.ISSUED, "The spec asks for another lifetime.")
    if spec.format == Format.OPAQUE and _prefix_changed(facts, current):
        return Cause(CauseKind.EDIT, Reason.ISSUED, "The spec asks for another prefix.")
    return None


def _lifetime_changed(facts: Facts, current: TokenRecord) -> bool:
    """A lifetime that the spec names always counts; an issuer's default only when the spec was edited."""
    if current.expires_at is None:
        return not facts.endless
    by_default = facts.resource.spec.token.lifetime is None and not facts.endless
    if by_default and not facts.edit_pending:
        return False
    return current.expires_at - current.issued_at != facts.wanted_lifetime


def _prefix_changed(facts: Facts, current: TokenRecord) -> bool:
    """Look at the token itself: no status field says which prefix it was made with."""
    token = facts.token_read(current)
    return token is not None and not opaque.checks_out(token, facts.resource.spec.token.prefix)


def _drifted(facts: Facts, current: TokenRecord) -> Cause | None:
    if facts.claim is Claim.FREE:
        return Cause(CauseKind.DRIFT, Reason.SECRET_MISSING, "The Secret was deleted.")
    if not facts.holds_secret:
        # A Secret of somebody else is an obstacle, found elsewhere; one to take over holds no token of ours.
        return Cause(
            CauseKind.DRIFT, Reason.SECRET_MISSING, "The Secret does not belong to the resource."
        )
    if facts.held_key(current) is None:
        return Cause(
            CauseKind.DRIFT, Reason.SECRET_EDITED, "The token in the Secret is not the current one."
        )
    if facts.reading is not None and not facts.reading.signature_holds:
        return Cause(
            CauseKind.DRIFT, Reason.SECRET_EDITED, "The signature of the token was tampered with."
        )
    return None


def _rotation_asked(facts: Facts, current: TokenRecord) -> Cause | None:  # noqa: ARG001 - a check's signature
    asked = facts.rotate_request
    if asked is None or asked == facts.status.last_rotate_request:
        return None
    return Cause(CauseKind.REQUEST, Reason.ROTATED, "A rotation was asked for.")


_FITNESS = (_withdrawn, _cut_short, _rights_changed)

_CHECKS: tuple[Callable[[Facts, TokenRecord], Cause | None], ...] = (
    _withdrawn,
    _due,
    _cut_short,
    _rights_changed,
    _form_changed,
    _drifted,
    _rotation_asked,
)
"""A scheduled renewal goes before drift and edits: it is exempt from the budget, so that no loop of edits by
somebody else can keep a token from being renewed in time (attacks 81)."""
