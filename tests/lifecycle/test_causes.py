"""Why a resource needs a new token: each check alone, and which of two goes first."""

from collections.abc import Callable

import pytest

from lifecycle.build import (
    HOUR,
    KEY_ID,
    MINUTE,
    having,
    issuing,
    meta,
    rotation,
    setting,
    user_token,
)
from lifecycle.simulation import Life, settled
from mintmaster.api.reasons import Reason
from mintmaster.api.token_issuer import RoleDefinition
from mintmaster.api.token_spec import Format
from mintmaster.lifecycle.causes import Cause, CauseKind, cause_of_issue

Happening = Callable[[Life], object]


def cause(life: Life, *, read: bool = False) -> Cause | None:
    return cause_of_issue(life.facts(read=read))


def kind_and_reason(found: Cause | None) -> tuple[CauseKind, Reason] | None:
    return (found.kind, found.reason) if found else None


def delete_secret(life: Life) -> None:
    life.secret = None


def forge_token(life: Life) -> None:
    life.stored.data["token"] = b"somebody else's text"


def tamper_signature(life: Life) -> None:
    life.signature_holds = False


def strip_owner(life: Life) -> None:
    life.stored.owners = ()
    life.stored.labels.clear()


def withdraw_key(life: Life) -> None:
    life.alter_issuer(issuing("withdrawn_keys", (KEY_ID,)))


def withdraw_another_key(life: Life) -> None:
    life.alter_issuer(issuing("withdrawn_keys", ("another",)))


def void_what_is_old(life: Life) -> None:
    life.wait(MINUTE).alter_issuer(issuing("not_before", life.now))


def void_what_is_older(life: Life) -> None:
    life.alter_issuer(issuing("not_before", life.current.issued_at))


def grant_nothing(life: Life) -> None:
    life.alter_issuer(issuing("grants", ()))


def deny_the_subject(life: Life) -> None:
    life.alter_issuer(issuing("denied_subjects", ("user:ada@*",)))


def forget_a_scope(life: Life) -> None:
    life.alter_issuer(issuing("roles", ()), issuing("scopes", ()))


def come_to_the_renewal(life: Life) -> None:
    assert life.status.renew_at is not None
    life.now = life.status.renew_at


def come_close_to_the_renewal(life: Life) -> None:
    come_to_the_renewal(life)
    life.wait(-MINUTE / 60)


def make_inactive(life: Life) -> None:
    cut = setting(life.current, "valid_until", life.now)
    life.resource = setting(life.resource, "status.tokens", (cut,))


def edit(path: str, value: object) -> Happening:
    return lambda life: life.change(having(path, value))


WITHDRAWN = (CauseKind.WITHDRAWN, Reason.RENEWED)
SCHEDULED = (CauseKind.SCHEDULED, Reason.RENEWED)
EDIT = (CauseKind.EDIT, Reason.ISSUED)
MISSING = (CauseKind.DRIFT, Reason.SECRET_MISSING)
EDITED = (CauseKind.DRIFT, Reason.SECRET_EDITED)
REQUEST = (CauseKind.REQUEST, Reason.ROTATED)


def test_a_resource_without_a_token_gets_its_first() -> None:
    assert kind_and_reason(cause(Life())) == (CauseKind.FIRST, Reason.ISSUED)


def test_a_token_of_another_life_counts_for_nothing() -> None:
    life = settled().change(meta("uid", "another"))

    assert kind_and_reason(cause(life)) == (CauseKind.FIRST, Reason.ISSUED)


def test_a_token_that_is_as_wanted_stays() -> None:
    assert cause(settled(), read=True) is None


@pytest.mark.parametrize(
    ("happening", "expected"),
    [
        pytest.param(withdraw_key, WITHDRAWN, id="its key was withdrawn"),
        pytest.param(withdraw_another_key, None, id="another key was withdrawn"),
        pytest.param(void_what_is_old, WITHDRAWN, id="the issuer voids tokens as old"),
        pytest.param(void_what_is_older, None, id="the issuer voids older tokens only"),
        pytest.param(grant_nothing, WITHDRAWN, id="the grant was taken back"),
        pytest.param(deny_the_subject, WITHDRAWN, id="the subject was denied"),
        pytest.param(forget_a_scope, WITHDRAWN, id="the issuer knows its scope no more"),
        pytest.param(come_to_the_renewal, SCHEDULED, id="its renewal is due"),
        pytest.param(come_close_to_the_renewal, None, id="its renewal is due in a second"),
        pytest.param(make_inactive, EDIT, id="it was made inactive before its time"),
        pytest.param(edit("scopes", ("read",)), EDIT, id="fewer scopes are wanted"),
        pytest.param(edit("scopes", ("read", "write", "admin")), EDIT, id="more scopes are wanted"),
        pytest.param(edit("scopes", ("write", "read")), None, id="scopes change their order"),
        pytest.param(edit("roles", ("Reader",)), EDIT, id="a role is added"),
        pytest.param(edit("projects", ("atlas", "cms")), EDIT, id="a project is added"),
        pytest.param(edit("projects", ()), EDIT, id="all projects are taken away"),
        pytest.param(edit("token.audiences", ("https://x",)), EDIT, id="another audience"),
        pytest.param(edit("token.lifetime", "24h"), EDIT, id="another lifetime is asked for"),
        pytest.param(edit("token.lifetime", "43200m"), None, id="the same lifetime is spelled out"),
        pytest.param(edit("token.format", Format.OPAQUE), EDIT, id="another format is asked for"),
        pytest.param(edit("token.overlap", "1m"), None, id="another overlap is asked for"),
        pytest.param(edit("description", "x"), None, id="the description is edited"),
        pytest.param(edit("secret.token_key", "t"), None, id="the token's key is renamed"),
        pytest.param(delete_secret, MISSING, id="the Secret was deleted"),
        pytest.param(strip_owner, MISSING, id="the Secret is nobody's any more"),
        pytest.param(forge_token, EDITED, id="the token in the Secret is another"),
        pytest.param(tamper_signature, EDITED, id="the signature does not hold"),
        pytest.param(
            lambda life: life.change(rotation("1")), REQUEST, id="a rotation is asked for"
        ),
    ],
)
def test_the_one_thing_that_happened_is_found(
    happening: Happening, expected: tuple[CauseKind, Reason] | None
) -> None:
    life = settled()
    happening(life)

    assert kind_and_reason(cause(life, read=True)) == expected


IN_ORDER: list[tuple[Happening, tuple[CauseKind, Reason]]] = [
    (withdraw_key, WITHDRAWN),
    (come_to_the_renewal, SCHEDULED),
    (edit("scopes", ("read",)), EDIT),
    (delete_secret, MISSING),
    (lambda life: life.change(rotation("1")), REQUEST),
]


@pytest.mark.parametrize("first", range(len(IN_ORDER)))
def test_of_several_causes_the_one_that_the_budget_hinders_least_goes_first(first: int) -> None:
    life = settled()
    for happening, _ in reversed(IN_ORDER[first:]):
        happening(life)

    assert kind_and_reason(cause(life)) == IN_ORDER[first][1]


@pytest.mark.parametrize(
    ("prefix", "expected"), [("glrt-", EDIT), ("pw-", None)], ids=["another", "the same"]
)
def test_a_prefix_is_compared_with_the_token_itself(
    prefix: str, expected: tuple[CauseKind, Reason] | None
) -> None:
    life = settled(having("token.format", Format.OPAQUE), having("token.prefix", "pw-"))
    life.change(having("token.prefix", prefix))

    assert kind_and_reason(cause(life, read=True)) == expected


def test_an_issuer_default_that_changed_waits_for_the_next_issue() -> None:
    life = settled(having("roles", ("Reader",)))
    life.alter_issuer(
        issuing("limits.default_lifetime", "24h"),
        issuing("audiences", ("https://services.example.org", "https://more.example.org")),
        issuing("roles", (RoleDefinition(name="Reader", scopes=("read", "admin")),)),
    )

    assert cause(life, read=True) is None


def test_a_scope_taken_from_a_role_is_taken_from_its_tokens_at_once() -> None:
    life = settled(having("scopes", ()), having("roles", ("Editor",)))
    life.alter_issuer(issuing("roles", (RoleDefinition(name="Editor", scopes=("read",)),)))

    assert kind_and_reason(cause(life)) == EDIT
    life.step()
    assert [token.rights.scopes for token in life.active] == [("read",)]


def test_a_rotation_asked_for_before_the_first_issue_is_handled_by_it() -> None:
    life = Life(user_token(rotation("at birth"))).settle()

    assert (life.status.revision, life.status.last_rotate_request) == (1, "at birth")


def test_a_request_that_was_handled_is_not_handled_again() -> None:
    life = settled().change(rotation("1")).settle()

    assert life.wait(HOUR).settle().status.revision == 2


def test_what_every_issue_leads_to_is_a_reason_of_success() -> None:
    outcomes = {Cause(kind, Reason.SECRET_EDITED, "").outcome for kind in CauseKind}

    assert outcomes == {Reason.ISSUED, Reason.RENEWED, Reason.ROTATED}
