"""Templates in a real Secret: rendered with the token, kept up with it, and never a reason to lose it."""

from __future__ import annotations

import base64
import json
import tomllib
from typing import TYPE_CHECKING, Any

import pytest

from mintmaster.lifecycle.identity import numeric_id
from mintmaster.tokens.digests import digest
from reconcile.reading import condition, current, is_ready, is_ready_at, is_unready, message

if TYPE_CHECKING:
    from reconcile.harness import Cluster, Running

NAME = "runner-token"
DESCRIPTION = 'It\'s a "runner"\n\twith trouble \\ in its text'
CONFIG = """\
[[runners]]
token = {{ token | toml }}
name = {{ name | toml }}
description = {{ description | toml }}
"""


def _with(**data: str | None) -> dict[str, Any]:
    return {"template": {"data": data}}


async def test_every_placeholder_is_filled_in(cluster_user: Cluster, operator: Running) -> None:
    issuer = await cluster_user.ready_issuer()
    names = ("token", "expires_at", "issuer", "subject", "name", "namespace", "id", "tags")
    keys = {name.replace("_", "-"): f"{{{{ {name} }}}}" for name in names if name != "token"}
    templates = _with(copy="<{{token}}>", **keys)
    runner = await cluster_user.ready_runner(secret=templates, tags=["linux", "docker"])
    data = await cluster_user.secret_data(NAME)
    assert data.pop("copy") == f"<{data.pop('token')}>"
    assert runner.status.expires_at is not None
    assert data == {
        "expires-at": runner.status.expires_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "issuer": issuer.spec.url,
        "subject": f"runner:{cluster_user.namespace}:runner",
        "name": "runner",
        "namespace": cluster_user.namespace,
        "id": str(numeric_id(runner.metadata.uid)),
        "tags": "linux,docker",
    }


async def test_the_filters_make_text_that_a_parser_of_its_language_reads_back(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    json_ = '{"text": {{ description | json }}}'
    templates = {"config.toml": CONFIG, "config.json": json_, "base64": "{{description|base64}}"}
    await cluster_user.ready_runner(secret=_with(**templates), description=DESCRIPTION)
    data = await cluster_user.secret_data(NAME)
    (runner,) = tomllib.loads(data["config.toml"])["runners"]
    assert (runner["token"] == data["token"]) is True  # not in the text of a failure
    assert runner["description"] == DESCRIPTION
    assert json.loads(data["config.json"]) == {"text": DESCRIPTION}
    assert base64.b64decode(data["base64"]).decode() == DESCRIPTION


async def test_a_rendered_file_follows_the_token_and_shows_the_one_before(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    await cluster_user.ready_runner(secret=_with(both="{{ token }} {{ previous_token }}"))
    first = await cluster_user.digests(NAME)
    await cluster_user.rotate_runner("now")
    data = await cluster_user.secret_data(NAME)
    newer, _, older = data["both"].partition(" ")
    assert (newer == data["token"]) is True
    assert digest(older) == first["token"]


async def test_an_edit_of_what_a_template_shows_is_rendered_without_another_token(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    before = await cluster_user.ready_runner(secret=_with(text="{{ description }}"))
    await cluster_user.edit_runner(description="edited")
    await cluster_user.until(
        lambda: cluster_user.secret_data(NAME), lambda data: data.get("text") == "edited"
    )
    assert (await cluster_user.runner_where(is_ready)).status.tokens == before.status.tokens


BROKEN = {
    "an unknown name": "{{ password }}",
    "an unknown filter": "{{ token | exec }}",
    "an expression that never ends": "{{ 9**(9**9) }}",
    "an expression that fills the memory": "{{ 'a'*200000000 }}",
    "nested braces": "{{ {{ token }} }}",
    "an open brace": "{{ token",
}


@pytest.mark.parametrize("what", BROKEN)
async def test_a_template_that_fails_leaves_the_secret_as_it_is(
    what: str, cluster_user: Cluster, operator: Running
) -> None:
    """Attack 78."""
    await cluster_user.ready_issuer()
    before = await cluster_user.ready_runner(secret=_with(text="{{ name }}"))
    version = (await cluster_user.secret_where(lambda _: True))["metadata"]["resourceVersion"]
    await cluster_user.edit_runner(secret=_with(text=BROKEN[what]))
    broken = await cluster_user.runner_where(is_unready("TemplateInvalid"))
    assert condition(broken, "Stalled") == ("True", "TemplateInvalid")
    assert "'text'" in message(broken)
    assert broken.status.tokens == before.status.tokens
    assert (await cluster_user.secret_where(lambda _: True))["metadata"][
        "resourceVersion"
    ] == version

    await cluster_user.edit_runner(secret=_with(text="{{ namespace }}"))
    mended = await cluster_user.runner_where(is_ready)
    assert mended.status.tokens == before.status.tokens


async def test_a_template_that_is_too_large_only_when_filled_in_leaves_the_secret_as_it_is(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    before = await cluster_user.ready_runner()
    await cluster_user.edit_runner(secret=_with(text="{{ token }}" * 400))
    broken = await cluster_user.runner_where(is_unready("TemplateInvalid"))
    assert await cluster_user.digests(NAME) == {"token": current(before).digest}
    assert broken.status.tokens == before.status.tokens
    await cluster_user.edit_runner(secret=_with(text=None))
    await cluster_user.runner_where(is_ready_at(1))


async def test_labels_and_annotations_that_leave_the_template_leave_the_secret(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    template = {"labels": {"tier": "web"}, "annotations": {"example.org/a": "b"}}
    await cluster_user.ready_runner(secret={"template": template})
    theirs = {"labels": {"theirs": "kept"}, "annotations": {"example.org/theirs": "kept"}}
    await cluster_user.patch_secret(NAME, {"metadata": theirs})
    # The Secret, and the status of the edit.
    async with operator.writing(2):
        await cluster_user.edit_runner(secret={"template": None})
        found = await cluster_user.secret_where(lambda it: "tier" not in it["metadata"]["labels"])
    annotations = found["metadata"]["annotations"]
    assert found["metadata"]["labels"]["theirs"] == annotations["example.org/theirs"] == "kept"
    assert not {"example.org/a", "mintmaster.dev/templated"} & annotations.keys()
