"""The few requests to an API server that starting a cluster and its fixtures need.

Two ways lead there: HTTPS with the administrator's certificate to clusters that we made, and
kubectl to others, whose kubeconfig may log in by any means that kubectl knows.
"""

import http.client
import json
import ssl
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from mintmaster.localcluster.errors import RequestError

if TYPE_CHECKING:
    from pathlib import Path

    from mintmaster.localcluster.certificates import Certificates

REQUEST_SECONDS = 5.0
"""How long to wait for the answer to one request."""

_KUBECTL_VERBS = {
    "GET": ("get", "--raw"),
    "POST": ("create", "-f", "-", "--raw"),
    "DELETE": ("delete", "--raw"),
}


class ApiAccess(Protocol):
    """Something that carries requests to an API server."""

    def request(self, method: str, path: str, body: dict[str, Any] | None = None) -> str:
        """Send a request and give the body of the answer; raise RequestError if refused."""


@dataclass(frozen=True, slots=True)
class CertificateAccess:
    """Requests over HTTPS with a client certificate; `server` is a URL."""

    server: str
    context: ssl.SSLContext

    @classmethod
    def as_admin(cls, server: str, certificates: "Certificates") -> "CertificateAccess":
        """Log in with the administrator's certificate, and trust only the cluster's authority."""
        context = ssl.create_default_context(cafile=certificates.authority)
        context.load_cert_chain(certificates.admin.certificate, certificates.admin.key)
        return cls(server, context)

    def request(self, method: str, path: str, body: dict[str, Any] | None = None) -> str:
        """Send a request on a connection of its own."""
        host = urlsplit(self.server).netloc
        connection = http.client.HTTPSConnection(
            host, timeout=REQUEST_SECONDS, context=self.context
        )
        return _exchange(connection, self.server, method, path, body)


@dataclass(frozen=True, slots=True)
class PlainAccess:
    """Requests without encryption or identity, for programs that say no more than how they are."""

    server: str

    def request(self, method: str, path: str, body: dict[str, Any] | None = None) -> str:
        """Send a request on a connection of its own."""
        host = urlsplit(self.server).netloc
        connection = http.client.HTTPConnection(host, timeout=REQUEST_SECONDS)
        return _exchange(connection, self.server, method, path, body)


@dataclass(frozen=True, slots=True)
class KubectlAccess:
    """Requests by way of kubectl and a kubeconfig."""

    kubectl: "Path"
    kubeconfig: "Path"

    def request(self, method: str, path: str, body: dict[str, Any] | None = None) -> str:
        """Run kubectl for one request."""
        done = subprocess.run(  # noqa: S603 - the verbs are ours
            [
                str(self.kubectl),
                f"--kubeconfig={self.kubeconfig}",
                f"--request-timeout={REQUEST_SECONDS:.0f}s",
                *_KUBECTL_VERBS[method],
                path,
            ],
            input=json.dumps(body or {}),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise RequestError(f"{method} {path}: {done.stderr.strip()}")
        return done.stdout


def _exchange(
    connection: http.client.HTTPConnection,
    server: str,
    method: str,
    path: str,
    body: dict[str, Any] | None,
) -> str:
    """Send a request and close the connection."""
    content = None if body is None else json.dumps(body)
    try:
        connection.request(method, path, content, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        text = answer.read().decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        message = f"{server} does not answer: {type(error).__name__}: {error}"
        raise RequestError(message) from error
    finally:
        connection.close()
    if answer.status >= 400:
        raise RequestError(f"{method} {path}: {answer.status} {text[:500]}", answer.status)
    return text
