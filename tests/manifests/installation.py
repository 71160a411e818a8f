"""Mintmaster installed on a cluster as its manifests say, with the operator run under its own ServiceAccount."""

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mintmaster.localcluster.cluster import LocalCluster
from mintmaster.localcluster.spec import ClusterSpec

ROOT = Path(__file__).parents[2]
TIMEOUT = "--timeout=60s"
STOP_SECONDS = 20.0
OPERATOR = "system:serviceaccount:mintmaster-system:mintmaster-operator"


@dataclass(frozen=True)
class User:
    """Somebody with a kubeconfig; everything is run from the root of the repository, as the docs say."""

    program: Path
    kubeconfig: Path

    def kubectl(self, *arguments: str, text: str = "") -> str:
        """Run kubectl, which has to succeed, and return what it prints."""
        done = self.try_kubectl(*arguments, text=text)
        assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr}"
        return done.stdout

    def try_kubectl(self, *arguments: str, text: str = "") -> "subprocess.CompletedProcess[str]":
        """Run kubectl; a failure is for the caller to judge."""
        return self._run([str(self.program), *arguments], text)

    def shell(self, script: str) -> "subprocess.CompletedProcess[str]":
        """Run a script of bash that stops at the first command that fails."""
        return self._run(["bash", "-euo", "pipefail", "-c", script], "")

    def read(self, *what: str) -> Any:
        """Return an object, or a list of them, as the API server has it."""
        return json.loads(self.kubectl("get", *what, "-o", "json"))

    def _run(self, command: list[str], text: str) -> "subprocess.CompletedProcess[str]":
        path = f"{self.program.parent}:{os.environ['PATH']}"
        return subprocess.run(
            command,
            env={**os.environ, "KUBECONFIG": str(self.kubeconfig), "PATH": path},
            cwd=ROOT,
            input=text,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


@dataclass(frozen=True)
class Installation:
    """A cluster with CRDs and manifests/base, and its administrator."""

    admin: User
    folder: Path

    def service_account(self, namespace: str, name: str) -> User:
        """Return somebody who talks to the API server as a service account does."""
        token = self.admin.kubectl("create", "token", "-n", namespace, name).strip()
        config = json.loads(self.admin.kubectl("config", "view", "--raw", "-o", "json"))
        config["users"] = [{"name": config["users"][0]["name"], "user": {"token": token}}]
        kubeconfig = self.folder / f"{namespace}-{name}.kubeconfig"
        kubeconfig.touch(mode=0o600)
        kubeconfig.write_text(json.dumps(config))
        return User(self.admin.program, kubeconfig)

    @property
    def operator(self) -> User:
        """The operator's ServiceAccount."""
        return self.service_account("mintmaster-system", "mintmaster-operator")

    @property
    def log(self) -> Path:
        """What the operator had to say."""
        return self.folder / "operator.log"

    @contextmanager
    def operator_running(self) -> Iterator[None]:
        """Have the operator run, with the rights of its ServiceAccount and no others."""
        command = [sys.executable, "-m", "mintmaster", "operator", "--log-format=text"]
        command += [f"--kubeconfig={self.operator.kubeconfig}", "--listen=127.0.0.1:0"]
        with self.log.open("w") as log, subprocess.Popen(command, stderr=log) as process:
            try:
                self.admin.kubectl("wait", "--for=condition=Ready", "tokenissuer", "--all", TIMEOUT)
                yield
            finally:
                code = _end(process)
                said = self.log.read_text()
                sys.stderr.write(said)  # for whoever reads about a test that failed
        assert code == 0
        assert f'User "{OPERATOR}" cannot' not in said, "a right is missing"


def _end(process: "subprocess.Popen[bytes]") -> int:
    """End a process in order, and return its exit code; one that does not end is killed."""
    process.terminate()
    try:
        return process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


@contextmanager
def installed(folder: Path) -> Iterator[Installation]:
    """Install on a cluster that lives as long as the block; a warning of the API server is an error."""
    spec = ClusterSpec(name=f"tests-{secrets.token_hex(4)}", temporary=True)
    cluster = LocalCluster.up(spec)
    try:
        admin = User(cluster.kubectl, cluster.kubeconfig)
        apply = ("apply", "--server-side", "--warnings-as-errors")
        admin.kubectl(*apply, "-f", "crds/")
        admin.kubectl("wait", "--for=condition=Established", "crd", "--all", TIMEOUT)
        admin.kubectl(*apply, "-k", "manifests/base")
        yield Installation(admin, folder)
    finally:
        cluster.down()
