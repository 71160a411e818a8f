"""Run:ai's API on a gate: applications under each of their names, and who may what."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from gate.compat.runai_bench import SERVICE_ACCOUNTS, runai_bench
from mintmaster.api.kinds import CLIENT_APPLICATION
from reconcile.reading import is_ready

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from gate.compat.runai_bench import RunAiBench
    from gate.harness import Answer
    from gate.mint import Mint

UNKNOWN_ID = "6f0e7c1a-0000-4000-8000-000000000001"


@pytest.fixture
async def runai(mint: Mint) -> AsyncIterator[RunAiBench]:
    async with runai_bench(mint) as bench:
        yield bench


# Applications -------------------------------------------------------------------------------------


async def test_the_life_of_a_service_account(runai: RunAiBench) -> None:
    boss = await runai.token_of("boss", "Administrator")

    made = await runai.ask(boss, "POST", SERVICE_ACCOUNTS, {"name": "nightly"})

    assert made.status == 201
    own_id, secret = made.json["id"], made.json["clientSecret"]
    assert made.json["name"] == "nightly"
    assert made.json["clientId"] == f"{runai.mint.cluster.namespace}.nightly"
    one = f"{SERVICE_ACCOUNTS}/{own_id}"
    resource = await runai.mint.cluster.application("nightly")
    assert resource.metadata.uid == own_id
    assert is_ready(resource)
    token = await runai.token("nightly", secret)
    assert await runai.mint.is_active(token)

    shown = (await runai.ask(boss, "GET", one)).json
    assert shown == {
        "name": "nightly",
        "createdBy": f"app:{runai.mint.cluster.namespace}.boss",
        "createdAt": shown["createdAt"],
        "updatedAt": shown["updatedAt"],
        "enabled": True,
        "lastLogin": None,
        "id": own_id,
        "clientId": made.json["clientId"],
    }
    assert shown in (await runai.ask(boss, "GET", SERVICE_ACCOUNTS)).json

    off = await runai.ask(boss, "PATCH", one, {"enabled": False})
    assert (off.status, off.json["enabled"]) == (200, False)
    assert not await runai.mint.is_active(token)
    assert (await runai.first("nightly", secret)).status == 400
    await runai.ask(boss, "PATCH", one, {"enabled": True})
    await runai.token("nightly", secret)

    other = await runai.ask(boss, "POST", f"{one}/secret")
    assert (other.status, list(other.json)) == (200, ["clientSecret"])
    assert (await runai.first("nightly", secret)).status == 400
    await runai.token("nightly", other.json["clientSecret"])

    assert (await runai.ask(boss, "DELETE", one)).status == 204
    assert (await runai.ask(boss, "GET", one)).status == 404
    assert (await runai.first("nightly", other.json["clientSecret"])).status == 400
    await runai.mint.cluster.gone(CLIENT_APPLICATION, "nightly")


async def test_applications_as_they_were_called_before(runai: RunAiBench) -> None:
    boss = await runai.token_of("boss", "Administrator")

    made = await runai.ask(boss, "POST", "/api/v1/apps", {"name": "old-style"})

    assert made.status == 201
    await runai.token(made.json["clientId"], made.json["secret"])
    other = await runai.ask(boss, "POST", f"/api/v1/apps/{made.json['id']}/secret")
    assert list(other.json) == ["secret"]
    await runai.token("old-style", other.json["secret"])


async def test_what_somebody_applied_can_be_seen_but_its_secret_stays_in_its_secret(
    runai: RunAiBench,
) -> None:
    boss = await runai.token_of("boss", "Administrator")
    await runai.application("applied", "Researcher")
    listed = (await runai.ask(boss, "GET", SERVICE_ACCOUNTS)).json
    (applied,) = [it for it in listed if it["name"] == "applied"]

    refused = await runai.ask(boss, "POST", f"{SERVICE_ACCOUNTS}/{applied['id']}/secret")

    assert (refused.status, refused.json) == (
        403,
        {"code": 403, "message": "the client secret is in a Secret, where it is renewed"},
    )
    revoked = {"spec": {"revoked": True}}
    await runai.mint.cluster.patch(CLIENT_APPLICATION, "applied", revoked)
    left = (await runai.ask(boss, "GET", SERVICE_ACCOUNTS)).json
    assert "applied" not in [it["name"] for it in left]


@pytest.mark.parametrize("name", ["", "A", "9a", "a", "a-", "ends_", "a" * 64, "with_one", 7])
async def test_a_name_has_to_fit(runai: RunAiBench, name: object) -> None:
    boss = await runai.token_of("boss", "Administrator")

    answer = await runai.ask(boss, "POST", SERVICE_ACCOUNTS, {"name": name})

    assert (answer.status, answer.json["code"]) == (400, 400)


async def test_a_name_is_taken_once_and_a_retry_gets_the_same(runai: RunAiBench) -> None:
    boss = await runai.token_of("boss", "Administrator")
    both = await asyncio.gather(
        *(runai.ask(boss, "POST", SERVICE_ACCOUNTS, {"name": "twice"}) for _ in range(2))
    )

    assert sorted(answer.status for answer in both) == [201, 409]


async def test_a_request_with_the_same_key_gets_another_secret_for_the_same(
    runai: RunAiBench,
) -> None:
    boss = await runai.token_of("boss", "Administrator")
    headers = {
        "Authorization": f"Bearer {boss}",
        "Content-Type": "application/json",
        "Idempotency-Key": "once",
    }

    both = [
        await runai.mint.gate.ask(
            "POST",
            runai.mint.gate.path(SERVICE_ACCOUNTS),
            data=b'{"name":"nightly"}',
            headers=headers,
        )
        for _ in range(2)
    ]

    first, last = (answer.json for answer in both)
    assert first["id"] == last["id"]
    assert (await runai.first("nightly", first["clientSecret"])).status == 400
    await runai.token("nightly", last["clientSecret"])
    # Another key is another request, for a name that is taken: nobody's secret ends by it.
    other = await runai.mint.gate.ask(
        "POST",
        runai.mint.gate.path(SERVICE_ACCOUNTS),
        data=b'{"name":"nightly"}',
        headers=headers | {"Idempotency-Key": "twice"},
    )
    assert (other.status, other.json) == (409, {"code": 409, "message": "the name is taken"})
    await runai.token("nightly", last["clientSecret"])


async def test_nobody_has_more_than_twenty_access_keys(runai: RunAiBench) -> None:
    token = await runai.token_of("reports", "Researcher")
    for number in range(20):
        made = await runai.ask(token, "POST", "/api/v1/access-keys", {"name": f"key{number}"})
        assert made.status == 201

    answer = await runai.ask(token, "POST", "/api/v1/access-keys", {"name": "more"})

    assert (answer.status, answer.json["code"]) == (409, 409)


async def test_enabled_is_true_or_false(runai: RunAiBench) -> None:
    boss = await runai.token_of("boss", "Administrator")
    made = await runai.ask(boss, "POST", SERVICE_ACCOUNTS, {"name": "nightly"})

    for body in ({}, {"enabled": "no"}, {"enabled": None}):
        answer = await runai.ask(boss, "PATCH", f"{SERVICE_ACCOUNTS}/{made.json['id']}", body)
        assert answer.status == 400


async def test_access_keys_are_everybodys_own(runai: RunAiBench) -> None:
    researcher = await runai.token_of("reports", "Researcher", projects=["3"])
    other = await runai.token_of("other", "Researcher", projects=["3"])

    made = await runai.ask(researcher, "POST", "/api/v1/access-keys", {"name": "laptop"})

    assert made.status == 201
    key = f"/api/v1/access-keys/{made.json['id']}"
    token = await runai.token(made.json["clientId"], made.json["clientSecret"])
    said = await runai.ask(token, "GET", "/api/v1/authorization/me/access-rules")
    rule = said.json["accessRules"]["accessRules"][0]
    assert (rule["roleName"], rule["scopeType"], rule["scopeId"]) == ("Researcher", "project", "3")
    listed = (await runai.ask(researcher, "GET", "/api/v1/access-keys")).json
    assert [it["name"] for it in listed["accessKeys"]] == ["laptop"]
    assert (await runai.ask(other, "GET", "/api/v1/access-keys")).json == {"accessKeys": []}
    for method, path in (("GET", key), ("DELETE", key), ("POST", f"{key}/secret")):
        assert (await runai.ask(other, method, path)).status == 404
    boss = await runai.token_of("boss", "Administrator")
    everybodys = await runai.ask(boss, "GET", "/api/v1/administration/access-keys")
    assert "laptop" in [it["name"] for it in everybodys.json["accessKeys"]]
    gone = await runai.ask(boss, "DELETE", f"/api/v1/administration/access-keys/{made.json['id']}")
    assert gone.status == 204


# Who may what -------------------------------------------------------------------------------------

MY_RULES = "/api/v1/authorization/me/access-rules"
MANAGING = [
    ("GET", SERVICE_ACCOUNTS),
    ("POST", SERVICE_ACCOUNTS),
    ("GET", f"{SERVICE_ACCOUNTS}/{UNKNOWN_ID}"),
    ("PATCH", f"{SERVICE_ACCOUNTS}/{UNKNOWN_ID}"),
    ("DELETE", f"{SERVICE_ACCOUNTS}/{UNKNOWN_ID}"),
    ("POST", f"{SERVICE_ACCOUNTS}/{UNKNOWN_ID}/secret"),
    ("GET", "/api/v1/apps"),
    ("POST", "/api/v1/apps"),
    ("GET", "/api/v1/administration/access-keys"),
    ("DELETE", f"/api/v1/administration/access-keys/{UNKNOWN_ID}"),
    ("GET", "/api/v1/authorization/access-rules"),
    ("GET", "/api/v1/authorization/access-rules/count"),
    ("GET", "/api/v1/authorization/access-rules/7"),
]
OPEN_TO_ALL = [
    ("GET", "/api/v1/access-keys"),
    ("GET", "/api/v1/user-applications"),
    ("GET", "/api/v1/authorization/roles"),
    ("GET", "/api/v1/authorization/me/access-rules"),
    ("GET", "/api/v1/authorization/me/access-rules/count"),
]


async def test_only_administrators_manage_applications(runai: RunAiBench) -> None:
    for role in ("Researcher", "Editor"):
        token = await runai.token_of(role.lower(), role, projects=["*"])
        for method, path in MANAGING:
            answer = await runai.ask(token, method, path, {"name": "more"})
            assert (answer.status, answer.json) == (403, {"code": 403, "message": "Forbidden"})
        for method, path in OPEN_TO_ALL:
            assert (await runai.ask(token, method, path)).status == 200, path


async def test_without_a_token_there_is_nothing(runai: RunAiBench) -> None:
    for token in ("", "nonsense", "a.b.c"):
        for method, path in MANAGING + OPEN_TO_ALL:
            answer = await runai.ask(token, method, path)
            assert (answer.status, answer.json) == (401, {"code": 401, "message": "Unauthorized"})


async def test_nobody_gets_more_than_they_have(runai: RunAiBench) -> None:
    """An administrator of applications who has no project can hand out none of another's."""
    boss = await runai.token_of("boss", "Administrator")
    made = await runai.ask(boss, "POST", SERVICE_ACCOUNTS, {"name": "grown", "roles": ["Editor"]})
    assert (await runai.mint.cluster.application("grown")).spec.roles == ()
    grown = {"spec": {"roles": ["Researcher"], "projects": ["3"]}}
    await runai.mint.cluster.patch(CLIENT_APPLICATION, "grown", grown)

    async def token() -> Answer:
        return await runai.first("grown", made.json["clientSecret"])

    async def rules() -> int:
        said = await runai.ask((await token()).json["accessToken"], "GET", MY_RULES)
        return len(said.json["accessRules"]["accessRules"])

    await runai.mint.cluster.until(rules, lambda count: count == 1)

    answer = await runai.ask(boss, "POST", f"{SERVICE_ACCOUNTS}/{made.json['id']}/secret")

    assert answer.status == 403
    key = await runai.ask(boss, "POST", "/api/v1/access-keys", {"name": "mine", "roles": ["x"]})
    assert key.status == 201
    assert (await runai.mint.cluster.application("mine")).spec.roles == ("Administrator",)


# Roles and rules ----------------------------------------------------------------------------------


async def test_roles_are_those_of_the_issuer(runai: RunAiBench) -> None:
    token = await runai.token_of("reports", "Researcher")

    roles = (await runai.ask(token, "GET", "/api/v1/authorization/roles")).json

    assert [it["name"] for it in roles] == ["Researcher", "Editor", "Administrator"]
    one = await runai.ask(token, "GET", f"/api/v1/authorization/roles/{roles[0]['id']}")
    assert one.json == roles[0]
    assert one.json["scopes"] == ["jobs"]
    assert (await runai.ask(token, "GET", "/api/v1/authorization/roles/0")).status == 404


async def test_rules_follow_from_what_applications_have(runai: RunAiBench) -> None:
    await runai.application("reports", "Researcher", "Editor", projects=["3", "4"])
    boss = await runai.token_of("boss", "Administrator", projects=["*"])
    rules = "/api/v1/authorization/access-rules"

    page = (await runai.ask(boss, "GET", f"{rules}?limit=2&offset=1")).json
    assert (page["totalRecords"], page["displayRecords"]) == (5, 2)
    tenant = (await runai.ask(boss, "GET", f"{rules}?scopeType=tenant")).json["accessRules"]
    assert [it["roleName"] for it in tenant] == ["Administrator"]
    one = await runai.ask(boss, "GET", f"{rules}/{tenant[0]['id']}")
    assert one.json == tenant[0]
    assert (await runai.ask(boss, "GET", f"{rules}/count")).json == {"count": 5}
    assert (await runai.ask(boss, "GET", f"{rules}?limit=many")).status == 400
    assert (await runai.ask(boss, "GET", f"{rules}/9")).status == 404
    for method, path in (("POST", rules), ("DELETE", f"{rules}/9"), ("POST", f"{rules}/batch")):
        answer = await runai.ask(boss, method, path, {"subjectId": "x"})
        assert answer.status == 403
        assert "spec.roles" in answer.json["message"]


async def test_other_paths_and_methods(runai: RunAiBench) -> None:
    assert (await runai.ask("", "GET", "/api/v1/users")).status == 404
    assert (await runai.ask("", "PUT", "/api/v1/token")).status == 405
