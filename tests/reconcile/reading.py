"""Reading a resource as people and tools do: its conditions, and what kstatus makes of them."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from mintmaster.api.kinds import TokenResource
    from mintmaster.api.status import TokenRecord
    from mintmaster.api.token_issuer import TokenIssuer


def condition(resource: TokenResource | TokenIssuer, type_: str) -> tuple[str, str] | None:
    """Status and reason of a condition, or None."""
    found = next((item for item in resource.status.conditions if item.type == type_), None)
    return (found.status, found.reason) if found else None


def message(resource: TokenResource | TokenIssuer, type_: str = "Ready") -> str:
    """The sentence of a condition."""
    return next(item.message for item in resource.status.conditions if item.type == type_)


def conditions(resource: TokenResource | TokenIssuer) -> dict[str, tuple[str, str]]:
    """All conditions: type to status and reason."""
    return {item.type: (item.status, item.reason) for item in resource.status.conditions}


def is_ready(resource: TokenResource | TokenIssuer) -> bool:
    """Whether it is ready, for its present generation, in its present life."""
    found = next((item for item in resource.status.conditions if item.type == "Ready"), None)
    return (
        found is not None
        and found.status == "True"
        and found.observed_generation == resource.metadata.generation
    )


def is_unready(reason: str) -> Callable[[TokenResource | TokenIssuer], bool]:
    """Whether it is not ready for that reason, for its present generation."""

    def holds(resource: TokenResource | TokenIssuer) -> bool:
        return is_settled(resource) and condition(resource, "Ready") == ("False", reason)

    return holds


def is_ready_at(revision: int) -> Callable[[TokenResource], bool]:
    """Whether it is ready with that revision of its token."""
    return lambda resource: is_ready(resource) and resource.status.revision == revision


def is_settled(resource: TokenResource | TokenIssuer) -> bool:
    """Whether the operator has acted on the present spec."""
    return resource.status.observed_generation == resource.metadata.generation


def current(resource: TokenResource) -> TokenRecord:
    """The record of the newest token."""
    return next(it for it in resource.status.tokens if it.revision == resource.status.revision)


def revisions(resource: TokenResource) -> list[int]:
    """The revisions of all tokens on record, newest first."""
    return [record.revision for record in resource.status.tokens]


def header(token: str) -> dict[str, Any]:
    """The header of a JWT, unverified."""
    return _part(token, 0)


def claims(token: str) -> dict[str, Any]:
    """The claims of a JWT, unverified."""
    return _part(token, 1)


def _part(token: str, index: int) -> dict[str, Any]:
    part = token.split(".")[index]
    decoded: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return decoded


def kstatus(resource: dict[str, Any]) -> str:
    """How Argo CD and Flux read a custom resource (sigs.k8s.io/cli-utils, kstatus: "The ... rules")."""
    status = resource.get("status", {})
    generation = resource["metadata"]["generation"]
    if status.get("observedGeneration", generation) != generation:
        return "InProgress"
    by_type = {item["type"]: item["status"] for item in status.get("conditions", ())}
    if by_type.get("Reconciling") == "True":
        return "InProgress"
    if by_type.get("Stalled") == "True":
        return "Failed"
    return "Current" if by_type.get("Ready", "True") == "True" else "InProgress"
