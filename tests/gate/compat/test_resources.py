"""What a gate changes counts at that gate at once, whatever its watch has shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from mintmaster.api import decoding, names
from mintmaster.api.kinds import CLIENT_APPLICATION
from mintmaster.gate.compat.resources import Resources
from mintmaster.gate.knowledge import Knowledge
from mintmaster.lifecycle.known import known

if TYPE_CHECKING:
    from mintmaster.lifecycle.known import KnownResource

UID = "5a1c6a52-6f0e-4a52-9c0b-0d7c8fbb9d2c"


class Database:
    """An API server with one application, and no watch."""

    def __init__(self) -> None:
        self.body: dict[str, Any] = {
            "apiVersion": names.API_VERSION,
            "kind": CLIENT_APPLICATION.kind,
            "metadata": {"name": "ci", "namespace": "team", "uid": UID, "resourceVersion": "7"},
            "spec": {"issuerRef": {"name": "applications"}},
            "status": {"uid": UID, "clientId": "team.ci"},
        }

    async def get(self, path: str) -> bytes:
        assert path.endswith("/team/clientapplications/ci")
        return msgspec.json.encode(self.body)

    async def merge_patch(self, path: str, patch: dict[str, Any]) -> bytes:
        assert patch["metadata"]["resourceVersion"] == self.body["metadata"]["resourceVersion"]
        self.body["spec"] |= patch["spec"]
        return await self.get(path)


@pytest.fixture
def knowledge() -> Knowledge:
    return Knowledge()


@pytest.fixture
def resource(knowledge: Knowledge) -> KnownResource:
    decoded = decoding.decode(CLIENT_APPLICATION, msgspec.json.encode(Database().body))
    seen = known(CLIENT_APPLICATION.kind, decoded)
    knowledge.observe(seen)
    return seen


@pytest.mark.parametrize(
    ("spec", "enabled"), [({"enabled": False}, False), ({"description": "of the team"}, True)]
)
async def test_an_application_that_is_switched_off_is_so_at_once(
    spec: dict[str, Any], enabled: bool, knowledge: Knowledge, resource: KnownResource
) -> None:
    resources = Resources(Database(), knowledge)  # type: ignore[arg-type] # what is asked of a client
    await resources.change(resource, lambda _: {"spec": spec})
    now = knowledge.resource(UID)
    assert now is not None
    assert now.application is not None
    assert now.application.enabled is enabled
    assert knowledge.application("applications", "team.ci") == now
