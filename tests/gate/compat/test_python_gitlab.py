"""python-gitlab, unmodified, against a gate and a real API server."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from typing import TYPE_CHECKING, Any

from gate.compat.original_clients import environment, patient

if TYPE_CHECKING:
    from gate.compat.gitlab_site import GitLab

pytestmark = patient

RUNNERS = """
gl.auth()
made = [
    gl.user.runners.create(
        {"runner_type": "project_type", "project_id": 3, "tag_list": ["a", "b"], "description": str(n)}
    )
    for n in range(5)
]
pages = gl.runners.list(iterator=True, per_page=2)
listed = sorted(it.description for it in pages)
shown = gl.runners.get(made[0].id)
shown.description = "changed"
shown.save()
gl.runners.verify(made[0].token)
gl.runners.delete(made[4].id)
say(
    user=gl.user.username,
    tokens=[it.token for it in made],
    listed=listed,
    total=pages.total,
    tagged=len(gl.runners.list(tag_list=["a", "b"], get_all=True)),
    changed=gl.runners.get(made[0].id).description,
    left=len(gl.runners.list(get_all=True)),
)
"""

ADMINISTRATION = """
everything = gl.runners.all(get_all=True)
owner = gl.personal_access_tokens.list(user_id=int(os.environ["OWNER"]), get_all=True)[0].user_id
made = gl.users.get(owner, lazy=True).personal_access_tokens.create(
    {"name": "robot", "scopes": ["api", "self_rotate"]}
)
his = gitlab.Gitlab(url, private_token=made.token, keep_base_url=True)
own = his.personal_access_tokens.get("self")
rotated = own.rotate()
again = gitlab.Gitlab(url, private_token=rotated["token"], keep_base_url=True)
bearer = gitlab.Gitlab(url, oauth_token=rotated["token"], keep_base_url=True)
bearer.auth()
left = [it.id for it in again.personal_access_tokens.list(state="active", get_all=True)]
again.personal_access_tokens.delete("self")
say(
    runners=len(everything),
    names=[made.name, own.name, rotated["name"]],
    new_id=rotated["id"] != made.id,
    bearer=bearer.user.id == owner,
    old=failure(lambda: his.personal_access_tokens.get("self")),
    last=failure(lambda: again.personal_access_tokens.get("self")),
    rotated_is_left=rotated["id"] in left,
)
"""

REFUSALS = """
def create(**fields):
    wanted = {"runner_type": "project_type", "project_id": 3}
    return lambda: gl.user.runners.create(wanted | fields)

gl.auth()
say(
    nobody=failure(gitlab.Gitlab(url, private_token="glpat-x").auth),
    foreign=failure(create(project_id=4)),
    untagged=failure(create(run_untagged=False)),
    missing=failure(lambda: gl.runners.get(12)),
    unverified=failure(lambda: gl.runners.verify("glrt-x")),
    all=failure(lambda: gl.runners.all(get_all=True)),
)
"""

FRAME = """
import json, os, sys
import gitlab

def failure(does):
    try:
        does()
    except gitlab.exceptions.GitlabError as error:
        return [type(error).__name__, error.response_code, str(error.error_message)]

def say(**found):
    json.dump(found, sys.stdout)

url = os.environ["GITLAB_URL"]
gl = gitlab.Gitlab(url, private_token=os.environ["TOKEN"], keep_base_url=True)
"""


async def run(gitlab: GitLab, token: str, script: str, **environ: str) -> Any:
    """What a script with python-gitlab says."""
    python = await asyncio.to_thread(environment, "python-gitlab") / "python"
    found = {"PATH": os.environ["PATH"], "GITLAB_URL": gitlab.gate.url, "TOKEN": token}
    done = await asyncio.to_thread(
        subprocess.run,
        [str(python), "-c", FRAME + script],
        env=found | environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


async def test_runners_are_made_listed_changed_and_deleted(gitlab: GitLab) -> None:
    said = await run(gitlab, await gitlab.person(), RUNNERS)
    tokens = said.pop("tokens")
    assert all(it.startswith("glrt-t3_") for it in tokens)
    assert said == {
        "user": "owner@team.example",
        "listed": ["0", "1", "2", "3", "4"],
        "total": 5,
        "tagged": 4,
        "changed": "changed",
        "left": 4,
    }
    assert len(await gitlab.runners()) == 4


async def test_access_tokens_are_made_rotated_and_revoked(gitlab: GitLab) -> None:
    owner, root = await gitlab.person(), await gitlab.administrator()
    await gitlab.create(owner)
    number = (await gitlab.ask("GET", "/user", owner)).json["id"]
    said = await run(gitlab, root, ADMINISTRATION, OWNER=str(number))
    ended = ["GitlabAuthenticationError", 401, "invalid_token"]
    assert said.pop("old") == said.pop("last") == ended
    assert said == {
        "runners": 1,
        "names": ["robot", "robot", "robot"],
        "new_id": True,
        "bearer": True,
        "rotated_is_left": True,
    }


async def test_refusals_are_understood(gitlab: GitLab) -> None:
    said = await run(gitlab, await gitlab.person(), REFUSALS)
    assert said == {
        "nobody": ["GitlabAuthenticationError", 401, "401 Unauthorized"],
        "foreign": ["GitlabCreateError", 403, "403 Forbidden - Insufficient permissions"],
        "untagged": [
            "GitlabCreateError",
            400,
            (
                "400 Bad request - Tags list can not be empty when runner is not allowed to pick"
                " untagged jobs"
            ),
        ],
        "missing": ["GitlabGetError", 404, "404 Runner Not Found"],
        "unverified": ["GitlabVerifyError", 403, "403 Forbidden"],
        "all": ["GitlabListError", 403, "403 Forbidden"],
    }
