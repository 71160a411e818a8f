"""Personal access tokens over HTTP, on a real API server."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from gate.compat.gitlab_site import GitLab

WHOLE = {
    "id",
    "name",
    "revoked",
    "created_at",
    "description",
    "scopes",
    "user_id",
    "last_used_at",
    "last_used_ips",
    "active",
    "expires_at",
    "token",
}
SELF = "/personal_access_tokens/self"


async def user_id(gitlab: GitLab, token: str) -> int:
    found: int = (await gitlab.ask("GET", "/user", token)).json["id"]
    return found


async def made(gitlab: GitLab, root: str, owner: str, **fields: Any) -> Any:
    """A token for the owner, which the administrator makes."""
    body = {"name": "robot", "scopes": ["api", "read_api"]} | fields
    path = f"/users/{await user_id(gitlab, owner)}/personal_access_tokens"
    answer = await gitlab.ask("POST", path, root, body)
    assert answer.status == 201, answer
    return answer.json


async def status(gitlab: GitLab, token: str) -> int:
    return (await gitlab.ask("GET", SELF, token)).status


async def test_whoever_asks_is_told_who_they_are(gitlab: GitLab) -> None:
    user = {"email": "ada@team.example", "username": "ada"}
    owner = await gitlab.person("ada", user=user, scopes=["read_user"])
    shown = (await gitlab.ask("GET", "/user", owner)).json
    assert (shown["username"], shown["email"], shown["is_admin"]) == (
        "ada",
        "ada@team.example",
        False,
    )
    assert shown["web_url"] == "https://gitlab.example.org/ada"
    assert (await gitlab.ask("GET", "/version", owner)).json["version"].startswith("17.")
    root = await gitlab.administrator()
    assert (await gitlab.ask("GET", "/user", root)).json["is_admin"] is True


async def test_an_administrator_makes_a_token_for_a_user(gitlab: GitLab) -> None:
    owner, root = await gitlab.person(), await gitlab.administrator()
    day = (datetime.now(UTC) + timedelta(days=30)).date().isoformat()
    token = await made(gitlab, root, owner, expires_at=day, description="for builds")
    assert set(token) == WHOLE
    assert token["token"].startswith("glpat-")
    assert (token["name"], token["description"]) == ("robot", "for builds")
    assert (token["revoked"], token["active"], token["expires_at"]) == (False, True, day)
    assert token["user_id"] == await user_id(gitlab, owner)
    resource = await gitlab.token(token["id"])
    assert resource.spec.user.email == "owner@team.example"
    assert resource.status.tokens[0].rights.projects == ("3",)
    end = resource.status.expires_at
    assert end is not None
    assert (
        timedelta() <= end - datetime.fromisoformat(day).replace(tzinfo=UTC) < timedelta(seconds=20)
    )
    runner = await gitlab.create(token["token"])
    assert runner["token"].startswith("glrt-")


async def test_a_token_is_listed_shown_and_revoked(gitlab: GitLab) -> None:
    owner, root = await gitlab.person(), await gitlab.administrator()
    token = await made(gitlab, root, owner)
    path = f"/personal_access_tokens/{token['id']}"
    listed = (await gitlab.ask("GET", "/personal_access_tokens", owner)).json
    assert len(listed) == 2
    shown = (await gitlab.ask("GET", path, owner)).json
    assert shown in listed
    assert shown == {name: value for name, value in token.items() if name != "token"}
    assert (await gitlab.ask("GET", SELF, token["token"])).json == shown
    associations = await gitlab.ask("GET", f"{SELF}/associations", token["token"])
    assert associations.json == {"groups": [], "projects": [{"id": 3}]}
    everybodys = await gitlab.ask("GET", "/personal_access_tokens", root)
    assert everybodys.headers["X-Total"] == "3"

    assert (await gitlab.ask("DELETE", path, owner)).status == 204
    assert await status(gitlab, token["token"]) == 401
    assert (await gitlab.token(token["id"])).spec.revoked
    revoked = await gitlab.ask("GET", "/personal_access_tokens?revoked=true", owner)
    assert [(it["id"], it["revoked"], it["active"]) for it in revoked.json] == [
        (token["id"], True, False)
    ]
    active = await gitlab.ask("GET", "/personal_access_tokens?state=active", owner)
    assert [it["id"] for it in active.json] != [token["id"]]


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("created_after=2020-01-01", 2),
        ("created_before=2020-01-01", 0),
        ("expires_before=2020-01-01", 0),
        ("expires_after=2020-01-01", 1),
        ("state=inactive", 0),
        ("per_page=1", 1),
    ],
)
async def test_lists_are_filtered(gitlab: GitLab, query: str, count: int) -> None:
    owner, root = await gitlab.person(), await gitlab.administrator()
    await made(gitlab, root, owner)
    answer = await gitlab.ask("GET", f"/personal_access_tokens?{query}", owner)
    assert len(answer.json) == count


async def test_a_token_ends_itself(gitlab: GitLab) -> None:
    owner, root = await gitlab.person(), await gitlab.administrator()
    token = (await made(gitlab, root, owner, scopes=["read_user"]))["token"]
    assert (await gitlab.ask("DELETE", SELF, token)).status == 204
    assert await status(gitlab, token) == 401
    assert await status(gitlab, owner) == 200


async def test_everybody_makes_small_tokens_for_themselves(gitlab: GitLab) -> None:
    scopes = ["api", "k8s_proxy"]
    owner = await gitlab.person(scopes=scopes)
    body = {"name": "agent", "scopes": ["k8s_proxy"]}
    answer = await gitlab.ask("POST", "/user/personal_access_tokens", owner, body)
    assert answer.status == 201
    rights = (await gitlab.token(answer.json["id"])).status.tokens[0].rights
    assert (rights.scopes, rights.subject) == (("k8s_proxy",), "user:owner@team.example")


async def test_one_key_is_one_access_token(gitlab: GitLab) -> None:
    owner = await gitlab.person(scopes=["api", "k8s_proxy"])

    async def create(name: str) -> tuple[int, Any]:
        body = {"name": name, "scopes": ["k8s_proxy"]}
        key = {"Idempotency-Key": "k1"}
        answer = await gitlab.ask("POST", "/user/personal_access_tokens", owner, body, **key)
        return answer.status, answer.json

    (_, first), (_, last) = await create("agent"), await create("agent")
    assert first["id"] == last["id"]
    assert (await status(gitlab, first["token"]), await status(gitlab, last["token"])) == (401, 200)
    assert (await create("another"))[0] == 409


async def test_a_rotation_makes_another_token_and_ends_the_old_one(gitlab: GitLab) -> None:
    owner, root = await gitlab.person(), await gitlab.administrator()
    first = await made(gitlab, root, owner, scopes=["api", "self_rotate"])
    answer = await gitlab.ask("POST", f"{SELF}/rotate", first["token"], {})
    assert answer.status == 200
    second = answer.json
    assert set(second) == WHOLE
    assert second["id"] != first["id"]
    assert (second["name"], second["scopes"]) == (first["name"], first["scopes"])
    assert await status(gitlab, first["token"]) == 401
    assert await status(gitlab, second["token"]) == 200
    path = f"/personal_access_tokens/{second['id']}/rotate"
    day = (datetime.now(UTC) + timedelta(days=3)).date().isoformat()
    third = await gitlab.ask("POST", path, root, {"expires_at": day})
    assert (third.status, third.json["expires_at"]) == (200, day)
    again = await gitlab.ask("POST", path, root)
    assert (again.status, again.json) == (
        400,
        {"message": "400 Bad request - Token already revoked"},
    )


async def test_a_rotated_token_that_is_rotated_again_ends_its_whole_family(gitlab: GitLab) -> None:
    owner, root = await gitlab.person(), await gitlab.administrator()
    first = await made(gitlab, root, owner)
    bystander = await made(gitlab, root, owner)
    second = (await gitlab.ask("POST", f"{SELF}/rotate", first["token"])).json
    third = (await gitlab.ask("POST", f"{SELF}/rotate", second["token"])).json
    # Only on this path: else anybody who finds an old token could end the new one.
    assert await status(gitlab, first["token"]) == 401
    assert await status(gitlab, third["token"]) == 200
    answer = await gitlab.ask("POST", f"{SELF}/rotate", first["token"])
    assert (answer.status, answer.json["error"]) == (401, "invalid_token")
    assert await status(gitlab, third["token"]) == 401
    assert await status(gitlab, bystander["token"]) == 200
    revoked = [it.spec.revoked for it in await gitlab.tokens()]
    assert revoked.count(True) == 3


async def test_of_two_rotations_at_a_time_one_succeeds(gitlab: GitLab) -> None:
    owner, root = await gitlab.person(), await gitlab.administrator()
    first = await made(gitlab, root, owner)
    found = await asyncio.gather(
        *(gitlab.ask("POST", f"{SELF}/rotate", first["token"]) for _ in range(4))
    )
    assert [it.status for it in found].count(200) == 1
    assert {it.status for it in found} <= {200, 400, 401}


async def test_a_wider_token_of_the_same_user_is_not_to_be_had_by_rotating_it(
    gitlab: GitLab,
) -> None:
    owner, root = await gitlab.person(projects=["3", "4"]), await gitlab.administrator()
    wide = await made(gitlab, root, owner)
    narrow = await gitlab.person("narrow", user={"email": "owner@team.example"})
    path = f"/personal_access_tokens/{wide['id']}/rotate"
    assert (await gitlab.ask("POST", path, narrow)).status == 403
    assert await status(gitlab, wide["token"]) == 200


async def test_a_token_that_kubectl_applied_is_revoked_over_http(gitlab: GitLab) -> None:
    owner = await gitlab.person()
    other = await gitlab.person("second", user={"email": "owner@team.example"})
    number = (await gitlab.ask("GET", SELF, other)).json["id"]
    assert (await gitlab.ask("DELETE", f"/personal_access_tokens/{number}", owner)).status == 204
    assert await status(gitlab, other) == 401
    await gitlab.cluster.user_where(lambda it: it.status.state == "Revoked", "second")
    await gitlab.cluster.secret_gone("second-token")
