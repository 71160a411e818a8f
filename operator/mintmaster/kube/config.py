"""Where the API server is and how to speak to it: from a kubeconfig, or from inside a pod."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from yarl import URL

from mintmaster.kube.credentials import (
    Authorize,
    ExpectServerName,
    StaticToken,
    TokenFile,
)
from mintmaster.kube.errors import InvalidConfig
from mintmaster.kube.exec_plugin import ExecCommand, ExecPlugin
from mintmaster.kube.kubeconfig import Kubeconfig
from mintmaster.kube.tls import ClientTLS, KeyPair

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp import ClientMiddlewareType

    from mintmaster.kube.credentials import TokenSource
    from mintmaster.kube.kubeconfig import Cluster, Exec, Origin, User

__all__ = ["SERVICE_ACCOUNT", "Connection", "from_kubeconfig", "in_cluster", "load"]

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where the kubelet mounts a pod's service account."""

_EXEC_VERSIONS = {"client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"}


@dataclass(frozen=True, slots=True)
class Connection:
    """All that is needed to open a session with one API server."""

    server: str
    """The URL, without a slash at its end."""
    tls: ClientTLS
    tokens: TokenSource | None = None
    namespace: str = "default"
    proxy: str | None = None

    def middlewares(self) -> tuple[ClientMiddlewareType, ...]:
        """Return what a session must do to each request; nothing, for client certificates."""
        found: list[ClientMiddlewareType] = []
        if self.tls.server_name:
            found.append(ExpectServerName(self.tls.server_name))
        if self.tokens is not None:
            found.append(Authorize(self.tokens, URL(self.server).raw_host))
        return tuple(found)


def load(
    kubeconfig: str | None = None,
    context: str | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Connection:
    """Find the API server: the file named, else KUBECONFIG, else the pod's service account,
    else ~/.kube/config. A context that is named leaves the service account out.

    Raises InvalidConfig, which names the file and the field.
    """
    if kubeconfig:
        return from_kubeconfig([Path(kubeconfig)], context)
    if listed := [Path(path) for path in environ.get("KUBECONFIG", "").split(os.pathsep) if path]:
        return from_kubeconfig(listed, context)
    if "KUBERNETES_SERVICE_HOST" in environ and context is None:
        return in_cluster(environ, SERVICE_ACCOUNT)
    return from_kubeconfig([Path.home() / ".kube" / "config"], context)


def in_cluster(
    environ: Mapping[str, str] = os.environ, mount: Path = SERVICE_ACCOUNT
) -> Connection:
    """Make the connection of a pod (Kubernetes: "Accessing the Kubernetes API from a Pod")."""
    host = environ.get("KUBERNETES_SERVICE_HOST", "")
    if not host:
        raise InvalidConfig("KUBERNETES_SERVICE_HOST is not set: this is not a pod")
    port = environ.get("KUBERNETES_SERVICE_PORT", "443")
    authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    namespace = mount / "namespace"
    return Connection(
        server=f"https://{authority}",
        tls=ClientTLS(authority=_read(mount / "ca.crt", "the service account's CA")),
        tokens=TokenFile(mount / "token"),
        namespace=namespace.read_text().strip() if namespace.exists() else "default",
    )


def from_kubeconfig(paths: list[Path], context: str | None = None) -> Connection:
    """Make the connection of a context (default: the current one) of these files, merged."""
    config = Kubeconfig.read([path.expanduser().absolute() for path in paths])
    chosen = config.context(context).value
    cluster, user = config.cluster(chosen.cluster), config.user(chosen.user)
    _refuse_unsupported(user.value, user.origin)
    tls = _tls(cluster.value, cluster.origin)
    tls.key_pair = _key_pair(user.value, user.origin)
    return Connection(
        server=_server(cluster.value, cluster.origin),
        tls=tls,
        tokens=_tokens(user.value, user.origin, cluster.value, tls),
        namespace=chosen.namespace or "default",
        proxy=_proxy(cluster.value, cluster.origin),
    )


def _server(cluster: Cluster, origin: Origin) -> str:
    server = cluster.server.rstrip("/")
    if not server.startswith(("https://", "http://")):
        raise InvalidConfig(f"{origin}.server: not an http or https URL")
    return server


def _proxy(cluster: Cluster, origin: Origin) -> str | None:
    if cluster.proxy_url and not cluster.proxy_url.startswith(("http://", "https://")):
        raise InvalidConfig(f"{origin}.proxy-url: only http and https proxies are supported")
    return cluster.proxy_url or None


def _refuse_unsupported(user: User, origin: Origin) -> None:
    """Refuse what we would otherwise leave out in silence, and so act as somebody else."""
    unsupported = {
        "as": user.impersonate,
        "username": user.username,
        "auth-provider": user.auth_provider,
    }
    for name, value in unsupported.items():
        if value:
            raise InvalidConfig(f"{origin}.{name}: not supported")


def _tls(cluster: Cluster, origin: Origin) -> ClientTLS:
    authority = cluster.certificate_authority_data
    if authority is None and cluster.certificate_authority:
        file = origin.path(cluster.certificate_authority)
        authority = _read(file, f"{origin}.certificate-authority")
    return ClientTLS(
        authority=authority,
        verify=not cluster.insecure_skip_tls_verify,
        server_name=cluster.tls_server_name or None,
    )


def _key_pair(user: User, origin: Origin) -> KeyPair | None:
    certificate = _material(user.client_certificate_data, user.client_certificate, origin)
    key = _material(user.client_key_data, user.client_key, origin)
    if certificate is not None and key is not None:
        return KeyPair(certificate, key)
    if certificate is not None or key is not None:
        raise InvalidConfig(f"{origin}: client-certificate and client-key need each other")
    return None


def _material(data: bytes | None, path: str | None, origin: Origin) -> bytes | Path | None:
    if data is not None:
        return data
    return origin.path(path) if path else None


def _tokens(user: User, origin: Origin, cluster: Cluster, tls: ClientTLS) -> TokenSource | None:
    if user.token_file:
        return TokenFile(origin.path(user.token_file))
    if user.token:
        return StaticToken(user.token)
    if user.exec is not None:
        return ExecPlugin(_command(user.exec, origin, cluster, tls), tls)
    return None


def _command(spec: Exec, origin: Origin, cluster: Cluster, tls: ClientTLS) -> ExecCommand:
    if spec.api_version not in _EXEC_VERSIONS:
        raise InvalidConfig(f"{origin}.exec.apiVersion: {spec.api_version!r} is not supported")
    if spec.interactive_mode == "Always":
        raise InvalidConfig(f"{origin}.exec.interactiveMode: a terminal cannot be offered")
    # A bare name is looked up in PATH, one with a slash is relative to the kubeconfig.
    program = str(origin.path(spec.command)) if "/" in spec.command else spec.command
    return ExecCommand(
        origin=f"{origin}.exec",
        api_version=spec.api_version,
        arguments=(program, *(spec.args or ())),
        environment={variable.name: variable.value for variable in spec.env or ()},
        hint=spec.install_hint,
        cluster=_cluster_info(cluster, tls) if spec.provide_cluster_info else None,
    )


def _cluster_info(cluster: Cluster, tls: ClientTLS) -> dict[str, object]:
    info = {
        "server": cluster.server,
        "tls-server-name": cluster.tls_server_name,
        "insecure-skip-tls-verify": cluster.insecure_skip_tls_verify,
        "certificate-authority-data": tls.authority,
        "proxy-url": cluster.proxy_url,
    }
    return {name: value for name, value in info.items() if value}


def _read(path: Path, what: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidConfig(f"{what}: {path}: {error.strerror}") from error
