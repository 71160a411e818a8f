"""What Argo CD and Flux show of a resource, for statuses that a real operator wrote on a real API server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gitops.argocd import checks, health
from mintmaster.api.kinds import (
    ALL_KINDS,
    CLIENT_APPLICATION,
    RUNNER_REGISTRATION,
    TOKEN_ISSUER,
    USER_ACCESS_TOKEN,
)
from reconcile.reading import condition, conditions, is_settled, kstatus
from reconcile.scenes import SCENES

if TYPE_CHECKING:
    from mintmaster.api.kinds import TokenResource
    from reconcile.harness import Cluster, Object, Running

SUSPENDED = {
    "nobody_has_approved",
    "a_resource_is_suspended_from_the_start",
    "a_token_expires_while_suspended",
}
PROGRESSING = {
    "there_is_no_issuer",
    "the_issuer_voids_what_is_issued_today",
    "somebody_keeps_deleting_the_secret",
    "the_clock_is_wrong",
    "the_issuer_is_signed_by_gates",
    "the_keys_are_lost",
    "a_quota_leaves_no_room_for_the_secret",
}
HEALTHY = {
    "a_first_token_is_issued",
    "a_token_is_renewed",
    "somebody_asks_for_another_token",
    "a_resource_is_revoked",
    "a_resource_with_a_token_is_suspended",
    "a_renewal_is_due_while_suspended",
    "somebody_keeps_asking_for_another_token",
    "too_many_superseded_tokens_are_active",
}
"""Beside these, somebody has to act: Degraded."""

FLUX = {
    "Healthy": "Current",
    "Suspended": "InProgress",
    "Progressing": "InProgress",
    "Degraded": "Failed",
}
"""What kstatus, which knows less, says where Argo CD shows this."""


def expected(name: str) -> str:
    named = {"Suspended": SUSPENDED, "Progressing": PROGRESSING, "Healthy": HEALTHY}
    return next((it for it, names in named.items() if name in names), "Degraded")


async def raw(user: Cluster, name: str) -> Object:
    """The resource that a scene is about, once the operator has done with it."""
    it = SCENES[name]
    is_runner = it.kind == RUNNER_REGISTRATION.kind

    async def subject() -> TokenResource:
        return await (user.runner() if is_runner else user.user())

    await user.until(subject, lambda seen: is_settled(seen) and conditions(seen) == it.conditions)
    if is_runner:
        return await user.raw(RUNNER_REGISTRATION, "runner")
    return await user.raw(USER_ACCESS_TOKEN, "user")


def test_there_is_a_check_for_every_kind() -> None:
    assert set(checks()) == {kind.kind for kind in ALL_KINDS}
    assert len(set(checks().values())) == 1
    assert SCENES.keys() >= SUSPENDED | PROGRESSING | HEALTHY


@pytest.mark.parametrize("name", SCENES)
async def test_a_status_is_read_as_it_is_meant(
    name: str, cluster_user: Cluster, operator: Running
) -> None:
    await SCENES[name].play(cluster_user, operator)
    resource = await raw(cluster_user, name)
    status, message = health(resource)
    assert status == expected(name)
    assert message in [it["message"] for it in resource["status"]["conditions"]]
    assert kstatus(resource) == FLUX[status]


async def test_what_no_operator_has_seen_is_waited_for(cluster_user: Cluster) -> None:
    created = [
        await cluster_user.create_runner(),
        await cluster_user.create_user(),
        await cluster_user.create_application(),
        await cluster_user.create_issuer(),
    ]
    for resource in created:
        assert health(resource) == ("Progressing", "Waiting for the operator")
        assert kstatus(resource) == "InProgress"
        del resource["status"]
        assert health(resource) == ("Progressing", "Waiting for the operator")


async def test_an_edit_is_waited_for(cluster_user: Cluster, operator: Running) -> None:
    await cluster_user.ready_issuer()
    await cluster_user.ready_runner()
    seen = await cluster_user.raw(RUNNER_REGISTRATION, "runner")
    assert health(seen)[0] == "Healthy"
    seen["metadata"]["generation"] += 1
    assert health(seen) == ("Progressing", "Waiting for the operator")


async def test_applications_and_issuers_are_read_alike(
    cluster_user: Cluster, operator: Running
) -> None:
    limits = {"defaultLifetime": "1h", "maxLifetime": "2h"}
    await cluster_user.ready_issuer(signer="Gate", limits=limits)
    await cluster_user.ready_application()
    application = await cluster_user.raw(CLIENT_APPLICATION, "portal")
    assert (health(application)[0], kstatus(application)) == ("Healthy", "Current")
    issuer = await cluster_user.raw(TOKEN_ISSUER, cluster_user.issuer)
    assert (health(issuer)[0], kstatus(issuer)) == ("Healthy", "Current")


async def test_an_issuer_whose_url_is_taken_is_degraded(
    cluster_user: Cluster, operator: Running
) -> None:
    await SCENES["an_older_issuer_has_the_url"].play(cluster_user, operator)
    await cluster_user.issuer_where(
        lambda it: condition(it, "Stalled") == ("True", "IssuerConflict")
    )
    issuer = await cluster_user.raw(TOKEN_ISSUER, cluster_user.issuer)
    status, message = health(issuer)
    assert (status, kstatus(issuer)) == ("Degraded", "Failed")
    assert f"{cluster_user.issuer}-older" in message
