"""What `gitlab-runner` sends, and what it insists on: exact status codes, content types and nulls."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gate.compat.gitlab_site import GitLab
    from gate.harness import Answer

SYSTEM_ID = "r_2xkFqfHAkFCx"
INFO = {
    "name": "gitlab-runner",
    "version": "19.4.0",
    "revision": "139a0ac0",
    "platform": "linux",
    "architecture": "amd64",
    "executor": "shell",
    "shell": "bash",
    "features": {"variables": True, "artifacts": True, "proxy": False},
    "config": {"gpus": ""},
    "labels": None,
}


async def sent(gitlab: GitLab, method: str, path: str, token: str, **fields: Any) -> Answer:
    """A request with its headers; the body is JSON, of a DELETE, too."""
    body = {"token": token, "system_id": SYSTEM_ID} | fields
    headers = {"RUNNER-TOKEN": token, "X-Request-Id": "01JX", "Accept": "application/json"}
    return await gitlab.ask(method, path, json=body, **headers)


async def test_register_run_reset_and_unregister(gitlab: GitLab) -> None:
    token = (await gitlab.create(await gitlab.person()))["token"]
    assert token.startswith("glrt-")

    registered = await sent(gitlab, "POST", "/runners/verify", token, info=INFO)
    assert registered.status == 200
    assert registered.headers["Content-Type"] == "application/json"
    assert registered.json["id"] > 0
    assert registered.json["token_expires_at"] is None

    update = ""
    for _ in range(3):
        asked = await sent(
            gitlab, "POST", "/jobs/request", token, info=INFO, last_update=update, session=None
        )
        assert (asked.status, asked.body) == (204, b"")
        update, before = asked.headers["X-GitLab-Last-Update"], update
        assert before in {"", update}

    reset = await sent(gitlab, "POST", "/runners/reset_authentication_token", token)
    assert reset.status == 201
    assert reset.headers["Content-Type"] == "application/json"
    former, token = token, reset.json["token"]
    refused = await sent(gitlab, "POST", "/jobs/request", former, info=INFO)
    assert (refused.status, refused.json) == (403, {"message": "403 Forbidden"})

    discovered = await sent(gitlab, "GET", "/runners/router/discovery", token)
    assert discovered.status == 501  # not configured: it polls as before
    assert (await sent(gitlab, "DELETE", "/runners/managers", token)).status == 204
    assert (await sent(gitlab, "POST", "/runners/verify", token)).status == 200
    assert (await sent(gitlab, "DELETE", "/runners", token)).status == 204
    assert (await sent(gitlab, "POST", "/runners/verify", token)).status == 403


async def test_a_paused_runner_gets_no_error(gitlab: GitLab) -> None:
    token = (await gitlab.create(await gitlab.person(), paused=True))["token"]
    assert (await sent(gitlab, "POST", "/jobs/request", token, info=INFO)).status == 204


async def test_the_end_of_a_token_is_a_time_that_go_can_read(gitlab: GitLab) -> None:
    """It rotates at three quarters of the way, so it has to be RFC 3339."""
    cluster = gitlab.cluster
    issuer = (await cluster.own_issuer()).spec
    bounded = [
        {"namespaces": {"names": ["*"]}, "kinds": ["*"], "subjects": ["*"], "runnerTypes": ["*"]}
        | {"projects": ["*"], "scopes": ["*"], "roles": ["*"], "groups": ["*"]}
    ]
    owner = await gitlab.person()
    await cluster.edit_issuer(grants=bounded)

    async def made() -> Any:
        return await gitlab.create(owner)

    runner = await cluster.until(made, lambda it: it["token_expires_at"])
    verified = await sent(gitlab, "POST", "/runners/verify", runner["token"], info=INFO)
    assert verified.json == runner
    end = datetime.fromisoformat(runner["token_expires_at"])
    assert end.tzinfo is not None
    assert issuer.limits.max_lifetime == "8760h"
