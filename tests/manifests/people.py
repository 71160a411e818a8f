"""Somebody who talks to the API server: impersonated, and with the rights that a test gives them."""

import base64
import http.client
import json
import secrets
import ssl
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from manifests.patience import until
from mintmaster.api.names import API_VERSION, GROUP
from mintmaster.localcluster.api_access import CertificateAccess

Object = dict[str, Any]

RBAC = "rbac.authorization.k8s.io"
REQUEST_SECONDS = 30.0
"""How long to wait for the answer to one request."""

PLURALS = {
    "ClientApplication": "clientapplications",
    "ClusterRole": "clusterroles",
    "ClusterRoleBinding": "clusterrolebindings",
    "ConfigMap": "configmaps",
    "Deployment": "deployments",
    "Lease": "leases",
    "Namespace": "namespaces",
    "RoleBinding": "rolebindings",
    "RunnerRegistration": "runnerregistrations",
    "Secret": "secrets",
    "SubjectAccessReview": "subjectaccessreviews",
    "TokenIssuer": "tokenissuers",
    "UserAccessToken": "useraccesstokens",
    "ValidatingAdmissionPolicy": "validatingadmissionpolicies",
    "ValidatingAdmissionPolicyBinding": "validatingadmissionpolicybindings",
}


@dataclass(frozen=True)
class Answer:
    """What the API server said."""

    status: int
    body: Object

    @property
    def message(self) -> str:
        """The sentence of a refusal; empty where there was none."""
        return str(self.body["message"]) if self.status >= 400 else ""

    @property
    def passed(self) -> Object:
        """The object as it is now; the request has to have passed."""
        assert self.status < 300, self.message
        return self.body

    def is_refused(self, policy: str, *words: str, status: int = 403) -> bool:
        """Whether this policy refused it, and its message has these words."""
        assert self.status == status, self
        assert f"ValidatingAdmissionPolicy '{policy}.{GROUP}'" in self.message, self.message
        return all(word in self.message for word in words)


@dataclass(frozen=True)
class Person:
    """A user of the API server; all of them share one connection, which says who they are."""

    connection: http.client.HTTPSConnection
    headers: dict[str, str] = field(default_factory=dict)

    def named(self, user: str, *groups: str) -> "Person":
        """Somebody else, as whom this one acts."""
        headers = {"Impersonate-User": user}
        if groups:
            headers["Impersonate-Group"] = groups[0]
        return Person(self.connection, headers)

    def bearing(self, token: str) -> "Person":
        """Whoever has this token; the connection must not say who they are."""
        return Person(self.connection, {"Authorization": f"Bearer {token}"})

    def create(self, body: Object, *, dry_run: bool = False) -> Answer:
        meta = body["metadata"]
        path = collection(body["kind"], body["apiVersion"], meta.get("namespace"))
        return self.send("POST", path + ("?dryRun=All" if dry_run else ""), body)

    def patch(
        self, body: Object, change: Object, part: str = "", *, dry_run: bool = False
    ) -> Answer:
        """Merge-patch an object, or its part `/status`."""
        path = path_of(body) + part + ("?dryRun=All" if dry_run else "")
        return self.send("PATCH", path, change, "application/merge-patch+json")

    def apply(self, body: Object, part: str = "", *, force: bool = False) -> Answer:
        """Apply an object on the server, as a manager of its own, who may take over fields of others."""
        query = f"fieldManager={secrets.token_hex(4)}&force={str(force).lower()}"
        path = f"{path_of(body)}{part}?{query}"
        return self.send("PATCH", path, body, "application/apply-patch+yaml")

    def read(self, body: Object) -> Object:
        return self.send("GET", path_of(body)).passed

    def delete(self, body: Object) -> Answer:
        return self.send("DELETE", path_of(body))

    def may(self, user: str, **attributes: str) -> bool:
        """Whether a user may do this, as the admission policies will find."""
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "metadata": {},
            "spec": {"user": user, "resourceAttributes": attributes},
        }
        return bool(self.create(review).passed["status"]["allowed"])

    def send(
        self, method: str, path: str, body: Object | None = None, type_: str = "application/json"
    ) -> Answer:
        content = None if body is None else json.dumps(body)
        headers = {**self.headers, "Content-Type": type_}
        try:
            return self._sent(method, path, content, headers)
        except (OSError, http.client.HTTPException):
            # The server ends connections that were idle for a while: nothing was carried out.
            self.connection.close()
            return self._sent(method, path, content, headers)

    def _sent(self, method: str, path: str, content: str | None, headers: dict[str, str]) -> Answer:
        self.connection.request(method, path, content, headers)
        response = self.connection.getresponse()
        return Answer(response.status, json.loads(response.read()))


@contextmanager
def administrator(access: CertificateAccess) -> Iterator[Person]:
    """Connect as the administrator of a cluster."""
    connection = http.client.HTTPSConnection(
        urlsplit(access.server).netloc, timeout=REQUEST_SECONDS, context=access.context
    )
    with closing(connection):
        yield Person(connection)


@contextmanager
def bearer(kubeconfig: Path) -> Iterator[Person]:
    """Connect with the token of a kubeconfig, and with no certificate that would say who else this is."""
    config = json.loads(kubeconfig.read_text())
    cluster = config["clusters"][0]["cluster"]
    authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
    connection = http.client.HTTPSConnection(
        urlsplit(cluster["server"]).netloc,
        timeout=REQUEST_SECONDS,
        context=ssl.create_default_context(cadata=authority),
    )
    with closing(connection):
        yield Person(connection).bearing(config["users"][0]["user"]["token"])


def collection(kind: str, api_version: str, namespace: str | None) -> str:
    root = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
    scope = f"/namespaces/{namespace}" if namespace else ""
    return f"{root}{scope}/{PLURALS[kind]}"


def path_of(body: Object) -> str:
    meta = body["metadata"]
    return f"{collection(body['kind'], body['apiVersion'], meta.get('namespace'))}/{meta['name']}"


@dataclass(frozen=True)
class Rights:
    """Gives rights, as an administrator, and waits until they count."""

    admin: Person

    def bind(self, user: str, role: str, namespace: str | None = None) -> None:
        """Bind a ClusterRole to a user, in one namespace or in all."""
        kind = "RoleBinding" if namespace else "ClusterRoleBinding"
        body: Object = {
            "apiVersion": f"{RBAC}/v1",
            "kind": kind,
            "metadata": {"name": f"{role}-{secrets.token_hex(4)}"},
            "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": role},
            "subjects": [{"apiGroup": RBAC, "kind": "User", "name": user}],
        }
        if namespace:
            body["metadata"]["namespace"] = namespace
        _ = self.admin.create(body).passed

    def give(self, user: str, verb: str, resource: str, *names: str) -> None:
        """Let a user do something of our group in the whole cluster, with these names or with all."""
        rule: Object = {"apiGroups": [GROUP], "resources": [resource], "verbs": [verb]}
        if names:
            rule["resourceNames"] = list(names)
        role: Object = {
            "apiVersion": f"{RBAC}/v1",
            "kind": "ClusterRole",
            "metadata": {"name": f"test-{secrets.token_hex(4)}"},
            "rules": [rule],
        }
        _ = self.admin.create(role).passed
        self.bind(user, role["metadata"]["name"])
        self.wait(user, verb=verb, group=GROUP, resource=resource, name=names[-1] if names else "")

    def wait(self, user: str, **attributes: str) -> None:
        """Wait until a right counts: the authorizer hears of bindings a moment later."""
        until(lambda: self.admin.may(user, **attributes), f"{user} may {attributes}")


def runner(namespace: str, name: str = "builder", **spec: Any) -> Object:
    return _resource("RunnerRegistration", namespace, name, {"type": "Instance"} | spec)


def user_token(namespace: str, name: str = "ada", **spec: Any) -> Object:
    whose = {"user": {"email": f"{name}@example.org"}}
    return _resource("UserAccessToken", namespace, name, whose | spec)


def application(namespace: str, name: str = "robot", **spec: Any) -> Object:
    return _resource("ClientApplication", namespace, name, spec)


def _resource(kind: str, namespace: str, name: str, spec: Object) -> Object:
    meta = {"name": name, "namespace": namespace}
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": meta, "spec": spec}
