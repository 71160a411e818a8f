"""Objects that tests create: each complete, and changed by what a test says."""

from __future__ import annotations

from typing import Any

from mintmaster.api import names
from mintmaster.api.kinds import (
    CLIENT_APPLICATION,
    RUNNER_REGISTRATION,
    TOKEN_ISSUER,
    USER_ACCESS_TOKEN,
)

Object = dict[str, Any]


def issuer(name: str, namespace: str, **spec: Any) -> Object:
    """An issuer that grants one namespace everything."""
    return {
        "apiVersion": names.API_VERSION,
        "kind": TOKEN_ISSUER.kind,
        "metadata": {"name": name},
        "spec": {
            "url": f"https://{name}.example.org",
            "signer": "Operator",
            "audiences": ["https://services.example.org"],
            "scopes": [{"name": scope} for scope in ("api", "read_api", "create_runner")],
            "roles": [
                {"name": "Researcher", "scopes": ["read_api"]},
                {"name": "Administrator", "scopes": ["api", "read_api"]},
            ],
            "grants": [grant(namespace)],
            **spec,
        },
    }


def grant(namespace: str, **fields: Any) -> Object:
    """An entry that grants a namespace everything but what is said."""
    lists = (
        "kinds",
        "subjects",
        "runnerTypes",
        "projects",
        "groups",
        "scopes",
        "roles",
        "audiences",
        "clientIds",
    )
    everything = {name: ["*"] for name in lists}
    return {"namespaces": {"names": [namespace]}, **everything, "unlimited": True, **fields}


def runner(name: str, **spec: Any) -> Object:
    """A RunnerRegistration of type Instance unless said otherwise."""
    return {
        "apiVersion": names.API_VERSION,
        "kind": RUNNER_REGISTRATION.kind,
        "metadata": {"name": name},
        "spec": {"type": "Instance", **spec},
    }


def user(name: str, **spec: Any) -> Object:
    """A UserAccessToken of `<name>@team.example`."""
    return {
        "apiVersion": names.API_VERSION,
        "kind": USER_ACCESS_TOKEN.kind,
        "metadata": {"name": name},
        "spec": {"user": {"email": f"{name}@team.example"}, **spec},
    }


def application(name: str, **spec: Any) -> Object:
    """A ClientApplication."""
    return {
        "apiVersion": names.API_VERSION,
        "kind": CLIENT_APPLICATION.kind,
        "metadata": {"name": name},
        "spec": spec,
    }


def secret(name: str, **fields: Any) -> Object:
    """A Secret of somebody."""
    metadata = {"name": name, **fields.pop("metadata", {})}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, **fields}


def quota(name: str, **hard: str) -> Object:
    """A ResourceQuota."""
    return {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": name},
        "spec": {"hard": hard},
    }


def key_secret(issuer_name: str) -> str:
    """The name of the Secret that holds an issuer's keys, in the operator's namespace."""
    return f"mintmaster-issuer-{issuer_name}"


def deployment(name: str, annotations: dict[str, str]) -> Object:
    """A Deployment without pods, whose owner has said what the annotations say."""
    labels = {"app": name}
    container = {"name": "main", "image": "registry.example.org/none"}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "annotations": annotations},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }
