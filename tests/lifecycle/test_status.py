"""What is written into the status, and that nothing is written twice."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from lifecycle.build import (
    HOUR,
    MINUTE,
    NOW,
    decided,
    for_caller,
    having,
    meta,
    rotation,
    user_token,
)
from lifecycle.kstatus import kstatus
from lifecycle.simulation import Life, settled
from lifecycle.situations import DAY, LARGE, SITUATIONS
from mintmaster.api.reasons import STALLED_REASONS, Reason, State
from mintmaster.lifecycle.decision import next_look
from mintmaster.lifecycle.issuer_view import Obstacle
from mintmaster.lifecycle.outcome import next_status, says_something_new
from mintmaster.lifecycle.readiness import Outcome

everywhere = pytest.mark.parametrize("situation", SITUATIONS)

REFUSED = ("False ClientIdConflict", State.FAILED, "Failed", "Stalled")

EXPECTED: dict[str, tuple[str, State, str, str]] = {
    # situation: Ready, state, kstatus, further conditions
    "new": ("True Issued", State.ACTIVE, "Current", ""),
    "settled": ("True Issued", State.ACTIVE, "Current", ""),
    "renewal due": ("True Renewed", State.ACTIVE, "Current", ""),
    "expired while nobody looked": ("True Renewed", State.ACTIVE, "Current", ""),
    "rotation asked for": ("True Rotated", State.ACTIVE, "Current", ""),
    "more rights asked for": ("True Issued", State.ACTIVE, "Current", ""),
    "fewer rights asked for": ("True Issued", State.ACTIVE, "Current", ""),
    "description edited": ("True Issued", State.ACTIVE, "Current", ""),
    "token key renamed": ("True Issued", State.ACTIVE, "Current", ""),
    "template added": ("True Issued", State.ACTIVE, "Current", ""),
    "labels added": ("True Issued", State.ACTIVE, "Current", ""),
    "Opaque asked for": ("True Issued", State.ACTIVE, "Current", ""),
    "Secret deleted": ("True Renewed", State.ACTIVE, "Current", ""),
    "Secret relabelled": ("True Issued", State.ACTIVE, "Current", ""),
    "previous token shown too long": ("True Rotated", State.ACTIVE, "Current", ""),
    "orphan": ("True Issued", State.ACTIVE, "Current", ""),
    "key withdrawn": ("True Renewed", State.ACTIVE, "Current", ""),
    "restarts": ("True Rotated", State.ACTIVE, "Current", "RestartsSucceeded"),
    "recreated": ("True Issued", State.ACTIVE, "Current", ""),
    "recreated too soon": ("False SecretMissing", State.PENDING, "InProgress", ""),
    "revoked": ("", State.REVOKED, "Current", "Revoked"),
    "revoked at birth": ("", State.REVOKED, "Current", "Revoked"),
    "suspended": ("True Issued", State.SUSPENDED, "Current", ""),
    "suspended at birth": ("False Suspended", State.SUSPENDED, "InProgress", ""),
    "suspended and expired": ("False Expired", State.EXPIRED, "InProgress", ""),
    "suspended, due and narrowed": ("False Expired", State.EXPIRED, "InProgress", ""),
    "no issuer": ("False IssuerNotFound", State.PENDING, "InProgress", ""),
    "issuer deleted": ("False IssuerNotFound", State.PENDING, "InProgress", ""),
    "issuer deleted and token expired": ("False Expired", State.EXPIRED, "InProgress", ""),
    "signer mismatch": ("False SignerMismatch", State.PENDING, "InProgress", ""),
    "keys lost at birth": ("False KeysLost", State.PENDING, "InProgress", ""),
    "keys lost": ("True Issued", State.ACTIVE, "Current", ""),
    "keys lost and renewal due": ("True Issued", State.ACTIVE, "Current", "RenewalFailing"),
    "issuer in conflict": ("False IssuerConflict", State.FAILED, "Failed", "Stalled"),
    "issuer not ready": ("False IssuerNotReady", State.PENDING, "InProgress", ""),
    "notBefore to come": ("False IssuerNotReady", State.PENDING, "InProgress", ""),
    "notBefore to come for a token": ("False IssuerNotReady", State.PENDING, "InProgress", ""),
    "scope unknown": ("False ScopeUnknown", State.FAILED, "Failed", "Stalled"),
    "role unknown": ("False RoleUnknown", State.FAILED, "Failed", "Stalled"),
    "not granted": ("False NotGranted", State.FAILED, "Failed", "Stalled"),
    "grant taken back": ("False NotGranted", State.FAILED, "Failed", "Stalled"),
    "lifetime too long": ("False LifetimeTooLong", State.FAILED, "Failed", "Stalled"),
    "schedule invalid": ("False ScheduleInvalid", State.FAILED, "Failed", "Stalled"),
    "template invalid": ("False TemplateInvalid", State.FAILED, "Failed", "Stalled"),
    "template too large": ("False TemplateInvalid", State.FAILED, "Failed", "Stalled"),
    "template invalid and expired": ("False Expired", State.EXPIRED, "Failed", "Stalled"),
    "awaiting approval": ("False AwaitingApproval", State.REQUESTED, "InProgress", ""),
    "approved": ("True Issued", State.ACTIVE, "Current", "Approved"),
    "denied": ("False Denied", State.FAILED, "Failed", "Stalled"),
    "denied meanwhile": ("False Denied", State.FAILED, "Failed", "Stalled"),
    "approval outdated": ("False AwaitingApproval", State.REQUESTED, "InProgress", ""),
    "Secret of somebody else": ("False SecretConflict", State.FAILED, "Failed", "Stalled"),
    "Secret replaced by somebody else's": (
        "False SecretConflict",
        State.FAILED,
        "Failed",
        "Stalled",
    ),
    "clock off": ("False ClockSkew", State.PENDING, "InProgress", ""),
    "clock off and renewal due": ("True Issued", State.ACTIVE, "Current", "RenewalFailing"),
    "budget spent": ("False TooManyIssues", State.PENDING, "InProgress", ""),
    "too many tokens": ("False TooManyTokens", State.PENDING, "InProgress", ""),
    "six tokens and narrowed": ("True Issued", State.ACTIVE, "Current", ""),
    "caller without a digest": ("False AwaitingApproval", State.REQUESTED, "InProgress", ""),
    "caller": ("True Issued", State.ACTIVE, "Current", ""),
    "caller without end": ("True Issued", State.ACTIVE, "Current", ""),
    "caller's token replaced": ("True Rotated", State.ACTIVE, "Current", ""),
    "caller's token expired": ("False Expired", State.EXPIRED, "Failed", "Stalled"),
    "caller's token voided for its age": ("False Expired", State.EXPIRED, "Failed", "Stalled"),
    "caller's digest taken": ("False DigestConflict", State.FAILED, "Failed", "Stalled"),
    "application": ("True Issued", State.ACTIVE, "Current", ""),
    "application switched off": ("True Issued", State.SUSPENDED, "Current", ""),
    "application with a client secret due": ("True Renewed", State.ACTIVE, "Current", ""),
    "application rotated": ("True Rotated", State.ACTIVE, "Current", ""),
    "application narrowed": ("True Issued", State.ACTIVE, "Current", ""),
    "application with access tokens too long": (
        "False LifetimeTooLong",
        State.FAILED,
        "Failed",
        "Stalled",
    ),
    "application revoked": ("", State.REVOKED, "Current", "Revoked"),
    "application of an operator-signed issuer": (
        "False SignerMismatch",
        State.PENDING,
        "InProgress",
        "",
    ),
    "application whose client id is taken": REFUSED,
    "application whose client id was taken": REFUSED,
    "application whose client id turned out to be taken": REFUSED,
}


def holding(life: Life) -> str:
    """The conditions beside Ready that hold."""
    return " ".join(
        condition.type
        for condition in life.status.conditions
        if condition.status == "True" and condition.type != "Ready"
    )


@everywhere
def test_what_people_and_kstatus_read(situation: str) -> None:
    life = SITUATIONS[situation]().settle()

    said = (life.reason(), life.status.state, kstatus(life.resource), holding(life))

    assert said == EXPECTED[situation]


@everywhere
def test_one_look_suffices_and_the_second_finds_nothing_to_do(situation: str) -> None:
    life = SITUATIONS[situation]()
    life.step()
    if life.resource.spec.restart:
        life.step()
    writes, status = life.writes, life.status

    plan = life.step()

    assert plan is not None
    assert plan.issue is None
    assert not plan.rewrite_secret
    assert (life.writes, life.status) == (writes, status)


@everywhere
def test_a_restart_of_the_operator_reads_and_writes_nothing(situation: str) -> None:
    life = SITUATIONS[situation]().settle()
    writes = life.writes

    life.step(content_suspect=True)

    assert life.writes == writes


@everywhere
def test_every_look_brings_the_status_up_to_the_generation(situation: str) -> None:
    life = SITUATIONS[situation]().settle().change(having("description", "edited"))
    assert kstatus(life.resource) == "InProgress"

    life.step()

    assert life.status.observed_generation == life.resource.metadata.generation
    # A denial is bound to its generation: any edit asks anew, and a token that was issued before still works.
    # So does a client id that was refused and is free by now.
    asking_anew = {
        "denied": "InProgress",
        "denied meanwhile": "Current",
        "application whose client id was taken": "Current",
    }
    assert kstatus(life.resource) == asking_anew.get(situation, EXPECTED[situation][2])


@everywhere
def test_a_token_is_active_only_if_it_was_delivered(situation: str) -> None:
    life = SITUATIONS[situation]().settle()

    assert {token.digest for token in life.active} <= life.delivered


@everywhere
def test_the_next_look_lies_ahead(situation: str) -> None:
    life = SITUATIONS[situation]().settle()

    facts, plan = life.decide()

    assert plan is not None
    moment = next_look(facts, plan.obstacle)
    assert moment is None or moment > life.now


def test_every_state_and_every_reason_of_a_condition_is_come_to() -> None:
    seen = {condition.split()[1] for condition, *_ in EXPECTED.values() if condition}
    # Said of the issuer, of Events, or of writes, which only a cluster refuses.
    elsewhere = {
        Reason.REVOKED,  # the condition Revoked: Ready is gone then
        Reason.SECRET_EDITED,  # Events; Ready tells what became of it
        Reason.TOKEN_TOO_LARGE,  # found by minting
        Reason.WRITE_FAILED,  # found by writing
        Reason.KEYS_PUBLISHED,  # of issuers
    }

    assert seen == set(Reason) - elsewhere
    assert {state for _, state, *_ in EXPECTED.values()} == set(State)


def test_a_resource_that_nobody_has_seen_is_in_progress() -> None:
    assert kstatus(user_token()) == "InProgress"


def test_a_resource_that_is_being_deleted_is_left_alone() -> None:
    life = settled().change(meta("deletion_timestamp", NOW), having("scopes", ("read",)))
    life.secret = None

    assert life.step() is None
    assert life.secret is None


def test_what_goes_with_its_namespace_is_left_alone_once_its_secret_has_gone() -> None:
    life = settled()
    life.namespace_terminating = True
    life.change(rotation("1")).settle()
    assert life.status.revision == 2

    life.secret = None

    assert life.step() is None
    assert life.secret is None


def test_a_caller_s_token_is_looked_after_to_the_end_of_its_namespace() -> None:
    life = Life(user_token(for_caller(), having("token.lifetime", "24h")))
    life.namespace_terminating = True
    life.settle()
    assert life.status.revision == 1


def test_stalled_and_not_ready_for_the_same_reason() -> None:
    for ready, _, _, further in EXPECTED.values():
        if "Stalled" in further and ready != "False Expired":
            assert ready.split()[1] in STALLED_REASONS


def test_revocation_ends_all_tokens_and_removes_the_secret_but_never_a_foreign_one() -> None:
    life = settled().change(rotation("1")).settle().change(having("revoked", True)).settle()
    assert (life.active, life.secret, life.status.secret_ref) == ((), None, None)
    assert life.status.revision == 2

    foreign = SITUATIONS["Secret replaced by somebody else's"]().change(having("revoked", True))
    assert foreign.settle().stored.data == {"password": b"precious"}


def test_another_life_takes_nothing_over() -> None:
    life = settled().change(rotation("1")).settle()
    former = life.status
    life.change(meta("uid", "new"))
    life.secret = None

    life.settle()

    assert (life.status.uid, life.status.revision) == ("new", 1)
    assert not {token.id for token in life.status.tokens} & {token.id for token in former.tokens}
    assert life.status.recent_issues == ()
    assert life.status.id != former.id


def test_transition_times_move_with_the_status_of_a_condition_only() -> None:
    life = settled()

    def since() -> Any:
        condition = life.condition("Ready")
        return condition.last_transition_time if condition else None

    began = since()
    life.wait(HOUR).change(rotation("1")).settle()
    assert (since(), life.reason()) == (began, "True Rotated")
    life.wait(HOUR).change(having("scopes", ("fly",))).settle()
    assert since() == life.now
    failed = since()
    life.wait(HOUR).change(having("roles", ("King",)), having("scopes", ())).settle()
    assert (since(), life.reason()) == (failed, "False RoleUnknown")


def test_another_wording_alone_is_not_written() -> None:
    life = SITUATIONS["not granted"]().settle()
    reworded = tuple(
        msgspec.structs.replace(condition, message="Said otherwise.")
        for condition in life.status.conditions
    )

    assert not says_something_new(
        life.status, msgspec.structs.replace(life.status, conditions=reworded)
    )


def test_a_renewal_that_could_not_be_written_is_told_while_the_token_works() -> None:
    life = SITUATIONS["renewal due"]()
    facts, plan = life.decide()
    assert plan is not None
    quota = Outcome(failure=Obstacle(Reason.WRITE_FAILED, "exceeded quota"))

    life.record(next_status(facts, plan, quota))

    assert life.reason() == "True Issued"
    assert life.reason("RenewalFailing") == "True WriteFailed"
    assert life.settle().reason("RenewalFailing") == ""


@pytest.mark.parametrize("situation", ["new", "Secret deleted", "labels added"])
def test_what_could_not_be_written_is_not_ready(situation: str) -> None:
    life = SITUATIONS[situation]()
    active = life.active
    facts, plan = life.decide()
    assert plan is not None

    life.record(
        next_status(facts, plan, Outcome(failure=Obstacle(Reason.WRITE_FAILED, "exceeded quota")))
    )

    assert life.reason() == "False WriteFailed"
    assert life.active == active


def test_restarts_are_told_once_they_are_through() -> None:
    life = SITUATIONS["restarts"]()
    assert life.condition("RestartsSucceeded") is None
    plan = life.step()
    assert plan is not None
    assert life.reason("RestartsSucceeded") == "Unknown Rotated"

    facts, plan = life.decide()
    assert plan is not None
    assert plan.restart
    missing = Obstacle(Reason.WRITE_FAILED, "Not restarted: Deployment 'web' does not exist.")
    life.record(next_status(facts, plan, Outcome(restarts=missing)))
    assert (life.reason("RestartsSucceeded"), life.reason()) == (
        "False WriteFailed",
        "True Rotated",
    )

    assert life.settle().reason("RestartsSucceeded") == "True Rotated"
    assert life.change(having("restart", ())).settle().condition("RestartsSucceeded") is None


def test_a_template_that_is_too_large_leaves_the_secret_until_it_fits() -> None:
    life = settled()
    data = dict(life.stored.data)
    life.change(having("secret.template.data", LARGE)).settle()
    assert (life.stored.data, life.reason()) == (data, "False TemplateInvalid")

    life.change(having("secret.template.data", {"x": "{{ token }}"})).settle()

    assert life.stored.data["x"] == life.stored.data["token"]
    assert life.reason() == "True Issued"


def test_the_previous_token_is_shown_during_its_overlap_and_not_after() -> None:
    life = settled(having("secret.previous_token_key", "previous"))
    first = life.stored.data["token"]
    life.wait(HOUR).change(rotation("1")).settle()
    assert life.stored.data["previous"] == first
    facts, plan = life.decide()
    assert plan is not None
    assert next_look(facts, plan.obstacle) == life.now + 5 * MINUTE
    second = life.stored.data["token"]

    life.wait(5 * MINUTE).settle()

    assert life.stored.data == {"token": second}
    assert life.status.revision == 2


def test_expired_records_stay_until_the_next_issue() -> None:
    life = settled().change(rotation("1")).settle()
    writes = life.writes

    life.wait(HOUR).settle()

    assert life.writes == writes
    assert len(life.status.tokens) == 2
    assert len(life.change(rotation("2")).settle().status.tokens) == 2


def test_approval_is_pinned_to_the_rights_and_void_for_others() -> None:
    life = SITUATIONS["approved"]().settle()
    pinned = life.status.approved_rights_hash
    assert pinned

    life.change(having("scopes", ("write", "read"))).settle()
    assert (life.status.approved_rights_hash, life.reason()) == (pinned, "True Issued")

    life.change(having("scopes", ("admin",))).settle()
    assert life.status.approved_rights_hash is None
    assert life.reason("Approved") == "Unknown AwaitingApproval"

    life.change(decided("True")).settle()
    assert life.current.rights.scopes == ("admin",)
    assert life.status.approved_rights_hash != pinned


def test_an_approval_of_an_earlier_generation_approves_nothing_new() -> None:
    life = SITUATIONS["approved"]().settle()
    stale = life.resource.metadata.generation

    life.change(having("scopes", ("admin",)), decided("True", stale)).settle()

    assert life.reason() == "False AwaitingApproval"
    assert "admin" not in {scope for token in life.active for scope in token.rights.scopes}


def test_expiry_is_told_a_month_later_too() -> None:
    life = SITUATIONS["caller's token expired"]().settle()
    writes = life.writes

    assert life.wait(30 * DAY).settle().writes == writes
