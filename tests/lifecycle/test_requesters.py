"""Who asked over HTTP gets no token that may do more than the one that they showed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from lifecycle.build import (
    HOUR,
    NOW,
    application,
    for_caller,
    gate_issuer,
    having,
    meta,
    runner,
    user_token,
)
from lifecycle.simulation import Life
from mintmaster.api.delivery import RequestedBy
from mintmaster.api.rights import Rights
from mintmaster.api.runner_registration import RunnerType
from mintmaster.api.status import TokenRecord, TokenStatus
from mintmaster.lifecycle.requester import lacking

if TYPE_CHECKING:
    from lifecycle.build import Modifier
    from mintmaster.api.kinds import TokenResource

SERVICES = "https://services.example.org"
ASKER = "b0c4e5a8-0000-4000-8000-00000000000a"
JTI = f"{ASKER}.1.0"
HELD = Rights(
    subject="user:ada@example.org",
    audiences=(SERVICES,),
    scopes=("read", "write"),
    roles=("Editor",),
    projects=("3", "atlas"),
)


def asker(*modifiers: Modifier, held: Rights = HELD) -> TokenResource:
    """A resource with one active token of these rights."""
    record = TokenRecord(
        id=JTI,
        revision=1,
        digest="B" * 43,
        issued_at=NOW - HOUR,
        expires_at=NOW + HOUR,
        valid_until=NOW + HOUR,
        rights=held,
    )
    found = user_token(meta("uid", ASKER), *modifiers)
    return replace(found, status=TokenStatus(uid=ASKER, revision=1, tokens=(record,)))


def asked(*modifiers: Modifier, jti: str = JTI) -> TokenResource:
    """A runner for project 3 that the asker asked for."""
    named = RequestedBy(subject=HELD.subject, uid=ASKER, jti=jti)
    ending = having("token.lifetime", "1h")
    return runner(for_caller(), ending, having("requested_by", named), *modifiers)


def verdict(resource: TokenResource, requester: TokenResource | None) -> str:
    return Life(resource=resource, requester=requester).settle().reason()


def test_what_the_asker_may_do_is_activated() -> None:
    assert verdict(asked(), asker()) == "True Issued"


def test_the_asker_may_ask_for_as_much_as_they_have() -> None:
    assert verdict(asked(having("scopes", ("read", "write"))), asker()) == "True Issued"


@pytest.mark.parametrize(
    "held",
    [
        pytest.param(replace(HELD, projects=("4",)), id="another project"),
        pytest.param(replace(HELD, projects=()), id="no project"),
        pytest.param(replace(HELD, scopes=("write",)), id="another scope"),
        pytest.param(replace(HELD, audiences=("https://other.example.org",)), id="other audience"),
    ],
)
def test_what_the_asker_may_not_do_is_refused(held: Rights) -> None:
    life = Life(resource=asked(having("scopes", ("read",))), requester=asker(held=held)).settle()
    assert life.reason() == "False NotGranted"
    assert life.status.tokens == ()


def test_all_projects_cover_every_project() -> None:
    assert verdict(asked(), asker(held=replace(HELD, projects=("*",)))) == "True Issued"


@pytest.mark.parametrize(
    ("requester", "jti"),
    [
        pytest.param(None, JTI, id="it is gone"),
        pytest.param(asker(), f"{ASKER}.2.0", id="another token"),
        pytest.param(asker(having("revoked", True)), JTI, id="it was revoked"),
        pytest.param(asker(meta("deletion_timestamp", NOW)), JTI, id="it is being deleted"),
        pytest.param(asker(meta("uid", "another-life")), JTI, id="its status is of another life"),
    ],
)
def test_a_token_that_is_not_active_asks_for_nothing(
    requester: TokenResource | None, jti: str
) -> None:
    assert verdict(asked(jti=jti), requester) == "False NotGranted"


def test_an_expired_token_asks_for_nothing() -> None:
    life = Life(resource=asked(), requester=asker(), now=NOW + HOUR)
    assert life.settle().reason() == "False NotGranted"


def test_what_becomes_of_the_asker_afterwards_changes_nothing() -> None:
    life = Life(resource=asked(), requester=asker()).settle()
    life.requester = None
    life.change(having("description", "edited"))
    assert life.settle().reason() == "True Issued"


def test_another_digest_is_another_question() -> None:
    life = Life(resource=asked(), requester=asker()).settle()
    life.requester = None
    life.change(for_caller("C" * 43))
    life.settle()
    assert [token.digest for token in life.status.tokens] == ["A" * 43]


def test_an_application_has_the_rights_of_its_client_secret() -> None:
    client = application(meta("uid", ASKER))
    issued = Life(resource=client, issuer=gate_issuer()).settle().resource
    assert verdict(asked(having("project", "atlas"), jti="minted"), issued) == "True Issued"
    assert verdict(asked(jti="minted"), issued) == "False NotGranted"


def test_nobody_but_an_administrator_asks_in_the_name_of_other_users() -> None:
    other = replace(HELD, subject="user:bob@example.org", roles=())
    assert lacking(user_token(), other, HELD) == ("subject 'user:bob@example.org'",)
    assert lacking(user_token(), other, replace(HELD, roles=("Administrator",))) == ()


def test_all_projects_are_asked_for_only_by_who_has_all() -> None:
    wanted = replace(HELD, projects=("*",))
    assert lacking(user_token(), wanted, HELD) == ("project '*'",)
    assert lacking(user_token(), wanted, wanted) == ()


def test_runners_for_everybody_are_an_administrators_matter() -> None:
    wanted = Rights(subject="runner:team:linux", audiences=(SERVICES,))
    instance = runner(having("type", RunnerType.INSTANCE), having("project", None))
    group = runner(having("type", RunnerType.GROUP), having("project", None), having("group", "7"))
    everywhere = replace(HELD, projects=("*",))
    administrator = replace(HELD, roles=("Administrator",))
    assert lacking(instance, wanted, everywhere) == ("runners for the whole instance",)
    assert lacking(group, wanted, HELD) == ("runners for groups",)
    assert lacking(group, wanted, everywhere) == ()
    assert lacking(instance, wanted, administrator) == lacking(group, wanted, administrator) == ()
