"""The processes of a control plane: which ones, with which arguments, in which order."""

import shutil
from typing import TYPE_CHECKING

from mintmaster.localcluster import certificates, kubeconfig, ports
from mintmaster.localcluster.certificates import Certificates
from mintmaster.localcluster.component import Component, Recipe, load_recipe, save_recipe
from mintmaster.localcluster.errors import DeadComponentError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from mintmaster.localcluster.certificates import KeyPair
    from mintmaster.localcluster.paths import ClusterPaths
    from mintmaster.localcluster.spec import ClusterSpec

ORDER = ("etcd", "kube-apiserver", "kube-controller-manager")
"""What needs what: started from left to right, ended from right to left."""

START_ATTEMPTS = 3
"""How often other ports are tried, if somebody takes a port just before a component does."""

SERVICE_ACCOUNT_ISSUER = "https://kubernetes.default.svc.cluster.local"


def components(paths: "ClusterPaths") -> list[Component]:
    """Find the components of a cluster, in the order of their start."""
    files = [paths.components / f"{name}.json" for name in ORDER]
    recipes = [load_recipe(file) for file in files if file.exists()]
    return [Component(paths.root, recipe, Certificates(paths.pki)) for recipe in recipes]


def create(paths: "ClusterPaths", programs: "Mapping[str, Path]", spec: "ClusterSpec") -> None:
    """Start a control plane from nothing; raise DeadComponentError or NotReadyError if it fails."""
    certificates.issue(paths.pki)
    for attempt in range(1, START_ATTEMPTS + 1):
        _write(paths, programs, spec)
        try:
            start(paths)
        except DeadComponentError as error:
            if "address already in use" not in str(error) or attempt == START_ATTEMPTS:
                raise
            stop(paths)
            shutil.rmtree(paths.etcd_data, ignore_errors=True)
        else:
            return


def start(paths: "ClusterPaths") -> None:
    """Start what does not run, and wait until each is ready before starting the next."""
    for component in components(paths):
        component.start()
        component.wait_ready()


def stop(paths: "ClusterPaths") -> None:
    """End what runs; the database last, for the others would complain of its absence."""
    for component in reversed(components(paths)):
        component.stop()


def _write(paths: "ClusterPaths", programs: "Mapping[str, Path]", spec: "ClusterSpec") -> None:
    """Choose ports, and write down all that the processes need."""
    client, peer, secure, manager = ports.free(4)
    files = Certificates(paths.pki)
    server = f"https://{ports.LOOPBACK}:{secure}"
    for path, who in (
        (paths.kubeconfig, files.admin),
        (paths.controller_manager_kubeconfig, files.controller_manager),
    ):
        kubeconfig.write(path, spec.name, server, files.authority, who)
    arguments = {
        "etcd": _override(_etcd(paths, files, client, peer, durable=spec.durable), spec.etcd_args),
        "kube-apiserver": _override(_apiserver(files, secure, client), spec.apiserver_args),
        "kube-controller-manager": _override(
            _controller_manager(paths, files, manager), spec.controller_manager_args
        ),
    }
    health = {
        "etcd": f"https://{ports.LOOPBACK}:{client}/health",
        "kube-apiserver": f"{server}/readyz",
        "kube-controller-manager": f"https://{ports.LOOPBACK}:{manager}/healthz",
    }
    for name in ORDER:
        save_recipe(paths.root, Recipe(name, (str(programs[name]), *arguments[name]), health[name]))


def _etcd(
    paths: "ClusterPaths", files: Certificates, client: int, peer: int, *, durable: bool
) -> list[str]:
    """Let nobody in without a certificate of ours: other users share the loopback interface."""
    client_url = f"https://{ports.LOOPBACK}:{client}"
    peer_url = f"https://{ports.LOOPBACK}:{peer}"
    arguments = {
        "name": "default",
        "data-dir": paths.etcd_data,
        "listen-client-urls": client_url,
        "advertise-client-urls": client_url,
        "listen-peer-urls": peer_url,
        "initial-advertise-peer-urls": peer_url,
        "initial-cluster": f"default={peer_url}",
        "client-cert-auth": "true",
        "trusted-ca-file": files.authority,
        "peer-client-cert-auth": "true",
        "peer-trusted-ca-file": files.authority,
        "log-level": "warn",
        **_pair(files.serving, "cert-file", "key-file"),
        **_pair(files.serving, "peer-cert-file", "peer-key-file"),
    }
    return _flags(arguments) + ([] if durable else ["--unsafe-no-fsync"])


def _apiserver(files: Certificates, port: int, etcd_port: int) -> list[str]:
    """https://kubernetes.io/docs/reference/command-line-tools-reference/kube-apiserver/"""
    return _flags(
        {
            "bind-address": ports.LOOPBACK,
            "advertise-address": ports.LOOPBACK,
            "secure-port": port,
            # No pod will look for the API server, and endpoints may not be on loopback.
            "endpoint-reconciler-type": "none",
            "etcd-servers": f"https://{ports.LOOPBACK}:{etcd_port}",
            "etcd-cafile": files.authority,
            **_pair(files.serving, "etcd-certfile", "etcd-keyfile"),
            **_pair(files.serving, "tls-cert-file", "tls-private-key-file"),
            "client-ca-file": files.authority,
            "authorization-mode": "Node,RBAC",
            "service-account-issuer": SERVICE_ACCOUNT_ISSUER,
            "service-account-key-file": files.service_accounts.certificate,
            "service-account-signing-key-file": files.service_accounts.key,
            "service-cluster-ip-range": "10.96.0.0/16",
            "allow-privileged": "true",
            "profiling": "false",
        }
    )


def _controller_manager(paths: "ClusterPaths", files: Certificates, port: int) -> list[str]:
    """https://kubernetes.io/docs/reference/command-line-tools-reference/kube-controller-manager/"""
    return _flags(
        {
            "bind-address": ports.LOOPBACK,
            "secure-port": port,
            "kubeconfig": paths.controller_manager_kubeconfig,
            "authentication-kubeconfig": paths.controller_manager_kubeconfig,
            "authorization-kubeconfig": paths.controller_manager_kubeconfig,
            **_pair(files.serving, "tls-cert-file", "tls-private-key-file"),
            "service-account-private-key-file": files.service_accounts.key,
            "root-ca-file": files.authority,
            "use-service-account-credentials": "true",
            "leader-elect": "false",
            # The defaults, 20 and 30, make a test wait for garbage collection.
            "kube-api-qps": 200,
            "kube-api-burst": 400,
            "profiling": "false",
        }
    )


def _pair(files: "KeyPair", certificate: str, key: str) -> dict[str, object]:
    return {certificate: files.certificate, key: files.key}


def _flags(arguments: "Mapping[str, object]") -> list[str]:
    return [f"--{name}={value}" for name, value in arguments.items()]


def _override(arguments: "Iterable[str]", own: "Iterable[str]") -> list[str]:
    """Add arguments of one's own, in place of those with the same name."""
    added = list(own)
    named = {_flag_name(argument) for argument in added}
    return [argument for argument in arguments if _flag_name(argument) not in named] + added


def _flag_name(argument: str) -> str:
    return argument.partition("=")[0]
