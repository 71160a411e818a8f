"""What is worked on while the Secrets are still being listed, and what waits."""

from __future__ import annotations

from typing import Any

import pytest

from mintmaster.api import decoding, kinds
from mintmaster.operator.newcomers import Barrier, is_newcomer
from mintmaster.operator.queue import FairQueue, Key, Priority
from mintmaster.tokens.digests import digest


def key(name: str) -> Key:
    return Key("UserAccessToken", "team", name)


async def test_what_is_kept_is_worked_on_once_the_barrier_opens_as_urgently_as_it_was_meant() -> (
    None
):
    queue = FairQueue()
    barrier = Barrier(queue)
    barrier.keep(key("listed"), Priority.RESYNC)
    barrier.keep(key("edited"), Priority.RESYNC)
    barrier.keep(key("edited"), Priority.EDIT)
    barrier.keep(key("edited"), Priority.AUDIT)
    assert (len(queue), len(barrier), barrier.is_open) == (0, 2, False)

    barrier.open()

    assert (len(barrier), barrier.is_open) == (0, True)
    assert await queue.take() == (key("edited"), Priority.EDIT)
    assert await queue.take() == (key("listed"), Priority.RESYNC)


RUNNER: dict[str, Any] = {"type": "Instance"}
CALLERS = {
    "delivery": "Caller",
    "token": {"format": "Opaque", "valueDigest": digest("held by a caller")},
}
ASKED = {"requestedBy": {"subject": "user:b@example.com", "uid": "u-2"}}
ACTED_ON = {"uid": "u-1", "observedGeneration": 1}


@pytest.mark.parametrize(
    ("kind", "spec", "status", "passes"),
    [
        (kinds.RUNNER_REGISTRATION, RUNNER, {}, True),
        (kinds.USER_ACCESS_TOKEN, {"user": {"email": "a@example.com"}}, {}, True),
        (kinds.RUNNER_REGISTRATION, RUNNER, ACTED_ON, False),
        (kinds.RUNNER_REGISTRATION, RUNNER | CALLERS, {}, False),
        (kinds.RUNNER_REGISTRATION, RUNNER | ASKED, {}, False),
        (kinds.CLIENT_APPLICATION, {}, {}, False),
    ],
)
def test_only_that_passes_which_rests_on_no_other_resource(
    kind: kinds.ResourceKind[Any], spec: dict[str, Any], status: dict[str, Any], passes: bool
) -> None:
    body = {
        "apiVersion": "mintmaster.dev/v1alpha1",
        "kind": kind.kind,
        "metadata": {"name": "a", "namespace": "team", "uid": "u-1", "generation": 1},
        "spec": spec,
        "status": status,
    }
    assert is_newcomer(decoding.decode(kind, body)) is passes
