"""`mintmaster token`: creating, asking, approving, denying."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mintmaster.tokens.digests import digest
from reconcile.reading import condition, is_ready, is_unready

if TYPE_CHECKING:
    from cli.person import Person

ADA = ("--user", "ada@team.example", "--scope", "read_api")


@pytest.fixture
async def approver(person: Person) -> Person:
    """Somebody whose issuer wants tokens for users approved."""
    await person.cluster.edit_issuer(approval={"userAccessTokens": "Manual"})
    await person.cluster.issuer_where(is_ready)
    return person


async def test_a_token_for_a_user_is_created(person: Person) -> None:
    await person.does(
        *("token", "create", "ada", *ADA, "--role", "Researcher", "--project", "3"),
        *("--username", "ada", "--full-name", "Ada L.", "--secret", "elsewhere"),
        *("--audience", "https://other.example.org", *person.issuer, "--wait"),
    )

    created = await person.cluster.user("ada")
    assert (created.spec.user.username, created.spec.user.full_name) == ("ada", "Ada L.")
    rights = created.status.tokens[0].rights
    assert rights.subject == "user:ada@team.example"
    assert (rights.scopes, rights.roles, rights.projects) == (
        ("read_api",),
        ("Researcher",),
        ("3",),
    )
    assert rights.audiences == ("https://other.example.org",)
    assert list(await person.cluster.secret_data("elsewhere")) == ["token"]
    assert "user:ada@team.example" in await person.does("token", "show", "ada")


async def test_the_user_has_to_be_named(person: Person) -> None:
    assert "--user" in await person.fails(2, "token", "create", "ada")


async def test_who_asks_waits_for_nobody_and_gets_nothing_yet(person: Person) -> None:
    said = await person.does("token", "request", "ada", *ADA, *person.issuer)

    assert said == "useraccesstoken.mintmaster.dev/ada requested\n"
    asked = await person.cluster.user("ada")
    assert (asked.status.state, asked.status.tokens) == ("Requested", ())


async def test_who_asks_for_what_nobody_may_have_is_told_so(person: Person) -> None:
    said = await person.fails(
        4, "token", "request", "ada", *ADA[:2], "--scope", "fly", *person.issuer
    )

    assert "gets no token: ScopeUnknown" in said
    assert (await person.cluster.user("ada")).status.state == "Failed"


async def test_what_was_asked_for_and_granted_is_handed_out_once(approver: Person) -> None:
    await approver.does("token", "request", "ada", *ADA, *approver.issuer)
    before = await approver.fails(4, "token", "rotate", "ada", "--timeout", "1s")
    assert "AwaitingApproval" in before

    await approver.does("token", "grant", "ada", "-m", "for the nightly report")
    token = (await approver.does("token", "rotate", "ada")).strip()

    granted = await approver.cluster.user_where(is_ready, "ada")
    assert [record.digest for record in granted.status.tokens] == [digest(token)]


async def test_an_approval_lets_the_token_be_issued(approver: Person) -> None:
    await approver.does("token", "create", "ada", *ADA, *approver.issuer)
    await approver.cluster.user_where(is_unready("AwaitingApproval"), "ada")

    await approver.does("token", "grant", "ada", "-m", "for the nightly report", "--wait")

    granted = await approver.cluster.user("ada")
    assert is_ready(granted)
    approved = next(it for it in granted.status.conditions if it.type == "Approved")
    assert (approved.status, approved.message) == ("True", "for the nightly report")


async def test_a_denial_can_be_reconsidered(approver: Person) -> None:
    await approver.does("token", "create", "ada", *ADA, *approver.issuer)
    await approver.cluster.user_where(is_unready("AwaitingApproval"), "ada")

    await approver.does("token", "deny", "ada", "-m", "ask for less")
    denied = await approver.cluster.user_where(is_unready("Denied"), "ada")
    assert condition(denied, "Approved") == ("False", "Denied")
    wait = ("token", "rotate", "ada", "--wait")
    assert "Denied" in await approver.fails(4, *wait)

    await approver.does("token", "grant", "ada")
    await approver.cluster.user_where(is_ready, "ada")


async def test_an_approval_that_nothing_waits_for_is_said_to_be_one(person: Person) -> None:
    await person.cluster.ready_user("ada")

    done = await person.tries("token", "grant", "ada")

    assert done.exit_code == 0
    assert "does not wait for an approval" in done.stderr


async def test_the_usual_commands_work_on_tokens_too(person: Person) -> None:
    await person.cluster.ready_user("ada")

    assert (await person.does("token", "list")).split()[:2] == ["NAME", "USER"]
    await person.does("token", "rotate", "ada", "--wait")
    await person.does("token", "revoke", "ada", "--wait")
    assert "Revoked" in await person.does("token", "show", "ada")
    await person.does("token", "delete", "ada", "--wait")
    await person.fails(3, "token", "show", "ada")
