"""Every state and every reason, with the conditions that people and tools see beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mintmaster.api.kinds import RUNNER_REGISTRATION
from mintmaster.api.reasons import Reason, State
from reconcile.reading import conditions, is_settled
from reconcile.scenes import SCENES

if TYPE_CHECKING:
    from mintmaster.api.kinds import TokenResource
    from reconcile.harness import Cluster, Running
    from reconcile.scenes import Scene

ELSEWHERE = {
    Reason.CLIENT_ID_CONFLICT: "of ClientApplications alone: test_applications",
    Reason.KEYS_PUBLISHED: "of issuers alone: test_issuer_keys",
    Reason.SECRET_MISSING: "of Events, and while a former Secret is collected: test_ownership",
    Reason.SECRET_EDITED: "of Events alone, since another token follows at once: test_events",
}
"""Reasons that are shown in other places than the conditions of a token resource at rest."""


@pytest.mark.parametrize("name", SCENES)
async def test_a_scene_leads_to_its_state_and_conditions(
    name: str, cluster_user: Cluster, operator: Running
) -> None:
    it = SCENES[name]
    await it.play(cluster_user, operator)
    resource = await cluster_user.until(
        lambda: _subject(cluster_user, it),
        lambda seen: is_settled(seen) and conditions(seen) == it.conditions,
    )
    assert resource.status.state == it.state
    assert {
        one.observed_generation for one in resource.status.conditions if one.type != "Approved"
    } == {resource.metadata.generation}


async def _subject(user: Cluster, it: Scene) -> TokenResource:
    return await (user.runner() if it.kind == RUNNER_REGISTRATION.kind else user.user())


def test_the_scenes_show_every_reason() -> None:
    assert {it.reason for it in SCENES.values()} == set(Reason) - ELSEWHERE.keys()


def test_the_scenes_show_every_state() -> None:
    assert {it.state for it in SCENES.values()} == set(State)
