"""What one issue writes, taken from a real one, so that the bare loop writes as many bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from mintmaster.api.kinds import RUNNER_REGISTRATION
from mintmaster.api.names import API_VERSION

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.api import Meta

SAMPLE_NAME = "r-SAMPL"
"""Stands for the name of a resource, and is as long as one (r-00000)."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """Bodies of the writes as JSON text, with the names, UIDs and versions of the sample in them."""

    sample_namespace: str
    sample_uid: str
    secret_text: str
    status_text: str

    @classmethod
    def of(cls, resource: dict[str, Any], secret: dict[str, Any]) -> Pattern:
        """Take the pattern from a resource and its Secret, as the API server sends them."""
        meta, told = resource["metadata"], secret["metadata"]
        kept = ("name", "namespace", "labels", "annotations", "ownerReferences")
        new_secret = {
            "apiVersion": "v1",
            "kind": "Secret",
            "type": secret["type"],
            "metadata": {name: told[name] for name in kept},
            "data": secret["data"],
        }
        patch = {"metadata": {"resourceVersion": _VERSION}, "status": resource["status"]}
        name = meta["name"]
        return cls(
            meta["namespace"],
            meta["uid"],
            _text(new_secret).replace(name, SAMPLE_NAME),
            _text(patch).replace(name, SAMPLE_NAME),
        )

    @classmethod
    def load(cls, path: Path) -> Pattern:
        """Read what `save` wrote."""
        return msgspec.json.decode(path.read_bytes(), type=cls)

    def save(self, path: Path) -> None:
        """Write it to a file, for another process."""
        path.write_bytes(msgspec.json.encode(self))

    def secret(self, namespace: str, owner: Meta) -> bytes:
        """The Secret of a resource."""
        return self._filled(self.secret_text, namespace, owner)

    def status(self, namespace: str, owner: Meta) -> bytes:
        """The merge patch that records the token in the status of a resource."""
        text = self.status_text.replace(_VERSION, owner.resource_version)
        return self._filled(text, namespace, owner)

    def _filled(self, text: str, namespace: str, owner: Meta) -> bytes:
        text = text.replace(self.sample_namespace, namespace)
        return text.replace(SAMPLE_NAME, owner.name).replace(self.sample_uid, owner.uid).encode()


_VERSION = "VERSION"


def resource(namespace: str, name: str) -> bytes:
    """A resource as a user writes it."""
    return msgspec.json.encode(
        {
            "apiVersion": API_VERSION,
            "kind": RUNNER_REGISTRATION.kind,
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"description": "Builds of the team", "type": "Project", "project": "team/app"},
        }
    )


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()
