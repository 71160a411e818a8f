"""Kubeconfig files: ours for a cluster we made, and one context taken out of a person's own.

The format: https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/
"""

import base64
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import yaml

from mintmaster.localcluster.errors import BackendError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mintmaster.localcluster.certificates import KeyPair

_RELATIVE = {
    "cluster": ("certificate-authority",),
    "user": ("client-certificate", "client-key", "tokenFile"),
}
"""Fields whose paths are relative to the file they stand in."""


def write(path: Path, name: str, server: str, authority: Path, client: "KeyPair") -> None:
    """Write a kubeconfig with one context, called `name`, that needs no other file."""
    cluster = {"server": server, "certificate-authority-data": _embed(authority)}
    user = {
        "client-certificate-data": _embed(client.certificate),
        "client-key-data": _embed(client.key),
    }
    _save(path, name, cluster, user, namespace="default")


def extract(name: str, path: Path) -> None:
    """Copy the context `name` of the user's kubeconfig to `path`, with what belongs to it.

    The user's kubeconfig is where kubectl looks: the files of $KUBECONFIG, else ~/.kube/config;
    the first file that has an entry wins. Raises BackendError if the context is not there.
    """
    context = _entry("context", name)
    cluster = _entry("cluster", str(context.get("cluster")))
    user = _entry("user", str(context["user"])) if context.get("user") else {}
    _save(path, name, cluster, user, str(context.get("namespace", "default")))


def server(path: Path) -> str:
    """Read the URL of the API server from a kubeconfig with one context."""
    return str(msgspec.yaml.decode(path.read_bytes())["clusters"][0]["cluster"]["server"])


def _save(
    path: Path, name: str, cluster: dict[str, Any], user: dict[str, Any], namespace: str
) -> None:
    context = {"cluster": name, "user": name, "namespace": namespace}
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        "clusters": [{"name": name, "cluster": cluster}],
        "users": [{"name": name, "user": user}],
        "contexts": [{"name": name, "context": context}],
    }
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        yaml.safe_dump(content, file, sort_keys=False)


def _entry(kind: str, name: str) -> dict[str, Any]:
    """Find an entry of the lists `clusters`, `users` or `contexts`, with absolute paths."""
    for file in _user_files():
        content = msgspec.yaml.decode(file.read_bytes()) or {}
        for entry in content.get(f"{kind}s") or ():
            if entry["name"] == name:
                return _absolute(kind, entry[kind] or {}, file.parent)
    raise BackendError(f'there is no {kind} "{name}" in {_searched()}')


def _absolute(kind: str, entry: dict[str, Any], folder: Path) -> dict[str, Any]:
    paths = {
        field: str(folder.resolve() / entry[field])
        for field in _RELATIVE.get(kind, ())
        if entry.get(field)
    }
    return entry | paths


def _user_files() -> "Iterator[Path]":
    listed = [Path(item) for item in os.environ.get("KUBECONFIG", "").split(os.pathsep) if item]
    yield from (file for file in listed or [Path.home() / ".kube" / "config"] if file.exists())


def _searched() -> str:
    return os.environ.get("KUBECONFIG") or str(Path.home() / ".kube" / "config")


def _embed(file: Path) -> str:
    return base64.b64encode(file.read_bytes()).decode()
