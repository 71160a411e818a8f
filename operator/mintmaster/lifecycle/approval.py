"""Whether somebody who may approve has approved the rights that are asked for now."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from mintmaster.api.kinds import CLIENT_APPLICATION, RUNNER_REGISTRATION, USER_ACCESS_TOKEN
from mintmaster.api.reasons import ConditionType
from mintmaster.api.token_issuer import ApprovalMode
from mintmaster.lifecycle import rights
from mintmaster.lifecycle.conditions import find

if TYPE_CHECKING:
    from mintmaster.lifecycle.facts import Facts


class Approval(Enum):
    """What is known of the approval of a request."""

    NOT_NEEDED = "the issuer approves such requests by itself"
    GIVEN = "approved for just these rights"
    AWAITED = "nobody has decided about these rights yet"
    DENIED = "somebody said no to these rights"


def approval(facts: Facts) -> Approval:
    """Judge the condition `Approved` against the rights wanted now.

    An approval binds to rights, not to a resource: it holds while the rights have the hash that was pinned when
    it was given. A decision about a generation that this status has not caught up with is a fresh one.
    """
    if _mode(facts) != ApprovalMode.MANUAL:
        return Approval.NOT_NEEDED
    condition = find(facts.status.conditions, ConditionType.APPROVED)
    if condition is None or condition.status == "Unknown":
        return Approval.AWAITED
    if condition.status == "True" and facts.status.approved_rights_hash == wanted_hash(facts):
        return Approval.GIVEN
    if condition.observed_generation != facts.resource.metadata.generation:
        return Approval.AWAITED
    if condition.status == "False":
        return Approval.DENIED
    return Approval.GIVEN if _is_unused(facts) else Approval.AWAITED


def _mode(facts: Facts) -> ApprovalMode:
    modes = facts.known_issuer.spec.approval
    return {
        RUNNER_REGISTRATION.kind: modes.runner_registrations,
        USER_ACCESS_TOKEN.kind: modes.user_access_tokens,
        CLIENT_APPLICATION.kind: modes.client_applications,
    }[facts.kind]


def wanted_hash(facts: Facts) -> str:
    """The hash of the rights wanted now, to which an approval is bound."""
    return rights.fingerprint(facts.wanted_rights)


def _is_unused(facts: Facts) -> bool:
    """Whether a decision about the present spec has not been pinned to other rights already."""
    return not facts.status.approved_rights_hash or facts.edited
