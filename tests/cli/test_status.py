"""`mintmaster status` on a real API server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from reconcile.reading import is_unready

if TYPE_CHECKING:
    from cli.person import Person

OK = {"ok"}


def levels(found: Any) -> set[str]:
    return {finding["level"] for finding in found["findings"]}


async def test_everything_is_well_from_the_resource_to_the_key(person: Person) -> None:
    await person.cluster.ready_runner("build")

    issuer = f"issuer {person.cluster.issuer}"
    steps = ["resource", issuer, f"{issuer} keys", "secret build-token", "token revision 1", "key"]
    for name in ("rr/build", "runner/build", "runnerregistrations.mintmaster.dev/build"):
        found = await person.reads("status", name)
        assert levels(found) == OK
        assert [it["subject"] for it in found["findings"]] == [*steps, "operator"]


async def test_what_is_wrong_comes_with_what_to_do_and_an_exit_code(person: Person) -> None:
    await person.cluster.create_runner("bad", scopes=["unknown"])
    await person.cluster.runner_where(is_unready("ScopeUnknown"), "bad")

    said = await person.fails(1, "status", "rr/bad")

    assert "PROBLEM resource" in said
    assert "ScopeUnknown" in said
    assert "-> Correct the scope" in said


async def test_an_issuer_that_is_missing_is_said_to_be(person: Person) -> None:
    person.cluster.issuer = "missing"
    await person.cluster.create_user("ada")
    await person.cluster.user_where(is_unready("IssuerNotFound"), "ada")

    assert "there is none of this name" in await person.fails(1, "status", "token/ada")


async def test_what_a_caller_holds_has_no_secret(person: Person) -> None:
    await person.does("runner", "create", "build", "--delivery", "caller", *person.issuer)

    assert "only the caller holds the token" in await person.does("status", "rr/build")


async def test_an_issuer_can_be_asked_about(person: Person) -> None:
    assert "signs" in await person.does("status", f"issuer/{person.cluster.issuer}")


@pytest.mark.parametrize("name", ["build", "pod/build", "rr/", "/build"])
async def test_what_names_no_resource_of_ours_is_wrong_usage(person: Person, name: str) -> None:
    assert "KIND/NAME" in await person.fails(2, "status", name)


async def test_a_resource_that_is_not_there(person: Person) -> None:
    await person.fails(3, "status", "rr/missing")


async def test_where_no_operator_ever_led_that_is_said(person: Person) -> None:
    await person.cluster.ready_runner("build")

    said = await person.fails(
        1, "status", "rr/build", "--operator-namespace", person.cluster.namespace
    )

    assert "no operator has ever led here" in said
