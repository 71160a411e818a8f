"""The API server's own record of who touched which Secret: what shows that somebody did not."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

SECRETS = {"level": "Metadata", "resources": [{"group": "", "resources": ["secrets"]}]}
"""Requests about Secrets, by whomever."""


def requests_of(*users: str) -> dict[str, object]:
    """Requests of these users, about whatever."""
    return {"level": "Metadata", "users": list(users)}


@dataclass(frozen=True)
class Access:
    """A request about an object or a collection, whatever its answer."""

    user: str
    verb: str
    namespace: str
    name: str
    resource: str = "secrets"


@dataclass(frozen=True)
class AuditLog:
    """The record of one API server, which writes each request down before it answers."""

    folder: Path

    def arguments(self, rule: Mapping[str, object] = SECRETS) -> tuple[str, ...]:
        """How the API server is told to keep it."""
        policy = self.folder / "audit-policy.yaml"
        said = {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": [rule]}
        policy.write_text(yaml.safe_dump(said | {"omitStages": ["RequestReceived"]}))
        return (f"--audit-policy-file={policy}", f"--audit-log-path={self._log}")

    def accesses(self, namespace: str) -> list[Access]:
        """Every request about Secrets of a namespace, by whomever."""
        return [it for it in self.all() if it.namespace == namespace]

    def all(self) -> list[Access]:
        """Every request about objects that is on record; those for what the API server offers are about none."""
        events = (json.loads(line) for line in self._log.read_text().splitlines())
        return [_access(event) for event in events if "objectRef" in event]

    @property
    def _log(self) -> Path:
        return self.folder / "audit.log"


def _access(event: dict[str, dict[str, str]]) -> Access:
    whose = event.get("impersonatedUser", event["user"])
    about = event["objectRef"]
    return Access(
        whose["username"],
        str(event["verb"]),
        about.get("namespace", ""),
        about.get("name", ""),
        about["resource"],
    )
