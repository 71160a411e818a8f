"""Events: each change told once, never once per retry, so that `kubectl describe` tells the story."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from mintmaster.api.kinds import RUNNER_REGISTRATION
from reconcile.builders import deployment, secret
from reconcile.harness import running
from reconcile.reading import condition, is_ready, is_ready_at, is_settled, is_unready

if TYPE_CHECKING:
    from pathlib import Path

    from reconcile.harness import Cluster, Running

RETRY = timedelta(seconds=30)


async def _told(user: Cluster, about: str = "runner") -> list[tuple[str, str]]:
    """Type and reason of all Events about an object, oldest first."""
    return [(event["type"], event["reason"]) for event in await user.events(about)]


async def _tells(user: Cluster, *expected: tuple[str, str], about: str = "runner") -> None:
    """Wait for just these Events."""
    await user.until(lambda: _told(user, about), lambda seen: len(seen) >= len(expected))
    assert await _told(user, about) == list(expected)


ISSUED = ("Normal", "Issued")


async def test_each_issue_is_told_with_its_reason(cluster_user: Cluster, operator: Running) -> None:
    await cluster_user.ready_issuer()
    first = await cluster_user.ready_runner()
    operator.advance_to(first.status.renew_at)
    await cluster_user.runner_where(is_ready_at(2))
    await cluster_user.rotate_runner("now")
    await operator.at_rest()
    await _tells(cluster_user, ISSUED, ("Normal", "Renewed"), ("Normal", "Rotated"))


async def test_what_somebody_did_to_a_secret_is_told_as_a_warning(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    await cluster_user.ready_runner()
    await cluster_user.delete_secret("runner-token")
    await cluster_user.runner_where(is_ready_at(2))
    await cluster_user.write_secret_data("runner-token", token="mine")
    await cluster_user.runner_where(is_ready_at(3))
    await operator.at_rest()
    await _tells(cluster_user, ISSUED, ("Warning", "SecretMissing"), ("Warning", "SecretEdited"))


async def test_a_repair_is_told_and_said_to_have_kept_the_token(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    await cluster_user.ready_runner()
    await cluster_user.patch_secret("runner-token", {"stringData": {"extra": "mine"}})
    await cluster_user.secret_where(lambda it: it["data"] == ["token"])
    await operator.at_rest()
    await _tells(cluster_user, ISSUED, ("Normal", "SecretEdited"))
    assert "its token stays" in (await cluster_user.events("runner"))[-1]["message"]


async def test_trouble_is_told_once_however_often_it_is_looked_at_again(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    await cluster_user.create(secret("runner-token"))
    await cluster_user.create_runner()
    await cluster_user.runner_where(is_unready("SecretConflict"))
    for _ in range(3):
        operator.advance(RETRY)
        await operator.at_rest()
    await _tells(cluster_user, ("Warning", "SecretConflict"))


async def test_writes_that_are_refused_are_told_once_and_not_with_each_try(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    await cluster_user.forbid_secrets()
    await cluster_user.create_runner()
    await cluster_user.runner_where(is_unready("WriteFailed"))

    async def tries() -> float:
        labels = {"kind": "RunnerRegistration", "error": "Retry"}
        return operator.metric("mintmaster_reconcile_errors_total", **labels) or 0

    await cluster_user.until(tries, lambda count: count >= 2)
    await _tells(cluster_user, ("Warning", "WriteFailed"))


async def test_an_edit_amid_trouble_does_not_tell_of_it_again(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    await cluster_user.create_runner(scopes=["fly"])
    await cluster_user.runner_where(is_unready("ScopeUnknown"))
    await cluster_user.edit_runner(description="edited")
    await cluster_user.runner_where(lambda it: is_settled(it) and it.metadata.generation == 2)
    await operator.at_rest()
    await _tells(cluster_user, ("Warning", "ScopeUnknown"))


async def test_a_request_and_its_approval_are_told_calmly(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer(approval={"runnerRegistrations": "Manual"})
    await cluster_user.create_runner()
    await cluster_user.runner_where(is_unready("AwaitingApproval"))
    await cluster_user.decide(RUNNER_REGISTRATION, "runner", approved=True)
    await cluster_user.runner_where(is_ready)
    await _tells(cluster_user, ("Normal", "AwaitingApproval"), ISSUED)


async def test_a_renewal_that_fails_is_a_warning_while_the_token_works(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer(limits={"issuesPerHour": 1})
    await cluster_user.ready_runner()
    await cluster_user.rotate_runner("first")
    await cluster_user.annotate(RUNNER_REGISTRATION, "runner", rotate="second")
    await cluster_user.runner_where(lambda it: condition(it, "RenewalFailing") is not None)
    await _tells(cluster_user, ISSUED, ("Normal", "Rotated"), ("Warning", "TooManyIssues"))


async def test_a_revocation_is_told(cluster_user: Cluster, operator: Running) -> None:
    await cluster_user.ready_issuer()
    await cluster_user.ready_runner()
    await cluster_user.edit_runner(revoked=True)
    await cluster_user.secret_gone()
    await _tells(cluster_user, ISSUED, ("Normal", "Revoked"))


async def test_restarts_of_consumers_are_told(cluster_user: Cluster, operator: Running) -> None:
    await cluster_user.ready_issuer()
    await cluster_user.ready_runner(restart=[{"kind": "Deployment", "name": "web"}])
    await cluster_user.rotate_runner("now")
    await _tells(cluster_user, ISSUED, ("Normal", "Rotated"), ("Warning", "WriteFailed"))
    await cluster_user.create(deployment("web", {"mintmaster.dev/restart": "true"}))
    told = ("Normal", "Rotated")
    await _tells(cluster_user, ISSUED, told, ("Warning", "WriteFailed"), told)


async def test_an_issuer_tells_in_the_default_namespace_since_it_has_none(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    told = await cluster_user.until(
        lambda: cluster_user.events(cluster_user.issuer, "default"), lambda seen: seen
    )
    assert [(event["type"], event["reason"]) for event in told] == [("Normal", "KeysPublished")]


async def test_a_restart_of_the_operator_tells_nothing_anew(
    cluster_user: Cluster, kubeconfig: Path
) -> None:
    async with running(kubeconfig):
        await cluster_user.ready_issuer()
        await cluster_user.ready_runner()
        await cluster_user.create_runner("stuck", scopes=["fly"])
        await cluster_user.runner_where(is_unready("ScopeUnknown"), "stuck")
    async with running(kubeconfig) as operator:
        await operator.at_rest()
    await _tells(cluster_user, ISSUED)
    await _tells(cluster_user, ("Warning", "ScopeUnknown"), about="stuck")


async def test_kubectl_describe_tells_the_story(cluster_user: Cluster, operator: Running) -> None:
    await cluster_user.ready_issuer()
    runner = await cluster_user.ready_runner()
    await cluster_user.delete_secret("runner-token")
    await cluster_user.runner_where(is_ready_at(2))
    await cluster_user.until(lambda: _told(cluster_user), lambda seen: len(seen) == 2)
    text = await cluster_user.kubectl("describe", "rr", "runner")
    assert runner.status.tokens[0].id in text
    assert "The Secret holds the current token." in text
    assert "A token was issued." in text
    assert "The Secret was deleted. Another token was issued." in text
