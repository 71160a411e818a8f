"""What is different about applications: a client id of their own, and a client secret that need not end."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from lifecycle.build import (
    HOUR,
    KEY_ID,
    MINUTE,
    NOW,
    application,
    gate_issuer,
    granting,
    having,
    issuer,
    issuing,
    meta,
    rotation,
    setting,
    wanting_approval,
)
from lifecycle.simulation import Life
from mintmaster.api.client_application import ClientApplicationStatus, RevokedToken
from mintmaster.api.names import CLIENT_SECRET_PREFIX
from mintmaster.api.reasons import Reason
from mintmaster.lifecycle import outcome
from mintmaster.lifecycle.issuer_view import Obstacle
from mintmaster.lifecycle.obstacles import obstacle_to_issue
from mintmaster.lifecycle.readiness import Outcome
from mintmaster.tokens import opaque
from mintmaster.tokens.digests import digest

if TYPE_CHECKING:
    from lifecycle.build import Modifier

SECRET_FOR_A_DAY = having("client_secret.lifetime", "24h")
HELD = (having("delivery", "Caller"), having("client_secret.value_digest", "A" * 43))


def settled(*modifiers: Modifier) -> Life:
    return Life(application(*modifiers), gate_issuer()).settle()


def record(life: Life) -> ClientApplicationStatus:
    assert isinstance(life.status, ClientApplicationStatus)
    return life.status


def told(life: Life) -> str:
    condition = life.condition("Ready")
    assert condition is not None
    return condition.message


def reason(life: Life) -> Reason | None:
    obstacle = obstacle_to_issue(life.facts())
    return obstacle.reason if obstacle else None


def test_the_secret_holds_client_id_and_client_secret() -> None:
    life = settled()

    assert set(life.stored.data) == {"client-id", "client-secret"}
    assert life.stored.data["client-id"] == b"team.portal"
    value = life.stored.data["client-secret"].decode()
    assert opaque.checks_out(value, CLIENT_SECRET_PREFIX)
    assert digest(value) == life.current.digest
    assert record(life).client_id == "team.portal"


def test_the_keys_are_called_as_the_spec_says() -> None:
    life = settled(
        having("client_id", "portal"),
        having("secret.client_id_key", "ID"),
        having("secret.client_secret_key", "SECRET"),
        having("secret.template.data", {"env": "{{ client_id }}:{{ token }}"}),
    )

    assert life.stored.data["ID"] == b"portal"
    assert life.stored.data["env"] == b"portal:" + life.stored.data["SECRET"]


def test_an_edited_client_id_in_the_secret_is_put_right_around_the_same_client_secret() -> None:
    life = settled()
    before = life.current
    life.stored.data["client-id"] = b"somebody-else"

    life.settle()

    assert life.stored.data["client-id"] == b"team.portal"
    assert life.current == before


def test_without_a_lifetime_a_client_secret_is_neither_renewed_nor_over() -> None:
    life = settled()
    writes = life.writes

    life.wait(timedelta(days=4000)).settle()

    assert (life.current.expires_at, life.status.renew_at) == (None, None)
    assert life.writes == writes
    assert life.reason() == "True Issued"


def test_a_client_secret_with_a_lifetime_is_renewed_and_the_former_stays_for_the_overlap() -> None:
    life = settled(SECRET_FOR_A_DAY, having("client_secret.overlap", "1h"))
    former = life.current
    assert life.status.renew_at is not None

    life.wait(life.status.renew_at - NOW).settle()

    assert [it.id for it in life.active] == [life.current.id, former.id]
    assert life.active[1].valid_until == life.now + HOUR
    life.wait(HOUR)
    assert [it.id for it in life.active] == [life.current.id]


def test_a_client_secret_may_outlive_what_its_issuer_allows_for_tokens() -> None:
    assert (
        reason(Life(application(having("client_secret.lifetime", "2160h")), gate_issuer())) is None
    )


@pytest.mark.parametrize(
    ("lifetime", "expected"), [("10h", None), ("10h1s", Reason.LIFETIME_TOO_LONG), (None, None)]
)
def test_access_tokens_live_no_longer_than_the_issuer_allows(
    lifetime: str | None, expected: Reason | None
) -> None:
    life = Life(application(having("access_token_lifetime", lifetime)), gate_issuer())

    assert reason(life) == expected


def test_a_schedule_that_does_not_fit_names_the_field_of_the_application() -> None:
    life = Life(
        application(SECRET_FOR_A_DAY, having("client_secret.overlap", "24h")), gate_issuer()
    ).settle()

    assert life.reason() == "False ScheduleInvalid"
    assert "spec.clientSecret.overlap" in told(life)


@pytest.mark.parametrize("before", [None, "24h"])
def test_another_lifetime_is_a_new_client_secret(before: str | None) -> None:
    life = settled(having("client_secret.lifetime", before))

    life.change(having("client_secret.lifetime", "48h" if before is None else None)).settle()

    assert life.status.revision == 2
    assert (life.current.expires_at is None) is (before is not None)


def test_access_tokens_of_another_lifetime_need_no_new_client_secret() -> None:
    life = settled().change(having("access_token_lifetime", "1h")).settle()

    assert life.status.revision == 1


def test_narrowed_rights_end_the_former_client_secret_at_once() -> None:
    life = settled()

    life.change(having("scopes", ("read",))).settle()

    assert [it.rights.scopes for it in life.active] == [("read",)]


def test_the_rights_are_those_of_the_application() -> None:
    rights = settled(having("roles", ("Reader",))).current.rights

    assert rights.subject == "app:team.portal"
    assert rights.scopes == ("read", "write")
    assert (rights.roles, rights.projects) == (("Reader",), ("atlas",))
    assert rights.audiences == ("https://services.example.org",)


@pytest.mark.parametrize(
    ("client_id", "client_ids", "expected"),
    [
        (None, (), None),
        ("team.portal", (), None),
        ("portal", (), Reason.NOT_GRANTED),
        ("portal", ("other",), Reason.NOT_GRANTED),
        ("portal", ("portal",), None),
        ("other.portal", (), Reason.NOT_GRANTED),
        ("portal", ("*",), None),
    ],
)
def test_a_client_id_of_its_own_choice_has_to_be_granted(
    client_id: str | None, client_ids: tuple[str, ...], expected: Reason | None
) -> None:
    life = Life(
        application(having("client_id", client_id)), gate_issuer(granting(client_ids=client_ids))
    )

    assert reason(life) == expected


def test_a_client_secret_without_end_needs_no_grant_of_unlimited() -> None:
    assert reason(Life(application(), gate_issuer(granting(unlimited=False)))) is None
    assert reason(Life(application(*HELD), gate_issuer(granting(unlimited=False)))) is None


def test_an_application_needs_an_issuer_that_gates_sign() -> None:
    life = Life(application(), issuer()).settle()

    assert life.reason() == "False SignerMismatch"
    assert "use an issuer whose signer is Gate" in told(life)


def test_an_application_that_is_switched_off_keeps_its_client_secret() -> None:
    life = settled(SECRET_FOR_A_DAY)
    life.change(having("enabled", False)).settle()

    assert (life.reason(), life.status.state) == ("True Issued", "Suspended")
    assert "Gates refuse it" in told(life)
    life.wait(HOUR * 23).settle()
    assert life.status.revision == 2


def test_a_withdrawn_key_leaves_client_secrets_alone_and_not_before_does_not() -> None:
    life = settled().wait(MINUTE)
    life.alter_issuer(issuing("withdrawn_keys", (KEY_ID,))).settle()
    assert life.status.revision == 1

    life.alter_issuer(issuing("not_before", life.now)).settle()
    assert [it.revision for it in life.active] == [2]


@pytest.mark.parametrize("field", ["kinds", "subjects", "scopes", "projects"])
def test_what_the_issuer_takes_back_ends_the_client_secret(field: str) -> None:
    life = settled().alter_issuer(granting(**{field: ()})).settle()

    assert life.reason() == "False NotGranted"
    assert life.active == ()


def test_an_application_waits_for_approval_where_the_issuer_wants_that() -> None:
    life = Life(application(), gate_issuer(wanting_approval)).settle()

    assert life.reason() == "False AwaitingApproval"


def test_a_client_secret_that_its_owner_made_is_recorded_by_its_digest() -> None:
    life = settled(*HELD)

    assert (life.current.digest, life.current.expires_at) == ("A" * 43, None)
    assert life.secret is None
    assert record(life).client_id == "team.portal"
    assert told(life) == "The client secret that the caller holds is active."


def test_who_has_not_made_a_client_secret_is_told_where_its_digest_belongs() -> None:
    life = settled(having("delivery", "Caller"))

    assert life.status.state == "Requested"
    assert "spec.clientSecret.valueDigest" in told(life)


def test_what_gates_wrote_is_kept_by_every_write_and_expired_entries_go_with_an_issue() -> None:
    revoked = tuple(
        RevokedToken(id=name, expires_at=NOW + time)
        for name, time in (("soon", MINUTE), ("late", HOUR))
    )
    life = settled()
    life.resource = setting(life.resource, "status.revoked_tokens", revoked)
    life.resource = setting(life.resource, "status.not_before", NOW)

    life.wait(MINUTE).change(having("description", "edited")).settle()
    assert record(life).revoked_tokens == revoked

    life.change(rotation("1")).settle()
    assert [it.id for it in record(life).revoked_tokens] == ["late"]
    assert life.status.not_before == NOW

    life.change(having("revoked", True)).settle()
    assert [it.id for it in record(life).revoked_tokens] == ["late"]
    assert life.status.not_before == NOW
    assert record(life).tokens == ()


def test_a_patch_names_the_secrets_and_leaves_alone_what_did_not_change() -> None:
    life = settled()
    before = life.status

    life.change(rotation("1")).settle()

    patch = outcome.patch_of(before, life.status)
    assert "secrets" in patch
    assert not {"tokens", "revokedTokens", "notBefore", "clientId"} & patch.keys()


def test_a_status_of_another_life_is_void_with_all_that_gates_wrote() -> None:
    life = settled()
    revoked = (RevokedToken(id="x", expires_at=NOW + HOUR),)
    life.resource = setting(life.resource, "status.revoked_tokens", revoked)

    life.change(meta("uid", "another")).settle()

    assert record(life).revoked_tokens == ()


def test_a_client_id_that_is_taken_is_refused_until_the_spec_is_edited() -> None:
    life = Life(application(), gate_issuer())
    life.client_id_taken = True
    life.settle()
    assert life.reason() == "False ClientIdConflict"
    assert "'team.portal'" in told(life)
    assert (life.secret, record(life).client_id) == (None, "")

    life.client_id_taken = False
    writes = life.writes
    life.wait(HOUR).settle()
    assert life.writes == writes

    life.change(having("description", "It is free now.")).settle()
    assert life.reason() == "True Issued"


def test_nothing_hides_that_a_client_id_was_refused() -> None:
    life = Life(application(), gate_issuer())
    life.client_id_taken = True
    life.settle()
    life.client_id_taken = False
    view = life.issuer

    life.issuer = None
    life.settle()
    life.issuer = view
    life.settle()

    assert life.reason() == "False ClientIdConflict"


def test_not_even_an_expiry_or_a_failed_write_hides_that_a_client_id_was_refused() -> None:
    life = settled(*HELD, having("client_secret.lifetime", "24h"))
    life.client_id_taken = True
    life.settle()

    life.wait(25 * HOUR).settle()
    assert life.reason() == "False ClientIdConflict"

    facts, plan = life.decide()
    assert plan is not None
    failure = Obstacle(Reason.WRITE_FAILED, "The quota is used up.")
    after = outcome.next_status(facts, plan, Outcome(failure=failure))
    assert after == life.status


def test_who_turns_out_to_come_second_loses_the_client_id_and_its_client_secrets() -> None:
    life = settled()
    life.client_id_taken = True

    life.settle()

    assert life.reason() == "False ClientIdConflict"
    assert life.active == ()
    assert record(life).client_id == ""


def test_an_application_made_anew_may_have_a_client_id_that_is_free_by_now() -> None:
    life = Life(application(), gate_issuer())
    life.client_id_taken = True
    life.settle()
    life.client_id_taken = False

    life.change(meta("uid", "another")).settle()

    assert life.reason() == "True Issued"
