"""The alert rules as texts: promtool takes them, and each alert has a runbook and a test that causes it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from mintmaster.cli.main import app
from monitoring import promtool

ROOT = Path(__file__).parents[2]
RUNBOOKS = (ROOT / "docs" / "runbooks.md").read_text()
TESTS = "\n".join(path.read_text() for path in Path(__file__).parent.glob("test_alerts_*.py"))

GROUPS: list[Any] = yaml.safe_load(promtool.RULES.read_text())["groups"]
ALERTS: list[Any] = [rule for group in GROUPS for rule in group["rules"] if "alert" in rule]
NAMES = sorted({alert["alert"] for alert in ALERTS})


def test_promtool_finds_nothing_wrong() -> None:
    done = promtool.run("check", "rules", "--lint=all", "--lint-fatal", str(promtool.RULES))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", NAMES)
def test_a_test_causes_every_alert(name: str) -> None:
    assert re.search(rf'"{name}"', TESTS), "no test expects it"


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: str(alert["alert"]))
def test_every_alert_says_what_it_is_and_where_to_read_on(alert: Any) -> None:
    assert alert["labels"]["severity"] in {"critical", "warning", "info"}
    notes = alert["annotations"]
    assert set(notes) == {"summary", "description", "runbook_url"}
    assert notes["summary"].endswith(".")
    assert notes["description"].endswith(".")
    page, _, anchor = notes["runbook_url"].partition("#")
    assert page == "docs/runbooks.md"
    assert anchor == alert["alert"].lower()


def test_every_alert_has_a_runbook_and_every_runbook_an_alert() -> None:
    sections = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", RUNBOOKS, re.MULTILINE | re.DOTALL))
    assert sorted(sections) == NAMES
    for name, text in sections.items():
        for part in ("**It means**", "**Look:**", "**Do:**"):
            assert part in text, f"{name} lacks {part}"


def test_every_command_of_ours_that_a_runbook_names_exists() -> None:
    group = typer.main.get_command(app)
    named = {tuple(it.split()) for it in re.findall(r"mintmaster ((?:[a-z-]+ ?)+)", RUNBOOKS)}
    commands = {words for words in named if words[0] in vars(group)["commands"]}
    assert {words[0] for words in commands} >= {"doctor", "status", "issuer", "runner", "diff"}
    for words in commands:
        found = vars(group)["commands"][words[0]]
        for word in words[1:]:
            found = vars(found).get("commands", {word: found})[word]


def test_the_names_of_metrics_are_documented() -> None:
    documented = "\n".join(
        (ROOT / "docs" / page).read_text() for page in ("operations.md", "gate.md")
    )
    text = promtool.RULES.read_text()
    names = set(re.findall(r"\bmintmaster_[a-z_]+\b", text))
    for name in names:
        bare = re.sub(r"_(bucket|count|sum)$", "", name)
        assert f"`{bare}`" in documented, name
