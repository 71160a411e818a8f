"""The status that follows from a plan and from how it went: conditions, state, recorded tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from mintmaster.api.client_application import ClientApplicationStatus
from mintmaster.api.reasons import State
from mintmaster.api.status import SecretRef, TokenRecord
from mintmaster.api.token_spec import Delivery
from mintmaster.lifecycle import ownership, readiness, schedule
from mintmaster.lifecycle.approval import Approval, approval, wanted_hash
from mintmaster.lifecycle.causes import EXEMPT
from mintmaster.lifecycle.conditions import without_wording
from mintmaster.lifecycle.facts import inside_its_time
from mintmaster.lifecycle.identity import numeric_id
from mintmaster.lifecycle.merge_patch import difference
from mintmaster.lifecycle.restraints import within_window

if TYPE_CHECKING:
    from datetime import datetime

    from mintmaster.api.status import TokenStatus
    from mintmaster.lifecycle.decision import Issue, Plan
    from mintmaster.lifecycle.facts import Facts
    from mintmaster.lifecycle.readiness import Outcome
    from mintmaster.tokens.claims import StatusListEntry


def next_status(facts: Facts, plan: Plan, outcome: Outcome) -> TokenStatus:
    """The status after a plan was carried out; equal to the present one where nothing has to be said."""
    if facts.resource.spec.revoked:
        return _revoked(facts)
    problem = readiness.why_not_ready(facts, plan, outcome)
    status = msgspec.structs.replace(
        facts.status,
        uid=facts.uid,
        id=numeric_id(facts.uid),
        observed_generation=facts.resource.metadata.generation,
        tokens=_tokens(facts, plan, outcome),
        conditions=readiness.conditions(facts, plan, outcome, problem),
        approved_rights_hash=_approved_hash(facts),
    )
    if isinstance(status, ClientApplicationStatus) and facts.client_id_refused:
        status = msgspec.structs.replace(status, client_id="")
    if outcome.issued is not None and plan.issue is not None:
        status = _with_issue(facts, plan.issue, outcome.issued, status)
    return msgspec.structs.replace(
        status, renew_at=_renew_at(facts, status), state=readiness.state(facts, problem).value
    )


def record_of(  # noqa: PLR0913 - what a record consists of, by name
    issue: Issue,
    *,
    id_: str,
    key_id: str,
    digest: str,
    facts: Facts,
    status_entry: StatusListEntry | None = None,
) -> TokenRecord:
    """The record by which a token becomes active.

    A value that is recorded again, with other rights, keeps its age: no edit may make it young.
    """
    current = facts.current
    issued_at = current.issued_at if current and current.digest == digest else facts.now
    expires_at = issued_at + issue.lifetime if issue.lifetime is not None else None
    return TokenRecord(
        id=id_,
        revision=issue.revision,
        key_id=key_id,
        digest=digest,
        issued_at=issued_at,
        expires_at=expires_at,
        valid_until=expires_at,
        rights=issue.rights,
        status_index=status_entry.idx if status_entry is not None else None,
        status_list=status_entry.uri if status_entry is not None else None,
    )


def says_something_new(old: TokenStatus, new: TokenStatus) -> bool:
    """Whether a status has to be written: another wording alone is no reason to (I6)."""
    return _without_wording(old) != _without_wording(new)


def patch_of(old: TokenStatus, new: TokenStatus) -> dict[str, object]:
    """The merge patch that turns one status into another."""
    return difference(old, new)


def _revoked(facts: Facts) -> TokenStatus:
    return msgspec.structs.replace(
        facts.status,
        uid=facts.uid,
        id=numeric_id(facts.uid),
        observed_generation=facts.resource.metadata.generation,
        state=State.REVOKED.value,
        secret_ref=None,
        issued_at=None,
        expires_at=None,
        renew_at=None,
        tokens=(),
        approved_rights_hash=None,
        conditions=readiness.revoked_conditions(facts),
    )


def _with_issue(
    facts: Facts, issue: Issue, record: TokenRecord, status: TokenStatus
) -> TokenStatus:
    counted = () if issue.cause.kind in EXEMPT else (facts.now,)
    named = ownership.secret_name(facts.resource)
    return msgspec.structs.replace(
        _with_client_id(facts, status),
        revision=record.revision,
        issued_at=record.issued_at,
        expires_at=record.expires_at,
        secret_ref=SecretRef(name=named)
        if facts.resource.spec.delivery == Delivery.SECRET
        else None,
        recent_issues=(*within_window(facts.status.recent_issues, facts.now), *counted),
        last_rotate_request=facts.rotate_request,
    )


def _with_client_id(facts: Facts, status: TokenStatus) -> TokenStatus:
    """Record whose the client id is; and forget revoked access tokens whose time is over, since this is a write."""
    if facts.application is None or not isinstance(status, ClientApplicationStatus):
        return status
    return msgspec.structs.replace(
        status,
        client_id=facts.application.client_id,
        revoked_tokens=tuple(it for it in status.revoked_tokens if facts.now < it.expires_at),
    )


def _tokens(facts: Facts, plan: Plan, outcome: Outcome) -> tuple[TokenRecord, ...]:
    """The recorded tokens; without an issue nothing is pruned, since that would be a write for nothing (I2)."""
    recorded = facts.status.tokens
    if outcome.issued is not None and plan.issue is not None:
        return (outcome.issued, *_superseded(facts, plan, outcome.issued, plan.issue))
    if not plan.void:
        return recorded
    # The current record stays, inactive: it tells a token that was cut short from one that never was.
    return tuple(
        msgspec.structs.replace(token, valid_until=facts.now) if token.id in plan.void else token
        for token in recorded
    )


def _superseded(
    facts: Facts, plan: Plan, issued: TokenRecord, issue: Issue
) -> tuple[TokenRecord, ...]:
    end = facts.now + issue.overlap
    kept = (
        msgspec.structs.replace(token, valid_until=min(token.valid_until or end, end))
        for token in facts.live
        if token.id not in plan.void and token.digest != issued.digest
    )
    return tuple(token for token in kept if inside_its_time(token, facts.now))


def _approved_hash(facts: Facts) -> str | None:
    """The rights that an approval is pinned to; nothing is pinned while nobody has to approve."""
    if facts.issuer is None:
        return facts.status.approved_rights_hash
    return wanted_hash(facts) if approval(facts) is Approval.GIVEN else None


def _renew_at(facts: Facts, status: TokenStatus) -> datetime | None:
    """When the newest recorded token is due, by the spec as it is now."""
    if facts.resource.spec.delivery == Delivery.CALLER:
        return None
    newest = next((token for token in status.tokens if token.revision == status.revision), None)
    return schedule.renewal_of(newest, facts.resource.spec.token, facts.uid) if newest else None


def _without_wording(status: TokenStatus) -> TokenStatus:
    return msgspec.structs.replace(status, conditions=without_wording(status.conditions))
