"""Plain requests to the API server of the tests, as fast as hundreds of cases need them."""

import http.client
import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mintmaster.api.kinds import ALL_KINDS
from mintmaster.api.names import API_VERSION

CRDS = Path(__file__).parents[2] / "crds"
KINDS = {kind.kind: kind for kind in ALL_KINDS}
JSON_TYPE = "application/json"
MERGE_PATCH = "application/merge-patch+json"


@dataclass(frozen=True)
class Answer:
    """What the API server said; for refusals `body` is a `metav1.Status`."""

    status: int
    body: dict[str, Any]

    @property
    def message(self) -> str:
        """Return the sentence of a refusal."""
        return str(self.body["message"])


@dataclass(frozen=True)
class ApiServer:
    """One kept connection, in one namespace."""

    connection: http.client.HTTPConnection
    kubeconfig: Path
    namespace: str

    def create(self, resource: dict[str, Any], *, dry_run: bool = False) -> Answer:
        path = self._collection(resource["kind"]) + ("?dryRun=All" if dry_run else "")
        return self._send("POST", path, resource)

    def patch(self, resource: dict[str, Any], change: dict[str, Any], part: str = "") -> Answer:
        """Merge-patch the resource, or its part `/status`."""
        path = f"{self._collection(resource['kind'])}/{resource['metadata']['name']}{part}"
        return self._send("PATCH", path, change, MERGE_PATCH)

    def replace(self, resource: dict[str, Any]) -> Answer:
        path = f"{self._collection(resource['kind'])}/{resource['metadata']['name']}"
        return self._send("PUT", path, resource)

    def find(self, kind: str, field_selector: str) -> list[dict[str, Any]]:
        answer = self._send("GET", f"{self._collection(kind)}?fieldSelector={field_selector}")
        items: list[dict[str, Any]] = answer.body["items"]
        return items

    def delete(self, kind: str, name: str) -> Answer:
        return self._send("DELETE", f"{self._collection(kind)}/{name}")

    def kubectl(self, *arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
        return kubectl(self.kubeconfig, "--namespace", self.namespace, *arguments, text=text)

    def _collection(self, kind: str) -> str:
        known = KINDS[kind]
        scope = f"/namespaces/{self.namespace}" if known.namespaced else ""
        return f"/apis/{API_VERSION}{scope}/{known.plural}"

    def _send(
        self, method: str, path: str, body: dict[str, Any] | None = None, type_: str = JSON_TYPE
    ) -> Answer:
        content = json.dumps(body) if body is not None else None
        self.connection.request(method, path, content, {"Content-Type": type_})
        response = self.connection.getresponse()
        return Answer(response.status, json.loads(response.read()))


def kubectl(kubeconfig: Path, *arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
    """Run kubectl on that cluster and no other; a failure is for the caller to judge."""
    return subprocess.run(
        ["kubectl", *arguments],
        env={**os.environ, "KUBECONFIG": str(kubeconfig)},
        input=text,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@contextmanager
def proxy(kubeconfig: Path) -> Iterator[http.client.HTTPConnection]:
    """Open a connection that kubectl authenticates, in whatever way the kubeconfig says."""
    command = ["kubectl", "proxy", "--port=0", f"--kubeconfig={kubeconfig}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = process.stdout.readline().split()[-1]
        connection = http.client.HTTPConnection(address, timeout=30)
        try:
            yield connection
        finally:
            connection.close()
            process.terminate()
