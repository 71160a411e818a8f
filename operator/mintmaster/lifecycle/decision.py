"""From facts to one plan: what is to be done about a resource now, and when to look again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from mintmaster.api.reasons import ConditionType, Reason
from mintmaster.api.token_spec import Delivery
from mintmaster.lifecycle import caller, schedule, secret_content
from mintmaster.lifecycle.causes import cause_of_issue, is_void
from mintmaster.lifecycle.conditions import find
from mintmaster.lifecycle.issuer_view import Obstacle
from mintmaster.lifecycle.obstacles import obstacle_to_issue
from mintmaster.lifecycle.restraints import restraint
from mintmaster.lifecycle.template import TemplateInvalid

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from mintmaster.api.rights import Rights
    from mintmaster.api.token_spec import Format
    from mintmaster.lifecycle.causes import Cause
    from mintmaster.lifecycle.facts import Facts


@dataclass(frozen=True, slots=True)
class Issue:
    """One issue to carry out. Two equal issues may share a token: a retry need not mint again (I3)."""

    cause: Cause
    revision: int
    rights: Rights
    format: Format
    prefix: str
    lifetime: timedelta | None
    """None: the token never expires (a client secret, or a caller's where the issuer allows that)."""
    overlap: timedelta
    """How long the superseded token stays active from now; zero where its rights shrank or its key was withdrawn."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do. The status is derived from the plan after it was carried out (`outcome.next_status`)."""

    issue: Issue | None = None
    cause: Cause | None = None
    """Why an issue is due, also where an obstacle stops it."""
    obstacle: Obstacle | None = None
    """Why what is due, or what the spec asks for, can't be had."""
    rewrite_secret: bool = False
    """Write the Secret anew around the token that it holds."""
    remove_secret: bool = False
    void: frozenset[str] = frozenset()
    """Ids of recorded tokens that must not be honoured any longer."""
    read_secret: bool = False
    """Read the Secret's content and decide again; nothing else is to be done now."""
    restart: bool = False
    """Roll the workloads that consume the Secret."""


def decide(facts: Facts) -> Plan | None:
    """Decide what to do about a resource; None: it is on its way out and nothing is (I8)."""
    if facts.is_going:
        return None
    if facts.resource.spec.revoked:
        return Plan(remove_secret=facts.holds_secret)
    obstacle = obstacle_to_issue(facts)
    if facts.issuer is None:
        return Plan(obstacle=obstacle)
    cause = caller.cause_of_issue(facts) if _is_for_caller(facts) else cause_of_issue(facts)
    if cause is not None:
        obstacle = obstacle or restraint(facts, cause)
        if obstacle is None:
            return Plan(issue=_issue(facts, cause), cause=cause, void=_void(facts))
    return _upkeep(facts, cause, obstacle)


def _upkeep(facts: Facts, cause: Cause | None, obstacle: Obstacle | None) -> Plan:
    """No issue now: keep the Secret and the consumers of the token that stands right.

    What holds up an issue is no reason not to repair, since that needs no token (I11).
    """
    rewrite = False
    if _keeps_token(facts):
        if _must_read(facts):
            return Plan(read_secret=True)
        try:
            rewrite = facts.reading is not None and _is_out_of_shape(facts)
        except TemplateInvalid as error:
            # Perhaps too large only with the values that this token fills in: the Secret stays as it is.
            obstacle = obstacle or Obstacle(Reason.TEMPLATE_INVALID, str(error))
    return Plan(
        cause=cause,
        obstacle=obstacle,
        rewrite_secret=rewrite,
        void=_void(facts),
        restart=_restart_pending(facts),
    )


def _keeps_token(facts: Facts) -> bool:
    """Whether the Secret holds the current token, as far as it was looked at.

    Around one whose signature was tampered with nothing is put right: it would pass for what was delivered.
    """
    if facts.current is None or facts.held_key(facts.current) is None:
        return False
    return facts.reading is None or facts.reading.signature_holds


def _issue(facts: Facts, cause: Cause) -> Issue:
    spec = facts.resource.spec.token
    shrunk = facts.current is not None and is_void(facts, facts.current)
    return Issue(
        cause=cause,
        revision=max(facts.status.revision, facts.revision_floor) + 1,
        rights=facts.wanted_rights,
        format=spec.format,
        prefix=spec.prefix,
        lifetime=facts.wanted_lifetime,
        overlap=timedelta() if shrunk else facts.schedule.overlap,
    )


def _void(facts: Facts) -> frozenset[str]:
    return frozenset(token.id for token in facts.live if is_void(facts, token))


def _must_read(facts: Facts) -> bool:
    """Whether digests alone can't tell if the Secret is as it should be."""
    if facts.reading is not None or facts.secret is None:
        return False
    return (
        facts.edit_pending
        or facts.content_suspect
        or not facts.secret.untouched
        or not secret_content.metadata_is_right(facts.kind, facts.resource, facts.secret)
        or _previous_is_over(facts)
        or _could_not_be_rendered(facts)
    )


def _previous_is_over(facts: Facts) -> bool:
    """Whether the Secret still shows a previous token whose overlap has ended."""
    key = facts.resource.spec.secret.previous_token_key
    if key is None or facts.secret is None or key not in facts.secret.value_digests:
        return False
    superseded = {token.digest for token in facts.live if token is not facts.current}
    return facts.secret.value_digests[key] not in superseded


def _could_not_be_rendered(facts: Facts) -> bool:
    """Whether the last look found the templates wanting, as only a look at the content can."""
    ready = find(facts.status.conditions, ConditionType.READY)
    return ready is not None and ready.reason == Reason.TEMPLATE_INVALID


def _is_out_of_shape(facts: Facts) -> bool:
    """Whether a Secret that was read has to be written again around the token that it holds."""
    return not secret_content.is_as_wanted(facts) or (
        facts.secret is not None
        and not secret_content.metadata_is_right(facts.kind, facts.resource, facts.secret)
    )


def _restart_pending(facts: Facts) -> bool:
    if not facts.resource.spec.restart:
        return False
    condition = find(facts.status.conditions, ConditionType.RESTARTS_SUCCEEDED)
    return condition is not None and condition.status != "True"


def _is_for_caller(facts: Facts) -> bool:
    return facts.resource.spec.delivery == Delivery.CALLER


def next_look(facts: Facts, obstacle: Obstacle | None = None) -> datetime | None:
    """When to look at a resource again although nothing changed; None: only a change can matter."""
    return min(_moments(facts, obstacle), default=None)


def _moments(facts: Facts, obstacle: Obstacle | None) -> Iterator[datetime]:
    """When time alone changes something: an obstacle's end, the renewal, the expiry, the end of an overlap."""
    if obstacle is not None and obstacle.retry_at is not None:
        yield obstacle.retry_at
    current = facts.current
    ends = [current.valid_until] if current is not None else []
    if current is not None and not _is_for_caller(facts):
        ends.append(schedule.renewal_of(current, facts.resource.spec.token, facts.uid))
    if facts.resource.spec.secret.previous_token_key:
        ends += [token.valid_until for token in facts.live]
    yield from (end for end in ends if end is not None and end > facts.now)
