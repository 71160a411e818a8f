"""REANA's API on a gate: who one is, asking for a token, and revoking one from afar."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

import msgspec
import pytest

from gate.compat.reana_bench import OPAQUE, reana_bench
from mintmaster import __version__
from mintmaster.api.kinds import USER_ACCESS_TOKEN
from mintmaster.tokens import opaque
from reconcile.reading import is_ready

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from gate.compat.reana_bench import ReanaBench
    from reconcile.harness import Cluster, Running, SettableClock

RFC1123 = re.compile(r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT")


@pytest.fixture
async def reana(
    cluster_user: Cluster,
    operator: Running,
    clock: SettableClock,
) -> AsyncIterator[ReanaBench]:
    async with reana_bench(cluster_user, clock) as bench:
        yield bench


async def test_a_ping_needs_no_token(reana: ReanaBench) -> None:
    answer = await reana.ask("GET", "/api/ping")

    assert (answer.status, answer.body) == (200, b'{"message":"OK","status":"200"}')
    assert answer.headers["Content-Type"] == "application/json"


async def test_who_one_is(reana: ReanaBench) -> None:
    token = await reana.user_token(
        user={"email": "ada@team.example", "username": "ada", "fullName": "Ada L."}, token=OPAQUE
    )

    answer = await reana.you(token)

    assert answer.status == 200
    said = answer.json
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", said.pop("id_"))
    assert RFC1123.fullmatch(said["reana_token"].pop("requested_at"))
    assert said == {
        "email": "ada@team.example",
        "reana_server_version": __version__,
        "reana_token": {"value": token, "status": "active"},
        "full_name": "Ada L.",
        "username": "ada",
        "quota": {"cpu": {}, "disk": {}},
    }


async def test_nothing_that_is_not_known_is_null(reana: ReanaBench) -> None:
    answer = await reana.signed_in("GET", "/api/you", await reana.user_token())

    assert answer.status == 200
    assert b"null" not in answer.body
    assert answer.json["reana_token"] == {}


async def test_without_a_token_nobody_is_signed_in(reana: ReanaBench) -> None:
    for answer in (
        await reana.ask("GET", "/api/you"),
        await reana.ask("PUT", "/api/token"),
        await reana.ask("GET", "/api/you", headers={"Authorization": "Basic YTpi"}),
    ):
        assert (answer.status, answer.body) == (401, b'{"message":"User not signed in"}')


async def test_a_bad_token_is_forbidden_as_clients_want_it(reana: ReanaBench) -> None:
    await reana.cluster.ready_runner(token=OPAQUE)
    of_a_runner = (await reana.cluster.secret_data("runner-token"))["token"]
    for bad in ("nonsense", opaque.mint(), of_a_runner, "a.b.c"):
        answer = await reana.you(bad)
        assert (answer.status, answer.body) == (403, b'{"message":"Token not valid."}'), bad


async def test_a_revoked_token_is_said_to_be_revoked(reana: ReanaBench) -> None:
    token = await reana.user_token()
    await reana.cluster.patch(USER_ACCESS_TOKEN, "ada", {"spec": {"revoked": True}})

    async def told() -> tuple[int, bytes]:
        answer = await reana.you(token)
        return answer.status, answer.body

    await reana.cluster.until(
        told, lambda it: it == (403, b'{"message":"User access token revoked."}')
    )


async def test_who_asks_for_a_token_gets_a_resource_that_is_requested(reana: ReanaBench) -> None:
    signed_in = await reana.user_token()

    answer = await reana.signed_in("PUT", "/api/token", signed_in)

    assert answer.status == 200
    described = answer.json["reana_token"]
    assert described["status"] == "requested"
    assert RFC1123.fullmatch(described["requested_at"])
    account = await reana.cluster.until(reana.account, lambda it: it.status.state)
    assert account.status.state == "Requested"
    assert account.spec.user.email == "ada@team.example"
    assert account.spec.requested_by is not None
    assert account.spec.requested_by.subject == "user:ada@team.example"
    assert "requested" in (await reana.signed_in("GET", "/api/you", signed_in)).body.decode()


async def test_asking_again_is_the_error_that_it_is_there(reana: ReanaBench) -> None:
    signed_in = await reana.user_token()
    both = await asyncio.gather(
        reana.signed_in("PUT", "/api/token", signed_in),
        reana.signed_in("PUT", "/api/token", signed_in),
    )
    assert sorted(answer.status for answer in both) == [200, 500]

    again = await reana.signed_in("PUT", "/api/token", signed_in)

    assert (again.status, again.json) == (
        500,
        {"message": "User has already a requested access token."},
    )


async def test_nobody_is_told_of_another_users_account(reana: ReanaBench) -> None:
    await reana.signed_in("PUT", "/api/token", await reana.user_token("ada"))

    other = await reana.signed_in("PUT", "/api/token", await reana.user_token("bob"))

    assert other.status == 200
    assert (await reana.account("bob@team.example")).spec.user.email == "bob@team.example"


@pytest.mark.parametrize("by", ["email", "user_id"])
async def test_a_manager_revokes_a_token(reana: ReanaBench, by: str) -> None:
    token = await reana.user_token(token=OPAQUE)
    said = (await reana.you(token)).json
    if by == "user_id":
        label = {"metadata": {"labels": {"mintmaster.dev/reana-user-id": said["id_"]}}}
        await reana.cluster.patch(USER_ACCESS_TOKEN, "ada", label)
    named = {"email": said["email"], "user_id": said["id_"]}

    answer = await reana.revoke(msgspec.json.encode({by: named[by]}))

    assert (answer.status, answer.json) == (
        200,
        {
            "status": 200,
            "id_": said["id_"],
            "email": "ada@team.example",
            "message": "Access token revoked.",
            "reana_token": {"status": "revoked"},
        },
    )
    assert (await reana.you(token)).status == 403
    assert (await reana.cluster.user("ada")).spec.revoked
    gone = await reana.revoke(msgspec.json.encode({by: named[by]}))
    assert (gone.status, gone.json) == (
        404,
        {"message": "No active token to revoke for the given user.", "status": 404},
    )


async def test_after_a_revocation_one_may_ask_again(reana: ReanaBench) -> None:
    signed_in = await reana.user_token()
    await reana.signed_in("PUT", "/api/token", signed_in)
    name = (await reana.account()).metadata.name
    await reana.cluster.patch(USER_ACCESS_TOKEN, name, {"spec": {"revoked": True}})

    assert (await reana.signed_in("PUT", "/api/token", signed_in)).status == 200
    assert (await reana.cluster.user(f"{name}-2")).spec.user.email == "ada@team.example"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "Invalid request. Expected application/json body."),
        (b"[]", "Invalid request. Expected application/json body."),
        (b"{", "Invalid request. Expected application/json body."),
        (b'{"email":3}', "Invalid request. Errors: not a valid string."),
        (b'{"other":"x"}', "Exactly one of `user_id` or `email` must be provided."),
        (
            b'{"email":"a@b.c","user_id":"x"}',
            "Exactly one of `user_id` or `email` must be provided.",
        ),
    ],
)
async def test_a_manager_has_to_name_one_user(reana: ReanaBench, body: bytes, message: str) -> None:
    answer = await reana.revoke(body)

    assert (answer.status, answer.json) == (400, {"message": message, "status": 400})


@pytest.mark.parametrize(
    "body", [b'{"email":"nobody@team.example"}', b'{"user_id":"nobody"}', b'{"email":"../x#y"}']
)
async def test_a_user_without_a_token_has_none_to_revoke(reana: ReanaBench, body: bytes) -> None:
    answer = await reana.revoke(body)

    assert answer.status == 404
    assert answer.json["message"] == "No active token to revoke for the given user."


async def test_only_administrators_manage_tokens(reana: ReanaBench) -> None:
    body = b'{"email":"admin@team.example"}'
    unknown = await reana.revoke(body, secret="wrong")
    nobody = await reana.ask("DELETE", "/api/token", data=body)
    user = await reana.revoke(body, secret=await reana.user_token())

    for answer in (unknown, nobody):
        assert (answer.status, answer.json) == (401, {"message": "Unauthorized", "status": 401})
    assert (user.status, user.json) == (
        403,
        {"message": "Token management endpoint is not configured.", "status": 403},
    )
    assert is_ready(await reana.cluster.user("admin"))


async def test_what_cannot_be_read_is_a_bad_request(reana: ReanaBench) -> None:
    answer = await reana.you("%ff")

    assert (answer.status, answer.body) == (400, b'{"message":"The request cannot be read."}')


async def test_other_methods_are_not_allowed(reana: ReanaBench) -> None:
    assert (await reana.ask("POST", "/api/you")).status == 405
    assert (await reana.ask("GET", "/api/token")).status == 405


async def test_where_it_is_not_switched_on_there_is_nothing(reana: ReanaBench) -> None:
    await reana.cluster.edit_issuer(compatibleApis=[])

    async def status() -> int:
        return (await reana.ask("GET", "/api/ping")).status

    await reana.cluster.until(status, lambda it: it == 404)
