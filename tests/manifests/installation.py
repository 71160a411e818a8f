"""Mintmaster installed on a cluster as its manifests say, with its processes run under their own ServiceAccounts."""

import base64
import json
import os
import re
import secrets
import subprocess
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from manifests.patience import until
from manifests.people import Person, administrator
from mintmaster.localcluster.api_access import CertificateAccess
from mintmaster.localcluster.cluster import LocalCluster
from mintmaster.localcluster.spec import ClusterSpec

ROOT = Path(__file__).parents[2]
OVERLAY = "manifests/overlays/whole-cluster"
OLDER = "tests/manifests/data/older.yaml"
TIMEOUT = "--timeout=60s"
STOP_SECONDS = 20.0
SYSTEM = "mintmaster-system"


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
class Running:
    """A process of ours, and what it says."""

    process: "subprocess.Popen[bytes]"
    log: Path

    @property
    def address(self) -> str:
        """Where a gate listens: a URL."""
        until(lambda: self._listening() is not None, "the gate listens")
        found = self._listening()
        assert found is not None
        return found[1]

    def _listening(self) -> "re.Match[str] | None":
        assert self.process.poll() is None, "the process has ended"
        return re.search(r"listening at (\S+)", self.log.read_text())


@dataclass(frozen=True)
class Installation:
    """A cluster with CRDs and everything of the overlay for whole clusters, and its administrator."""

    admin: User
    administrator: Person
    """The same administrator, for what kubectl is too slow for."""
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

    def bind_everywhere(self, account: User, role: str) -> None:
        """Bind a ClusterRole to a service account that stands for a tenant, in all namespaces."""
        namespace = account.kubectl("config", "view", "--minify", "-o", "jsonpath={..namespace}")
        name = f"{namespace[-40:].lstrip('-')}-{role}"
        self.admin.kubectl(
            *("create", "clusterrolebinding", name, f"--clusterrole={role}"),
            f"--serviceaccount={namespace}:tenant",
        )

    @contextmanager
    def operator_running(self, *options: str, lacking: str = "") -> Iterator[Running]:
        """Have the operator run, with the rights of its ServiceAccount and no others."""
        with self._running("operator", *options, lacking=lacking) as operator:
            self.admin.kubectl("wait", "--for=condition=Ready", "tokenissuer", "--all", TIMEOUT)
            yield operator

    @contextmanager
    def gate_running(self) -> Iterator[Running]:
        """Have a gate run, with the rights of its ServiceAccount and no others; its keys are mounted."""
        keys = self.mount_keys("applications")
        with self._running("gate", f"--signing-keys={keys.parent}") as gate:
            yield gate

    def mount_keys(self, issuer: str) -> Path:
        """Give gates the keys of an issuer, as a volume does; those that run notice. Returns the folder."""
        keys = self.folder / "signing-keys" / issuer
        keys.mkdir(parents=True, exist_ok=True)
        mounted = self.admin.read("secret", "-n", SYSTEM, f"mintmaster-issuer-{issuer}")["data"]
        for name, value in mounted.items():
            (keys / name).write_bytes(base64.b64decode(value))
        return keys

    @contextmanager
    def _running(self, name: str, *options: str, lacking: str = "") -> Iterator[Running]:
        """Run a process as its Deployment does; whatever it is refused must be about what it lacks."""
        account = f"mintmaster-{name}"
        log = self.folder / f"{name}-{secrets.token_hex(4)}.log"
        command = [sys.executable, "-m", "mintmaster", name, "--log-format=text"]
        kubeconfig = self.service_account(SYSTEM, account).kubeconfig
        command += [f"--kubeconfig={kubeconfig}", "--listen=127.0.0.1:0", *options]
        environment = {**os.environ, **self._environment(account)}
        with (
            log.open("w") as lines,
            subprocess.Popen(command, stderr=lines, env=environment) as process,
        ):
            try:
                yield Running(process, log)
            finally:
                code = _end(process)
                said = log.read_text()
                sys.stderr.write(said)  # for whoever reads about a test that failed
        assert code == 0
        refusals = [line for line in said.splitlines() if f'{SYSTEM}:{account}" cannot' in line]
        strange = [line for line in refusals if lacking not in line or not lacking]
        assert strange == [], "a right is missing"
        assert "ValidatingAdmissionPolicy" not in said, "a policy is in the way"

    def _environment(self, deployment: str) -> dict[str, str]:
        """What the pods of a Deployment find in their environment, but for what only a pod has."""
        pod = self.admin.read("deployment", "-n", SYSTEM, deployment)["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        return {it["name"]: it["value"] for it in container["env"] if "value" in it}


def _end(process: "subprocess.Popen[bytes]") -> int:
    """End a process in order, and return its exit code; one that does not end is killed."""
    process.terminate()
    try:
        return process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


@contextmanager
def installed(
    folder: Path, *apiserver_args: str, overlay: str = OVERLAY, namespaces: Collection[str] = ()
) -> Iterator[Installation]:
    """Install on a cluster that lives as long as the block; a warning of the API server is an error."""
    name = f"tests-{secrets.token_hex(4)}"
    spec = ClusterSpec(name=name, temporary=True, apiserver_args=apiserver_args)
    cluster = LocalCluster.up(spec)
    try:
        admin = User(cluster.kubectl, cluster.kubeconfig)
        apply = ("apply", "--server-side", "--warnings-as-errors")
        admin.kubectl(*apply, "-f", "crds/")
        admin.kubectl("wait", "--for=condition=Established", "crd", "--all", TIMEOUT)
        admin.kubectl(*apply, "-f", OLDER)
        for namespace in namespaces:
            admin.kubectl("create", "namespace", namespace)
        admin.kubectl(*apply, "-k", overlay)
        assert isinstance(cluster.api, CertificateAccess)
        with administrator(cluster.api) as person:
            await_policies(person)
            yield Installation(admin, person, folder)
    finally:
        cluster.down()


def await_policies(admin: Person) -> None:
    """Wait until the API server has read the policies: then it has one that was made after them, too."""
    about = {"name": f"probe-{secrets.token_hex(4)}.mintmaster.dev"}
    api = "admissionregistration.k8s.io/v1"
    policy = {
        "apiVersion": api,
        "kind": "ValidatingAdmissionPolicy",
        "metadata": about,
        "spec": {
            "matchConstraints": {"resourceRules": [PROBED]},
            "validations": [{"expression": f"object.metadata.name != '{about['name']}'"}],
        },
    }
    binding = {
        "apiVersion": api,
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": about,
        "spec": {"policyName": about["name"], "validationActions": ["Deny"]},
    }
    probe = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": about | {"namespace": "default"}}
    for body in (policy, binding):
        _ = admin.create(body).passed
    until(lambda: admin.create(probe, dry_run=True).status == 422, "the policies are in force")
    for body in (binding, policy):
        _ = admin.delete(body).passed


PROBED = {
    "apiGroups": [""],
    "apiVersions": ["v1"],
    "operations": ["CREATE"],
    "resources": ["configmaps"],
}
