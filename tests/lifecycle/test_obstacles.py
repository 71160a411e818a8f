"""Why nothing can be issued: each check alone, what it says, and which of two goes first."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest

from lifecycle.build import (
    HOUR,
    NOW,
    decided,
    for_caller,
    granting,
    having,
    issuer,
    issuing,
    owner_of,
    status,
    user_token,
    wanting_approval,
)
from lifecycle.simulation import Life, StoredSecret, settled
from mintmaster.api.names import ANNOTATION_ADOPT_BY
from mintmaster.api.reasons import Reason
from mintmaster.api.token_issuer import RoleDefinition, Signer
from mintmaster.lifecycle import obstacles
from mintmaster.lifecycle.decision import next_look
from mintmaster.lifecycle.issuer_view import IssuerView, Obstacle
from mintmaster.lifecycle.obstacles import COLLECTION_RETRY, CONFLICT_RETRY, obstacle_to_issue

Trouble = Callable[[Life], object]


def found(life: Life) -> Obstacle | None:
    return obstacle_to_issue(life.facts())


def reason(life: Life) -> Reason | None:
    obstacle = found(life)
    return obstacle.reason if obstacle else None


def no_issuer(life: Life) -> None:
    life.issuer = None


def broken(view: IssuerView) -> IssuerView:
    return replace(view, obstacle=Obstacle(Reason.KEYS_LOST, "The keys are lost."))


def foreign_secret(life: Life) -> None:
    life.secret = StoredSecret({"password": b"precious"})


def edit(path: str, value: object) -> Trouble:
    return lambda life: life.change(having(path, value))


def alter(*modifiers: Callable[[IssuerView], IssuerView]) -> Trouble:
    return lambda life: life.alter_issuer(*modifiers)


IN_ORDER: list[tuple[Trouble, Reason]] = [
    (no_issuer, Reason.ISSUER_NOT_FOUND),
    (alter(issuing("signer", Signer.GATE)), Reason.SIGNER_MISMATCH),
    (edit("scopes", ("fly",)), Reason.SCOPE_UNKNOWN),
    (edit("roles", ("King",)), Reason.ROLE_UNKNOWN),
    (alter(issuing("grants", ())), Reason.NOT_GRANTED),
    (edit("token.lifetime", "9000h"), Reason.LIFETIME_TOO_LONG),
    (edit("secret.template.data", {"x": "{{ 9**9 }}"}), Reason.TEMPLATE_INVALID),
    (alter(wanting_approval), Reason.AWAITING_APPROVAL),
    (foreign_secret, Reason.SECRET_CONFLICT),
    (alter(broken), Reason.KEYS_LOST),
    (alter(issuing("not_before", NOW + HOUR)), Reason.ISSUER_NOT_READY),
]


def test_a_valid_resource_meets_no_obstacle() -> None:
    assert found(Life()) is None
    assert found(settled()) is None


@pytest.mark.parametrize(("trouble", "expected"), IN_ORDER, ids=[str(case[1]) for case in IN_ORDER])
def test_each_obstacle_is_found_alone(trouble: Trouble, expected: Reason) -> None:
    life = Life()
    trouble(life)

    assert reason(life) == expected


@pytest.mark.parametrize("first", range(len(IN_ORDER)), ids=[str(case[1]) for case in IN_ORDER])
def test_what_the_owner_can_mend_is_said_before_what_only_the_platform_can(first: int) -> None:
    life = Life()
    # From behind, since the issuer has to be there to be altered.
    for trouble, _ in reversed(IN_ORDER[first:]):
        trouble(life)

    assert reason(life) == IN_ORDER[first][1]


def test_every_check_has_its_case() -> None:
    # Beside the caller's digest, below, the client id, in test_applications, and who asked, in test_requesters.
    assert len(obstacles._CHECKS) == len(IN_ORDER) + 3


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("token.lifetime", "9m", Reason.SCHEDULE_INVALID),
        ("token.lifetime", "8760h", None),
        ("token.lifetime", "8760h1s", Reason.LIFETIME_TOO_LONG),
        ("token.lifetime", "99999h99999m99999s", Reason.LIFETIME_TOO_LONG),
        ("token.renew_before", "720h", Reason.SCHEDULE_INVALID),
        ("token.renew_before", "719h56m", Reason.SCHEDULE_INVALID),
        ("token.renew_before", "719h55m", None),
        ("token.overlap", "720h", Reason.SCHEDULE_INVALID),
        ("token.overlap", "719h59m59s", None),
    ],
)
def test_times_that_do_not_fit_each_other(path: str, value: str, expected: Reason | None) -> None:
    assert reason(Life().change(having(path, value))) == expected


def test_a_scope_that_only_a_role_brings_need_not_be_granted_by_itself() -> None:
    life = Life(user_token(having("scopes", ()), having("roles", ("Editor",))))
    life.alter_issuer(granting(scopes=()))

    assert found(life) is None
    assert reason(life.change(having("scopes", ("admin",)))) == Reason.NOT_GRANTED


def test_messages_name_what_is_wrong_and_what_there_is() -> None:
    life = Life(user_token(having("scopes", ("fly", "read"))))

    obstacle = found(life)

    assert obstacle is not None
    assert "'fly'" in obstacle.message
    assert "'admin', 'read', 'write'" in obstacle.message


def test_an_issuer_without_roles_is_told_as_such() -> None:
    life = Life(user_token(having("roles", ("King",)))).alter_issuer(issuing("roles", ()))

    obstacle = found(life)

    assert obstacle is not None
    assert "It knows none." in obstacle.message


def test_the_role_of_the_spec_is_looked_up_in_the_issuer_as_it_is_now() -> None:
    life = Life(user_token(having("roles", ("King",))))
    life.alter_issuer(issuing("roles", (RoleDefinition(name="King"),)))

    assert found(life) is None


def test_an_approved_request_meets_no_obstacle_and_a_denied_one_does() -> None:
    approving = issuer(wanting_approval)

    assert reason(Life(user_token(), approving)) == Reason.AWAITING_APPROVAL
    life = Life(issuer=approving).settle()
    assert reason(life.change(decided("False"))) == Reason.DENIED
    assert reason(life.change(decided("True"))) is None


def test_a_decision_made_before_the_operator_looked_counts() -> None:
    approving = issuer(wanting_approval)

    assert reason(Life(user_token(decided("False")), approving)) == Reason.DENIED
    assert reason(Life(user_token(decided("True")), approving)) is None


def test_a_caller_has_to_hand_in_a_digest_that_nobody_else_has() -> None:
    life = Life(user_token(for_caller(None), having("token.lifetime", "24h")))
    assert reason(life) == Reason.AWAITING_APPROVAL

    life.change(having("token.value_digest", "A" * 43))
    assert reason(life) is None

    life.digest_taken = True
    assert reason(life) == Reason.DIGEST_CONFLICT


def test_a_caller_is_not_in_the_way_of_anybodys_secret() -> None:
    life = Life(user_token(for_caller(), having("token.lifetime", "24h")))
    foreign_secret(life)

    assert found(life) is None


@pytest.mark.parametrize(("unlimited", "expected"), [(True, None), (False, Reason.NOT_GRANTED)])
def test_a_token_without_end_has_to_be_granted(unlimited: bool, expected: Reason | None) -> None:
    life = Life(user_token(for_caller())).alter_issuer(granting(unlimited=unlimited))

    assert reason(life) == expected


def test_a_secret_that_is_being_collected_is_waited_for() -> None:
    life = settled().change(status("uid", "former"))
    life.stored.owners = (owner_of(life.resource, uid="former"),)
    life.stored.labels["mintmaster.dev/uid"] = "former"

    obstacle = found(life)

    assert obstacle is not None
    assert obstacle.reason == Reason.SECRET_MISSING
    assert obstacle.retry_at == life.now + COLLECTION_RETRY


def _of_type(life: Life) -> None:
    life.secret = StoredSecret(type="kubernetes.io/tls")


def _of_another_resource(life: Life) -> None:
    life.secret = settled().stored
    life.secret.labels["mintmaster.dev/name"] = "other"
    life.secret.owners = ()


def _of_a_foreign_controller(life: Life) -> None:
    mine = owner_of(life.resource)
    foreign = msgspec.structs.replace(mine, kind="Certificate", name="web", uid="w")
    life.secret = StoredSecret(owners=(foreign,))


@pytest.mark.parametrize(
    ("trouble", "told"),
    [
        pytest.param(_of_type, "has the type 'kubernetes.io/tls', not Opaque", id="its type"),
        pytest.param(_of_another_resource, "belongs to UserAccessToken 'other'", id="its labels"),
        pytest.param(_of_a_foreign_controller, "controlled by Certificate 'web'", id="its owner"),
        pytest.param(foreign_secret, f"{ANNOTATION_ADOPT_BY}=laptop", id="how it may be adopted"),
    ],
)
def test_a_conflict_names_both_claimants(trouble: Trouble, told: str) -> None:
    life = Life()
    trouble(life)

    obstacle = found(life)

    assert obstacle is not None
    assert obstacle.reason == Reason.SECRET_CONFLICT
    assert "UserAccessToken 'laptop' wants Secret 'laptop-token'" in obstacle.message
    assert told in obstacle.message
    assert obstacle.retry_at == life.now + CONFLICT_RETRY


def test_a_conflict_leaves_the_foreign_secret_alone_and_mints_nothing() -> None:
    life = Life()
    foreign_secret(life)

    life.settle()

    assert life.stored.data == {"password": b"precious"}
    assert (life.issued, life.secret_writes) == ([], 0)
    assert life.reason() == "False SecretConflict"


def test_an_issuer_that_voids_the_present_issues_when_its_time_has_come() -> None:
    life = Life(issuer=issuer(issuing("not_before", NOW + HOUR))).settle()
    assert life.reason() == "False IssuerNotReady"
    facts, plan = life.decide()
    assert plan is not None
    assert next_look(facts, plan.obstacle) == NOW + HOUR

    life.wait(HOUR).settle()

    assert life.reason() == "True Issued"
    assert life.wait(timedelta(minutes=1)).settle().status.revision == 1
