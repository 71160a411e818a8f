"""What people without an administrator's rights see, where RBAC and the admission policies are as installed."""

from __future__ import annotations

import json
import secrets
import time
from typing import TYPE_CHECKING, Any

import pytest

from api.api_server import kubectl
from cli.installation import does, run, service_account

if TYPE_CHECKING:
    from pathlib import Path

PATIENCE = 60.0
"""Seconds after which the controllers of RBAC count as not working."""


@pytest.fixture
def namespace(installed: Path) -> str:
    name = f"tenant-{secrets.token_hex(3)}"
    assert kubectl(installed, "create", "namespace", name).returncode == 0
    return name


@pytest.fixture
def tenant(installed: Path, namespace: str) -> Path:
    """Somebody with the built-in role edit in one namespace."""
    made = service_account(installed, namespace, "tenant")
    binding = ("create", "rolebinding", "-n", namespace, "tenant", "--clusterrole=edit")
    assert kubectl(installed, *binding, f"--serviceaccount={namespace}:tenant").returncode == 0
    until_allowed(made, "create", "runnerregistrations")
    return made


def until_allowed(kubeconfig: Path, *right: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while kubectl(kubeconfig, "auth", "can-i", *right).returncode != 0:
        assert time.monotonic() < deadline, "a right has not come about"


def findings(kubeconfig: Path, *command: str) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads(run(kubeconfig, *command, "-o", "json").stdout)[
        "findings"
    ]
    return found


def test_a_tenant_makes_runners_and_no_tokens_for_callers(tenant: Path) -> None:
    assert "created" in does(tenant, "runner", "create", "build")

    refused = run(tenant, "runner", "create", "held", "--delivery", "caller")
    assert refused.exit_code == 1
    assert refused.stdout == ""
    assert "takes the verb deliver" in refused.stderr
    assert run(tenant, "runner", "show", "held").exit_code == 3


def test_what_a_tenant_may_not_see_is_unknown_and_not_wrong(tenant: Path) -> None:
    does(tenant, "runner", "create", "build")

    found = {it["subject"]: it for it in findings(tenant, "status", "rr/build")}

    assert found["issuer default"]["level"] == "note"
    assert found["operator"]["level"] == "note"
    # No operator runs here; that alone is wrong.
    assert [it["text"] for it in found.values() if it["level"] == "problem"] == [
        "the operator has not acted on its last edit yet"
    ]


def test_a_doctor_without_rights_says_what_it_could_not_see(tenant: Path) -> None:
    done = findings(tenant, "doctor")

    unseen = [it["subject"] for it in done if it["level"] == "note"]
    for subject in ("CRDs", "operator", "operator's rights", "your rights", "issuers", "admission"):
        assert subject in unseen
    assert [it for it in done if it["level"] == "problem"] == []


def test_commands_that_take_more_rights_say_so(tenant: Path) -> None:
    for command in (
        ("issuer", "list"),
        ("issuer", "rotate-key", "default"),
        ("runner", "list", "-A"),
    ):
        done = run(tenant, *command)
        assert done.exit_code == 1
        assert "forbidden" in done.stderr
        assert "Ask for that right" in done.stderr


def test_an_approver_approves_by_command_and_may_do_nothing_else(
    installed: Path, namespace: str
) -> None:
    user = ("token", "create", "ada", "--user", "ada@example.org", "-n", namespace)
    does(installed, *user)
    approver = service_account(installed, namespace, "approver")
    bind = ("create", "clusterrolebinding", namespace, "--clusterrole=mintmaster-approver")
    assert kubectl(installed, *bind, f"--serviceaccount={namespace}:approver").returncode == 0
    until_allowed(approver, "approve", "useraccesstokens")

    assert "approved" in does(approver, "token", "grant", "ada", "-m", "for the report")

    shown: Any = json.loads(does(installed, "token", "show", "ada", "-n", namespace, "-o", "json"))
    [approval] = shown["status"]["conditions"]
    assert (approval["type"], approval["status"]) == ("Approved", "True")
    assert approval["message"] == "for the report"
    assert run(approver, "token", "revoke", "ada").exit_code == 1
