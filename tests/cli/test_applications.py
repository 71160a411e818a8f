"""`mintmaster application`: client ids and client secrets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mintmaster.tokens.digests import digest
from reconcile.reading import is_ready

if TYPE_CHECKING:
    from cli.person import Person


@pytest.fixture
async def owner(person: Person) -> Person:
    """Somebody with an issuer of access tokens, which a gate signs."""
    name = f"{person.cluster.issuer}-gate"
    await person.cluster.create_issuer(
        name, signer="Gate", limits={"defaultLifetime": "1h", "maxLifetime": "1h"}
    )
    await person.cluster.issuer_where(is_ready, name)
    person.cluster.issuer = name
    return person


async def test_client_id_and_client_secret_come_into_a_secret(owner: Person) -> None:
    await owner.does("application", "create", "ci", "--role", "Researcher", *owner.issuer, "--wait")

    data = await owner.cluster.secret_data("ci-token")
    assert data["client-id"] == f"{owner.cluster.namespace}.ci"
    assert await owner.does("application", "show", "ci", "--print-token") == (
        f"{data['client-secret']}\n"
    )


async def test_a_caller_gets_the_client_secret_and_is_told_the_client_id(owner: Person) -> None:
    done = await owner.tries("application", "create", "ci", "--delivery", "caller", *owner.issuer)

    assert done.exit_code == 0, done.output
    first = done.stdout.strip()
    assert first.startswith("mms_")
    assert f"clientId: {owner.cluster.namespace}.ci" in done.stderr

    second = await owner.reads("application", "rotate", "ci")
    assert second["clientId"] == f"{owner.cluster.namespace}.ci"
    shown = await owner.reads("application", "show", "ci")
    digests = {it["revision"]: it["digest"] for it in shown["status"]["secrets"]}
    assert digests == {1: digest(first), 2: digest(second["token"])}


async def test_the_usual_commands_work_on_applications_too(owner: Person) -> None:
    await owner.does("application", "create", "ci", *owner.issuer, "--wait")

    assert (await owner.does("application", "list")).split()[:2] == ["NAME", "CLIENT"]
    assert f"{owner.cluster.namespace}.ci" in await owner.does("application", "show", "ci")
    await owner.does("application", "rotate", "ci", "--wait")
    await owner.does("application", "revoke", "ci", "--wait")
    await owner.does("application", "delete", "ci", "--wait")
    await owner.fails(3, "application", "show", "ci")


async def test_what_becomes_of_an_application_is_shown_and_foreseen(owner: Person) -> None:
    create = ("application", "create", "ci", "--role", "Researcher", "--disabled", *owner.issuer)
    manifest = await owner.does(*create, "--access-token-lifetime", "30m", "--manifest")

    foreseen = await owner.does("diff", "-", text=manifest)
    assert f"subject: app:{owner.cluster.namespace}.ci" in foreseen
    assert "client-secret: <token>" in foreseen

    await owner.does(*create, "--access-token-lifetime", "30m", "--wait")
    assert "'client-secret'" in await owner.does("status", "application/ci")
    shown = await owner.does("application", "show", "ci")
    for expected in (f"{owner.cluster.namespace}.ci", "gates refuse it", "live 30m"):
        assert expected in shown
    held = await owner.reads("inspect", "ci-token")
    assert held["keys"]["client-secret"]["recorded"] == "current, revision 1"
