"""What an attacker and their victim have, and what is read of it afterwards."""

import base64
import json
from typing import Any

from manifests.patience import until
from manifests.people import Object, Person
from mintmaster.api.names import GROUP


def secret(namespace: str, name: str, **fields: Any) -> Object:
    """A Secret of somebody."""
    meta = {"name": name, "namespace": namespace} | fields.pop("metadata", {})
    return {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "data": {"x": "eA=="}} | fields


def await_state(admin: Person, body: Object, *states: str) -> None:
    """Wait until the operator says one of these states."""
    until(lambda: admin.read(body)["status"].get("state") in states, f"the state is {states}")


def await_reason(admin: Person, body: Object, reason: str) -> None:
    """Wait until the condition Ready has this reason."""

    def reasons() -> set[str]:
        conditions = admin.read(body)["status"].get("conditions", [])
        return {it["reason"] for it in conditions if it["type"] == "Ready"}

    until(lambda: reasons() == {reason}, f"the reason is {reason}")


def token_of(admin: Person, body: Object) -> str:
    """The token in the Secret of a resource."""
    return secret_data(admin, body)["token"]


def secret_data(admin: Person, body: Object) -> dict[str, str]:
    """What the Secret of a resource says."""
    name = admin.read(body)["status"]["secretRef"]["name"]
    found = admin.read(secret(body["metadata"]["namespace"], name))
    return {key: base64.b64decode(value).decode() for key, value in found["data"].items()}


def claims(token: str) -> Object:
    """What a JWT says."""
    part = token.split(".")[1]
    found: Object = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found


def labels_of(victim: Object) -> dict[str, str]:
    """The labels of the Secret of a resource."""
    return {
        "app.kubernetes.io/managed-by": "mintmaster",
        f"{GROUP}/kind": victim["kind"],
        f"{GROUP}/name": victim["metadata"]["name"],
        f"{GROUP}/uid": victim["metadata"]["uid"],
    }
