"""Runners in pods: what is applied for one, and what it experienced."""

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from e2e.images import IMAGE, TAG
from e2e.waiting import eventually
from manifests.installation import User

Object = dict[str, Any]

HOST = "mintmaster-gate.mintmaster-system.svc"
URL = f"https://{HOST}/default/api/v4/runners/verify"
PRESENTER = Path(__file__).with_name("presenter.py")

RESTRICTED: Object = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "runAsNonRoot": True,
    "runAsUser": 65532,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}


@dataclass(frozen=True)
class Runner:
    """A pod that shows its mounted token to gates."""

    admin: User
    namespace: str

    @property
    def experiences(self) -> list[Object]:
        """What the pod told of each time that it showed its token, in order."""
        lines = self.admin.kubectl("logs", "-n", self.namespace, "pod/runner").splitlines()
        return [json.loads(line) for line in lines]

    @property
    def tokens(self) -> list[str]:
        """The different tokens that were accepted, in order, by the first characters of their digests."""
        return list(dict.fromkeys(it["token"] for it in self.experiences if it["status"] == 200))

    @property
    def statuses(self) -> Counter[int]:
        """How often each status was the answer."""
        return Counter(it["status"] for it in self.experiences)

    @property
    def status(self) -> Object:
        """The status of its resource."""
        found: Object = self.admin.read("rr", "-n", self.namespace, "runner")["status"]
        return found


def start(admin: User, namespace: str, authority: bytes, token: Object | None = None) -> Runner:
    """Register a runner and start its pod; return when a gate has accepted its token."""
    address = admin.read("service", "-n", "mintmaster-system", "mintmaster-gate")["spec"][
        "clusterIP"
    ]
    files = {"presenter.py": PRESENTER.read_text(), "ca.crt": authority.decode()}
    objects = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}},
        registration("runner", namespace, token=token or {}),
        _object("v1", "ConfigMap", "presenter", namespace, data=files),
        _object("v1", "Pod", "runner", namespace, spec=_pod(address)),
    ]
    apply(admin, *objects)
    runner = Runner(admin, namespace)
    admin.kubectl("wait", "--for=condition=Ready", "-n", namespace, "pod/runner", "--timeout=90s")
    eventually(lambda: bool(runner.tokens), "a gate accepts the runner's token")
    return runner


def registration(name: str, namespace: str, **spec: Any) -> Object:
    """A RunnerRegistration for all projects."""
    body = {"type": "Instance", **spec}
    return _object("mintmaster.dev/v1alpha1", "RunnerRegistration", name, namespace, spec=body)


def deployment(name: str, namespace: str) -> Object:
    """A workload that consents to be restarted, and does nothing."""
    labels = {"app": name}
    container = {
        "name": "agent",
        "image": f"{IMAGE}:{TAG}",
        "command": ["python3", "-c", "import signal; signal.pause()"],
        "securityContext": RESTRICTED,
    }
    pod = {"containers": [container], "terminationGracePeriodSeconds": 0}
    spec = {
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": pod},
    }
    made = _object("apps/v1", "Deployment", name, namespace, spec=spec)
    made["metadata"]["annotations"] = {"mintmaster.dev/restart": "true"}
    return made


def apply(admin: User, *objects: Object) -> None:
    """Apply objects as an administrator does; a warning is an error."""
    text = yaml.safe_dump_all(objects)
    admin.kubectl("apply", "--server-side", "--warnings-as-errors", "-f", "-", text=text)


def _object(version: str, kind: str, name: str, namespace: str, **rest: Any) -> Object:
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **rest}


def _pod(gate: str) -> Object:
    """There are no names in the cluster, so the pod is told the one that it needs."""
    mounted = {"/etc/runner/token": "token", "/etc/runner/presenter": "presenter"}
    arguments = ["/etc/runner/presenter/presenter.py", URL, "/etc/runner/token/token"]
    container = {
        "name": "runner",
        "image": f"{IMAGE}:{TAG}",
        "command": ["python3", *arguments, "/etc/runner/presenter/ca.crt"],
        "securityContext": RESTRICTED,
        "volumeMounts": [{"name": name, "mountPath": path} for path, name in mounted.items()],
    }
    return {
        "containers": [container],
        "hostAliases": [{"ip": gate, "hostnames": [HOST]}],
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 0,
        "volumes": [
            {"name": "token", "secret": {"secretName": "runner-token"}},
            {"name": "presenter", "configMap": {"name": "presenter"}},
        ],
    }
