"""Admission policies of others that are against some of what is written."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from mintmaster.kube.paths import object_path

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from reconcile.cluster_user import Cluster

ADMISSION = "admissionregistration.k8s.io/v1"


@asynccontextmanager
async def denying(
    user: Cluster,
    group: str,
    resource: str,
    is_denied: Callable[[], Awaitable[bool]],
    allowed: str = "false",
) -> AsyncIterator[None]:
    """Have a policy in force that denies the writes of a resource in the user's namespace that are not allowed in CEL.

    It takes a moment to be in force, and one to be so no longer, which is found out by trying.
    """
    name = f"deny-{user.namespace}"
    await user.create(_policy(name, user.namespace, group, resource, allowed))
    binding = {"policyName": name, "validationActions": ["Deny"]}
    await user.create(_admission("ValidatingAdmissionPolicyBinding", name, binding))
    try:
        await user.until(is_denied, bool)
        yield
    finally:
        for plural in ("validatingadmissionpolicybindings", "validatingadmissionpolicies"):
            await user.client.delete(object_path(ADMISSION, plural, None, name))
    await user.until(is_denied, lambda denied: not denied)


def _policy(name: str, namespace: str, group: str, resource: str, allowed: str) -> dict[str, Any]:
    rule = {
        "apiGroups": [group],
        "apiVersions": ["*"],
        "operations": ["CREATE", "UPDATE"],
        "resources": [resource],
    }
    spec = {
        "matchConstraints": {"resourceRules": [rule]},
        "matchConditions": [
            {"name": "here", "expression": f"request.namespace == '{namespace}'"},
        ],
        "validations": [{"expression": allowed, "message": "not here"}],
    }
    return _admission("ValidatingAdmissionPolicy", name, spec)


def _admission(kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": ADMISSION, "kind": kind, "metadata": {"name": name}, "spec": spec}
