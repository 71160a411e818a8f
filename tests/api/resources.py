"""Valid resources, and modifiers that change one thing about them."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any, TypeAlias

from mintmaster.api.kinds import (
    CLIENT_APPLICATION,
    RUNNER_REGISTRATION,
    TOKEN_ISSUER,
    USER_ACCESS_TOKEN,
    Resource,
    ResourceKind,
)
from mintmaster.api.names import API_VERSION

Manifest: TypeAlias = dict[str, Any]
Modifier: TypeAlias = Callable[[Manifest], None]

_SPECS: dict[str, Manifest] = {
    RUNNER_REGISTRATION.kind: {"type": "Instance"},
    USER_ACCESS_TOKEN.kind: {"user": {"email": "ada@example.org"}},
    CLIENT_APPLICATION.kind: {},
    TOKEN_ISSUER.kind: {
        "url": "https://tokens.example.org",
        "signer": "Operator",
        "audiences": ["https://services.example.org"],
    },
}


def manifest(kind: ResourceKind[Resource], name: str, *modifiers: Modifier) -> Manifest:
    """Return the smallest valid resource of a kind, changed by the modifiers in turn."""
    made = {
        "apiVersion": API_VERSION,
        "kind": kind.kind,
        "metadata": {"name": name},
        "spec": deepcopy(_SPECS[kind.kind]),
    }
    for modify in modifiers:
        modify(made)
    return made


def runner(*modifiers: Modifier, name: str = "builder") -> Manifest:
    return manifest(RUNNER_REGISTRATION, name, *modifiers)


def user_token(*modifiers: Modifier, name: str = "laptop") -> Manifest:
    return manifest(USER_ACCESS_TOKEN, name, *modifiers)


def application(*modifiers: Modifier, name: str = "portal") -> Manifest:
    return manifest(CLIENT_APPLICATION, name, *modifiers)


def issuer(*modifiers: Modifier, name: str = "default") -> Manifest:
    return manifest(TOKEN_ISSUER, name, *modifiers)


def having(path: str, value: object) -> Modifier:
    """Set the field at a dotted path below spec; objects on the way are made."""

    def modify(made: Manifest) -> None:
        *way, last = path.split(".")
        target = made["spec"]
        for step in way:
            target = target.setdefault(step, {})
        target[last] = value

    return modify


def lacking(path: str) -> Modifier:
    """Remove the field at a dotted path below spec."""

    def modify(made: Manifest) -> None:
        *way, last = path.split(".")
        target = made["spec"]
        for step in way:
            target = target[step]
        del target[last]

    return modify


def called(name: str) -> Modifier:
    """Give the resource another name."""

    def modify(made: Manifest) -> None:
        made["metadata"]["name"] = name

    return modify
