"""`mintmaster inspect`: what a token or a Secret is, without showing it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from cli.person import typed
from mintmaster.tokens import opaque
from mintmaster.tokens.digests import digest

if TYPE_CHECKING:
    from cli.person import Person


async def test_a_secret_is_taken_apart_and_not_shown(person: Person) -> None:
    await person.cluster.ready_runner(
        "build", secret={"template": {"data": {"config": "token={{ token }}"}}}
    )
    token = (await person.cluster.secret_data("build-token"))["token"]

    for name in ("build-token", "secret/build-token"):
        said = await person.does("inspect", name)
        for expected in ("RunnerRegistration build", digest(token), "current, revision 1", "bytes"):
            assert expected in said
        assert token not in said


async def test_what_is_superseded_or_foreign_is_told_apart(person: Person) -> None:
    await person.cluster.ready_runner("build", secret={"previousTokenKey": "old"})
    await person.does("runner", "rotate", "build", "--wait")
    shown = await person.reads("inspect", "build-token")
    assert shown["keys"]["token"]["recorded"] == "current, revision 2"
    assert shown["keys"]["old"]["recorded"] == "superseded, revision 1"
    assert shown["edited"] is False

    await person.cluster.kubectl("create", "secret", "generic", "foreign", "--from-literal=a=b")
    shown = await person.reads("inspect", "foreign")
    assert shown["belongsTo"] is None
    assert shown["keys"]["a"]["format"] == "unknown"
    assert "not ours" in await person.does("inspect", "foreign")


async def test_a_secret_that_is_not_there(person: Person) -> None:
    assert "no Secret 'missing'" in await person.fails(3, "inspect", "missing")


async def test_a_jwt_on_standard_input_is_decoded(person: Person) -> None:
    await person.cluster.ready_runner("build")
    token = (await person.cluster.secret_data("build-token"))["token"]

    said = await person.does("inspect", "-", text=f" {token}\n")

    assert "in the form of ours; not verified" in said
    assert f"runner:{person.cluster.namespace}:build" in said
    assert token not in said


def test_opaque_tokens_are_known_by_their_check_characters() -> None:
    token = opaque.mint("glrt-")
    shown = json.loads(typed("inspect", token, "-o", "json").stdout)
    assert shown == {"format": "Opaque", "prefix": "glrt-", "digest": digest(token)}

    mistyped = ("A" if token[-1] != "A" else "B").join((token[:-1], ""))
    assert "neither" in typed("inspect", mistyped).stdout


def test_a_jwt_of_others_is_decoded_too() -> None:
    shown = typed("inspect", "eyJ0eXAiOiJKV1QiLCJhbGciOiJub25lIn0.eyJzdWIiOiJtZSJ9.AAAA").stdout

    assert "JWT of others; not verified" in shown
    assert "me" in shown


@pytest.mark.parametrize("octets", [b"\xff\xfe", "ä.ö.ü".encode(), b"\x00", b"..", b"a" * 5000])
@pytest.mark.parametrize("verb", ["inspect", "verify"])
def test_whatever_is_on_standard_input_is_looked_at_calmly(verb: str, octets: bytes) -> None:
    done = typed(verb, "-", text=octets)

    assert done.exit_code == {"inspect": 0, "verify": 1}[verb]
    assert "neither a JWT" in done.stdout or "no JWT" in done.stderr


def test_what_is_far_too_long_is_no_token() -> None:
    done = typed("inspect", "-", text="a" * 100_000)

    assert done.exit_code == 2
    assert "no token" in done.stderr
