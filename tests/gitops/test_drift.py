"""Resources that a GitOps tool applies again and again, and prunes: no drift is shown, and nothing is issued."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from mintmaster.api.kinds import CLIENT_APPLICATION, RUNNER_REGISTRATION, USER_ACCESS_TOKEN
from reconcile.builders import application, runner, user
from reconcile.reading import is_ready, is_ready_at

if TYPE_CHECKING:
    from pathlib import Path

    from reconcile.harness import Cluster, Object, Running

OWNER = "example.org/owner"
PRUNED = [
    "mintmaster.dev/v1alpha1/RunnerRegistration",
    "mintmaster.dev/v1alpha1/UserAccessToken",
    "mintmaster.dev/v1alpha1/ClientApplication",
    "core/v1/Secret",
]


@dataclass
class Tool:
    """A GitOps tool with a folder of manifests, all of which it labels."""

    user: Cluster
    folder: Path
    options: tuple[str, ...]
    """How it applies and compares."""

    @property
    def gates(self) -> str:
        """The issuer that gates sign for."""
        return f"{self.user.issuer}-gates"

    async def create_issuers(self) -> None:
        limits = {"defaultLifetime": "1h", "maxLifetime": "2h"}
        await self.user.create_issuer(self.gates, signer="Gate", limits=limits)
        await self.user.ready_issuer()

    def write(self, *bodies: Object) -> None:
        """Let these resources be what stands in Git."""
        (self.folder / "resources.yaml").write_text(yaml.safe_dump_all(bodies))
        labels = [{"pairs": {OWNER: self.user.namespace}}]
        kustomization = {"resources": ["resources.yaml"], "labels": labels}
        (self.folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))

    def resources(self) -> tuple[Object, Object, Object]:
        """One resource of each kind; what their Secrets have besides is nothing that a tool compares."""
        issuer = {"issuerRef": {"name": self.user.issuer}}
        template = {"data": {"config": "token = {{ token | toml }}\n"}, "labels": {"app": "x"}}
        return (
            runner("runner", secret={"template": template}, **issuer),
            user("user", scopes=["read_api"], token={"lifetime": "24h"}, **issuer),
            application("portal", issuerRef={"name": self.gates}),
        )

    async def apply(self, *more: str) -> None:
        await self.user.kubectl("apply", *self.options, "-k", str(self.folder), *more)

    async def difference(self) -> str:
        """What the tool takes for drift; that there is some is an exit code, which fails the test, too."""
        return await self.user.kubectl("diff", *self.options, "-k", str(self.folder))

    async def until_ready(self) -> None:
        await self.user.runner_where(is_ready)
        await self.user.user_where(is_ready)
        await self.user.application_where(is_ready)

    async def prune(self) -> None:
        """Delete what has the tool's label and does not stand in Git any more, Secrets, too."""
        allowed = [f"--prune-allowlist={kind}" for kind in PRUNED]
        await self.apply("--prune", "-l", f"{OWNER}={self.user.namespace}", *allowed)


SERVER_SIDE = ("--server-side", "--field-manager=kustomize-controller")
CLIENT_SIDE: tuple[str, ...] = ()


@pytest.fixture(params=[SERVER_SIDE, CLIENT_SIDE], ids=["server-side", "client-side"])
async def tool(
    request: pytest.FixtureRequest,
    cluster_user: Cluster,
    operator: Running,
    tmp_path: Path,
) -> Tool:
    """A tool whose resources are ready."""
    made = Tool(cluster_user, tmp_path, request.param)
    await made.create_issuers()
    made.write(*made.resources())
    await made.apply()
    await made.until_ready()
    return made


async def test_a_second_apply_shows_no_drift_and_costs_nothing(
    tool: Tool, operator: Running
) -> None:
    await operator.at_rest()
    before = await tool.user.versions()
    assert await tool.difference() == ""
    async with operator.writing(0):
        await tool.apply()
    assert await tool.user.versions() == before
    assert await tool.difference() == ""


async def test_a_renewal_is_no_drift(tool: Tool, operator: Running) -> None:
    operator.advance_to((await tool.user.runner()).status.renew_at)
    renewed = await tool.user.runner_where(is_ready_at(2))
    assert await tool.difference() == ""
    await tool.apply()
    await operator.at_rest()
    assert (await tool.user.runner()).status.revision == renewed.status.revision


async def test_what_was_revoked_in_an_emergency_stays_revoked(
    tool: Tool, operator: Running
) -> None:
    """The tool does not know the field, so it neither sees drift nor asks for what the API server refuses."""
    await tool.user.edit_runner(revoked=True)
    await tool.user.runner_where(lambda it: it.status.state == "Revoked")
    assert await tool.difference() == ""
    await tool.apply()
    assert (await tool.user.runner()).spec.revoked


async def test_what_leaves_git_goes_with_its_secret_and_nothing_else_does(
    cluster_user: Cluster, operator: Running, tmp_path: Path
) -> None:
    """By labels: the operator's Secrets do not have that of the tool, though it prunes Secrets, too."""
    tool = Tool(cluster_user, tmp_path, CLIENT_SIDE)
    await tool.create_issuers()
    one, two, three = tool.resources()
    tool.write(one, two, three)
    await tool.apply()
    await tool.until_ready()
    await operator.at_rest()
    before = await cluster_user.secret_data("runner-token")
    tool.write(one)
    await tool.prune()
    await cluster_user.gone(USER_ACCESS_TOKEN, "user")
    await cluster_user.gone(CLIENT_APPLICATION, "portal")
    await cluster_user.secret_gone("user-token")
    await cluster_user.secret_gone("portal-token")
    await operator.at_rest()
    assert await cluster_user.secret_data("runner-token") == before
    assert (await cluster_user.runner()).status.revision == 1


async def test_what_comes_back_to_git_begins_a_new_life(tool: Tool, operator: Running) -> None:
    former = await tool.user.runner()
    await tool.user.delete(RUNNER_REGISTRATION, "runner")
    await tool.user.gone(RUNNER_REGISTRATION, "runner")
    await tool.user.secret_gone()
    await tool.apply()
    again = await tool.user.runner_where(is_ready)
    assert again.status.revision == 1
    assert again.status.tokens[0].digest != former.status.tokens[0].digest


async def test_the_status_is_the_operators_alone(tool: Tool) -> None:
    """Who manages which fields: a tool that compares only its own finds nothing of the operator's among them."""
    found: dict[str, Any] = json.loads(
        await tool.user.kubectl("get", "rr/runner", "-o", "json", "--show-managed-fields")
    )
    theirs = [it for it in found["metadata"]["managedFields"] if it.get("subresource") == "status"]
    assert theirs
    others = [it for it in found["metadata"]["managedFields"] if it not in theirs]
    assert [it["manager"] for it in others] == [
        "kustomize-controller" if tool.options else "kubectl-client-side-apply"
    ]
    assert "f:status" not in json.dumps(others)
