"""Runners made over HTTP and by kubectl are the same runners, on a real API server."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from gate.compat.gitlab_site import answering
from mintmaster.api.kinds import RUNNER_REGISTRATION
from mintmaster.lifecycle.identity import numeric_id
from reconcile.builders import grant
from reconcile.reading import is_ready

if TYPE_CHECKING:
    from gate.compat.gitlab_site import GitLab
    from gate.harness import Gate
    from reconcile.harness import Cluster

SEVERAL = {
    "description": "bot-runner",
    "maintenance_note": "ask Ada\nfirst",
    "tag_list": "shell, gdk",
    "run_untagged": False,
    "locked": True,
    "access_level": "ref_protected",
    "maximum_timeout": 3600,
}


async def verified(gitlab: GitLab, token: str) -> int:
    return (await gitlab.ask("POST", "/runners/verify", json={"token": token})).status


async def test_a_runner_is_made_and_kubectl_shows_it(gitlab: GitLab) -> None:
    owner = await gitlab.person(scopes=["create_runner"])
    made = await gitlab.create(owner, **SEVERAL)
    assert list(made) == ["id", "token", "token_expires_at"]
    assert made["token"].startswith("glrt-t3_")
    assert made["token_expires_at"] is None
    runner = await gitlab.runner(made["id"])
    spec, asker = runner.spec, await gitlab.cluster.user("owner")
    assert runner.status.state == "Active"
    assert (spec.project, spec.tags, spec.run_untagged) == ("3", ("shell", "gdk"), False)
    assert (spec.description, spec.maintenance_note) == ("bot-runner", "ask Ada\nfirst")
    assert (spec.locked, spec.access_level, spec.maximum_timeout) == (True, "RefProtected", "1h")
    assert spec.requested_by is not None
    assert spec.requested_by.uid == asker.metadata.uid
    assert spec.requested_by.jti == asker.status.tokens[0].id
    assert made["token"] not in await gitlab.cluster.kubectl("get", "rr", "-o", "yaml")
    answer = await gitlab.ask("POST", "/runners/verify", json={"token": made["token"]})
    assert (answer.status, answer.json) == (200, made)


async def test_what_the_resource_does_not_take_is_a_bad_request(gitlab: GitLab) -> None:
    owner = await gitlab.person()
    for tag in ("x" * 65, "a\u0007b"):
        body = {"runner_type": "project_type", "project_id": 3, "tag_list": [tag]}
        answer = await gitlab.ask("POST", "/user/runners", owner, body)
        assert (answer.status, answer.json) == (
            400,
            {"message": "400 Bad request - Runner is invalid"},
        )


async def test_details_are_those_of_the_resource(gitlab: GitLab) -> None:
    owner = await gitlab.person()
    made = await gitlab.create(owner, **SEVERAL)
    shown = (await gitlab.ask("GET", f"/runners/{made['id']}", owner)).json
    assert "token" not in shown
    assert {name: shown[name] for name in SEVERAL} == SEVERAL | {"tag_list": ["shell", "gdk"]}
    assert (shown["runner_type"], shown["is_shared"]) == ("project_type", False)
    assert (shown["online"], shown["status"]) == (False, "never_contacted")
    assert shown["projects"][0]["id"] == 3
    assert shown["created_by"]["username"] == "owner@team.example"


async def test_changes_over_http_are_seen_by_kubectl(gitlab: GitLab) -> None:
    owner = await gitlab.person()
    made = await gitlab.create(owner, description="before", tag_list=["linux"])
    path = f"/runners/{made['id']}"
    changes = {"paused": True, "tag_list": ["docker"], "maximum_timeout": 1200, "locked": "true"}
    shown = await gitlab.ask("PUT", path, owner, changes)
    assert shown.status == 200
    assert (shown.json["paused"], shown.json["active"]) == (True, False)
    spec = (await gitlab.runner(made["id"])).spec
    assert (spec.paused, spec.locked) == (True, True)
    assert (spec.tags, spec.maximum_timeout) == (("docker",), "20m")
    assert spec.description == "before"
    await gitlab.ask("PUT", path, owner, {"active": True, "maximum_timeout": None})
    spec = (await gitlab.runner(made["id"])).spec
    assert (spec.paused, spec.maximum_timeout) == (False, None)
    assert await verified(gitlab, made["token"]) == 200


async def test_a_deleted_runner_is_gone_at_once_and_so_is_its_resource(gitlab: GitLab) -> None:
    owner = await gitlab.person()
    by_owner, by_itself = await gitlab.create(owner), await gitlab.create(owner)
    assert (await gitlab.ask("DELETE", f"/runners/{by_owner['id']}", owner)).status == 204
    assert await verified(gitlab, by_owner["token"]) == 403
    assert (await gitlab.ask("GET", f"/runners/{by_owner['id']}", owner)).status == 404
    answer = await gitlab.ask("DELETE", "/runners", json={"token": by_itself["token"]})
    assert (answer.status, answer.body) == (204, b"")
    assert await gitlab.runners() == []


async def test_what_kubectl_revokes_or_deletes_ends_over_http(gitlab: GitLab) -> None:
    owner = await gitlab.person()
    for ending in ("revoke", "delete"):
        made = await gitlab.create(owner)
        name = (await gitlab.runner(made["id"])).metadata.name
        if ending == "delete":
            await gitlab.cluster.kubectl("delete", "rr", name)
        else:
            await gitlab.cluster.edit_runner(name, revoked=True)

        async def status(token: str = made["token"]) -> int:
            return await verified(gitlab, token)

        await gitlab.cluster.until(status, lambda it: it == 403)


async def test_a_runner_that_kubectl_applied_works_over_http(gitlab: GitLab) -> None:
    owner = await gitlab.person()
    opaque = {"format": "Opaque", "prefix": "glrt-", "lifetime": "24h"}
    applied = await gitlab.cluster.ready_runner(type="Project", project="3", token=opaque)
    number = numeric_id(applied.metadata.uid)
    token = (await gitlab.cluster.secret_data("runner-token"))["token"]
    await gitlab.cluster.until(lambda: verified(gitlab, token), lambda it: it == 200)
    answer = await gitlab.ask("POST", "/runners/verify", json={"token": token})
    # No time is told, so that the runner does not rotate what the operator renews.
    assert answer.json == {"id": number, "token": token, "token_expires_at": None}
    jobs = await gitlab.ask("POST", "/jobs/request", json={"token": token, "system_id": "s_1"})
    assert (jobs.status, jobs.body) == (204, b"")
    assert jobs.headers["X-GitLab-Last-Update"]
    assert not {"content-length", "content-type"} & {name.lower() for name in jobs.headers}
    shown = (await gitlab.ask("GET", f"/runners/{number}", owner)).json
    assert (shown["status"], shown["created_by"]) == ("online", None)
    reset = await gitlab.ask("POST", "/runners/reset_authentication_token", json={"token": token})
    assert reset.status == 403


async def test_deleting_what_was_applied_elsewhere_revokes_it(gitlab: GitLab) -> None:
    elsewhere = f"{gitlab.cluster.namespace}-x"[:60]
    await gitlab.cluster.create(
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": elsewhere}}
    )
    await gitlab.cluster.edit_issuer(grants=[grant("*")])
    owner = await gitlab.person()
    body = {
        "apiVersion": "mintmaster.dev/v1alpha1",
        "kind": "RunnerRegistration",
        "metadata": {"name": "remote", "namespace": elsewhere},
        "spec": {"type": "Project", "project": "3"},
    }
    number = numeric_id((await gitlab.cluster.create(body))["metadata"]["uid"])

    async def deleted() -> int:
        return (await gitlab.ask("DELETE", f"/runners/{number}", owner)).status

    await gitlab.cluster.until(deleted, lambda status: status == 204)
    assert (await gitlab.ask("GET", f"/runners/{number}", owner)).status == 404
    shown = await gitlab.cluster.kubectl(
        "get", "rr", "remote", "-n", elsewhere, "-o", "jsonpath={.spec.revoked}"
    )
    assert shown == "true"


async def test_a_reset_ends_the_former_token_at_once(gitlab: GitLab) -> None:
    owner = await gitlab.person()
    made = await gitlab.create(owner)
    reset = await gitlab.ask(
        "POST", "/runners/reset_authentication_token", json={"token": made["token"]}
    )
    assert reset.status == 201
    assert list(reset.json) == ["token", "token_expires_at"]
    assert await verified(gitlab, made["token"]) == 403
    assert await verified(gitlab, reset.json["token"]) == 200
    path = f"/runners/{made['id']}/reset_authentication_token"
    again = await gitlab.ask("POST", path, owner)
    assert again.status == 201
    assert await verified(gitlab, reset.json["token"]) == 403
    assert await verified(gitlab, again.json["token"]) == 200
    assert len(await gitlab.runners()) == 1


async def test_past_the_budget_a_reset_is_refused_and_the_token_stays(gitlab: GitLab) -> None:
    await gitlab.cluster.edit_issuer(limits={"issuesPerHour": 1})
    token = (await gitlab.create(await gitlab.person()))["token"]
    statuses = []
    for _ in range(2):
        answer = await gitlab.ask(
            "POST", "/runners/reset_authentication_token", json={"token": token}
        )
        statuses.append(answer.status)
        token = answer.json.get("token", token)
    assert statuses == [201, 429]
    assert await verified(gitlab, token) == 200


async def test_where_no_token_is_granted_without_end_it_has_one_and_the_runner_is_told(
    cluster_user: Cluster, gate: Gate
) -> None:
    granted = [grant(cluster_user.namespace, unlimited=False)]
    limits = {"defaultLifetime": "24h", "maxLifetime": "48h"}
    async with answering(cluster_user, gate, grants=granted, limits=limits) as gitlab:
        made = await gitlab.create(await gitlab.person())
        end = datetime.fromisoformat(made["token_expires_at"])
        assert made["token_expires_at"].endswith(".000Z")
        assert timedelta(hours=47) < end - datetime.now(UTC) <= timedelta(hours=48)
        gate.process._clock.offset += timedelta(hours=49)  # type: ignore[attr-defined]
        assert await verified(gitlab, made["token"]) == 403


async def test_one_key_is_one_runner_and_the_last_answer_is_the_good_one(gitlab: GitLab) -> None:
    owner, other = await gitlab.person(), await gitlab.person("other")
    body = {"runner_type": "project_type", "project_id": 3}

    async def create(asker: str, key: str, **fields: object) -> tuple[int, dict[str, str]]:
        answer = await gitlab.ask(
            "POST", "/user/runners", asker, body | fields, **{"Idempotency-Key": key}
        )
        return answer.status, answer.json

    (_, first), (status, second) = await create(owner, "k1"), await create(owner, "k1")
    assert status == 201
    assert first["id"] == second["id"]
    assert await verified(gitlab, first["token"]) == 403
    assert await verified(gitlab, second["token"]) == 200
    assert (await create(owner, "k1", description="another"))[0] == 409
    assert (await create(owner, "k2"))[1]["id"] != first["id"]
    assert (await create(other, "k1"))[1]["id"] != first["id"]
    assert len(await gitlab.runners()) == 3


async def test_many_at_a_time_are_all_different_and_all_good(gitlab: GitLab) -> None:
    owner = await gitlab.person()
    made = await asyncio.gather(*(gitlab.create(owner) for _ in range(20)))
    assert len({it["id"] for it in made}) == len({it["token"] for it in made}) == 20
    assert {await verified(gitlab, it["token"]) for it in made} == {200}


async def test_lists_come_in_pages_and_show_what_the_token_reaches(gitlab: GitLab) -> None:
    owner, stranger = await gitlab.person(), await gitlab.person("stranger", projects=["4"])
    root = await gitlab.administrator()
    for number in range(3):
        await gitlab.create(owner, tag_list=["even" if number % 2 == 0 else "odd"])
    paused = await gitlab.create(stranger, project_id=4, paused=True)
    instance = await gitlab.create(root, runner_type="instance_type", project_id=None)
    assert instance["token"].startswith("glrt-t1_")

    async def ids(path: str, token: str) -> list[int]:
        answer = await gitlab.ask("GET", path, token)
        assert answer.status == 200, answer
        return [it["id"] for it in answer.json]

    assert len(await ids("/runners", owner)) == 3
    assert await ids("/runners", stranger) == [paused["id"]]
    assert len(await ids("/runners/all", root)) == 5
    assert await ids("/runners/all?paused=true", root) == [paused["id"]]
    assert await ids("/runners/all?type=instance_type", root) == [instance["id"]]
    assert len(await ids("/runners?tag_list=even", owner)) == 2
    assert len(await ids("/projects/3/runners", root)) == 3
    assert await ids("/projects/3/runners", stranger) == []
    page = await gitlab.ask("GET", "/runners?per_page=2&page=2", owner)
    assert len(page.json) == 1
    assert {name: page.headers[name] for name in page.headers if name.startswith("x-")} == {
        "x-total": "3",
        "x-total-pages": "2",
        "x-per-page": "2",
        "x-page": "2",
        "x-next-page": "",
        "x-prev-page": "1",
    }
    link = page.headers["Link"]
    first = "https://gitlab.example.org/api/v4/runners?page=1&per_page=2"
    assert f'<{first}>; rel="prev", <{first}>; rel="first"' in link


async def test_machines_are_seen_while_they_poll_and_can_be_taken_off(gitlab: GitLab) -> None:
    owner = await gitlab.person()
    made = await gitlab.create(owner)
    info = {"name": "gitlab-runner", "version": "19.4.0", "platform": "linux", "features": {}}
    asked = {"token": made["token"], "system_id": "s_1", "info": info}
    await gitlab.ask("POST", "/runners/verify", json=asked)
    shown = (await gitlab.ask("GET", f"/runners/{made['id']}", owner)).json
    assert (shown["status"], shown["contacted_at"]) == ("never_contacted", None)
    await gitlab.ask("POST", "/jobs/request", json=asked)
    shown = (await gitlab.ask("GET", f"/runners/{made['id']}", owner)).json
    assert (shown["status"], shown["version"]) == ("online", "19.4.0")
    [manager] = (await gitlab.ask("GET", f"/runners/{made['id']}/managers", owner)).json
    assert (manager["system_id"], manager["status"]) == ("s_1", "online")
    answer = await gitlab.ask("DELETE", "/runners/managers", json=asked)
    assert answer.status == 204
    assert (await gitlab.ask("GET", f"/runners/{made['id']}/managers", owner)).json == []
    assert await verified(gitlab, made["token"]) == 200


async def test_what_the_operator_refuses_is_forbidden_and_gone(gitlab: GitLab) -> None:
    """The gate looks first; here it is told of the narrowed grants later than the operator."""
    owner = await gitlab.person()
    known = gitlab.gate.process.knowledge.issuers["default"]
    everything = grant(gitlab.cluster.namespace)
    only_users = everything | {"kinds": ["UserAccessToken"]}
    await gitlab.cluster.edit_issuer(grants=[only_users])
    await gitlab.cluster.create_runner("canary")
    await gitlab.cluster.runner_where(lambda it: not is_ready(it) and it.status.state, "canary")
    gitlab.gate.process.knowledge.observe_issuer(known)
    body = {"runner_type": "project_type", "project_id": 3}
    answer = await gitlab.ask("POST", "/user/runners", owner, body)
    assert answer.status == 403
    await gitlab.cluster.delete(RUNNER_REGISTRATION, "canary")
    await gitlab.cluster.gone(RUNNER_REGISTRATION, "canary")
    assert await gitlab.runners() == []
