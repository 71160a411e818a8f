"""Commands against API servers on which everything, or nothing, is installed; no operator runs there."""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING

from api.api_server import kubectl
from cli.person import typed
from mintmaster.localcluster.cluster import LocalCluster
from mintmaster.localcluster.spec import ClusterSpec

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from typer.testing import Result

URL = "https://tokens.example.org"


def temporary_cluster() -> Iterator[Path]:
    """The kubeconfig of a cluster that goes when the iterator does."""
    cluster = LocalCluster.up(ClusterSpec(name=f"tests-{secrets.token_hex(4)}", temporary=True))
    yield cluster.kubeconfig
    cluster.down()


def install(kubeconfig: Path) -> None:
    """Bring a cluster to this version, whatever a test left of it."""
    does(
        kubeconfig,
        "install",
        "--with",
        "gate",
        "--issuer-url",
        f"default={URL}",
        "--force-conflicts",
    )


def run(kubeconfig: Path, *arguments: str, text: str = "") -> Result:
    """Run a command with that kubeconfig."""
    return typed(*arguments, "--kubeconfig", str(kubeconfig), text=text)


def does(kubeconfig: Path, *arguments: str) -> str:
    """Run a command, which has to succeed; what it prints."""
    done = run(kubeconfig, *arguments)
    assert done.exit_code == 0, done.output
    return done.stdout


def service_account(kubeconfig: Path, namespace: str, name: str) -> Path:
    """A kubeconfig with which somebody is a service account, which is made if there is none."""
    kubectl(kubeconfig, "create", "serviceaccount", "-n", namespace, name)
    token = kubectl(kubeconfig, "create", "token", "-n", namespace, name)
    assert token.returncode == 0, token.stderr
    config = json.loads(kubectl(kubeconfig, "config", "view", "--raw", "-o", "json").stdout)
    config["users"] = [
        {"name": config["users"][0]["name"], "user": {"token": token.stdout.strip()}}
    ]
    config["contexts"][0]["context"]["namespace"] = namespace
    made = kubeconfig.with_name(f"{namespace}-{name}.kubeconfig")
    made.touch(mode=0o600)
    made.write_text(json.dumps(config))
    return made
