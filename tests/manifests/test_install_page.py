"""docs/install.md: what it tells people to write is what they get."""

import os
import re
from pathlib import Path

import yaml

from manifests.installation import ROOT, Installation
from manifests.rendering import render
from manifests.teams import Team
from mintmaster.api.names import GROUP

INSTALL = (ROOT / "docs" / "install.md").read_text()
SECURITY = (ROOT / "docs" / "security.md").read_text()


def blocks(page: str) -> list[str]:
    """The YAML that a page shows."""
    return re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)


def test_the_kustomization_of_ones_own_renders(tmp_path: Path) -> None:
    (text,) = (it for it in blocks(INSTALL) if it.startswith("# kustomization.yaml\n"))
    clone = os.path.relpath(ROOT, tmp_path)
    (tmp_path / "kustomization.yaml").write_text(text.replace("- mintmaster/", f"- {clone}/"))
    rendered = render(tmp_path)
    urls = {it["metadata"]["name"]: it["spec"]["url"] for it in rendered.of_kind("TokenIssuer")}
    assert urls == {
        "default": "https://tokens.example.org",
        "applications": "https://apps.tokens.example.org",
    }
    for deployment in rendered.deployments:
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        assert container["image"] == "images.example.org/mintmaster:1.2.3"


def test_the_role_of_ones_own_gives_what_it_names(team: Team) -> None:
    (text,) = (it for it in blocks(SECURITY) if "kind: ClusterRole" in it)
    role = yaml.safe_load(text)
    _ = team.admin.create(role).passed
    team.bind(role["metadata"]["name"])
    team.rights.wait(team.user, verb="grant", group=GROUP, resource="scopes", name="read_api")
    for resource, name, may in (
        ("scopes", "read_user", True),
        ("scopes", "sudo", False),
        ("users", "ada@example.org", True),
        ("users", "bob@example.org", False),
    ):
        right = {"verb": "grant", "group": GROUP, "resource": resource, "name": name}
        assert team.admin.may(team.user, **right) is may


def test_every_role_and_verb_that_is_shipped_is_told_of(installation: Installation) -> None:
    roles = installation.admin.read("clusterrole")["items"]
    ours = [it for it in roles if it["metadata"]["name"].startswith("mintmaster-")]
    assert len(ours) == 13
    assert all(f"`{it['metadata']['name']}`" in SECURITY for it in ours)
    rules = [rule for role in ours for rule in role["rules"]]
    verbs = {verb for rule in rules if GROUP in rule["apiGroups"] for verb in rule["verbs"]}
    usual = {"get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"}
    told = set(re.findall(r"^\| `(\w+)` \| ", SECURITY, re.MULTILINE))
    assert verbs - usual == told
