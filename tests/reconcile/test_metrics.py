"""What Prometheus sees: states, times, issues, requests, and nothing of what is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client.parser import text_string_to_metric_families

from mintmaster.api.kinds import RUNNER_REGISTRATION, TOKEN_ISSUER
from reconcile.builders import secret
from reconcile.reading import is_ready_at, is_unready

if TYPE_CHECKING:
    from reconcile.harness import Cluster, Running

KIND = "RunnerRegistration"


def _in_state(operator: Running, state: str) -> float:
    return operator.metric("mintmaster_resources", kind=KIND, state=state) or 0


async def test_resources_are_counted_by_state(cluster_user: Cluster, operator: Running) -> None:
    await cluster_user.ready_issuer()
    await cluster_user.ready_runner()
    await cluster_user.ready_runner("second")
    await cluster_user.create_runner("stuck", scopes=["fly"])
    await cluster_user.runner_where(is_unready("ScopeUnknown"), "stuck")
    await operator.at_rest()
    assert (_in_state(operator, "Active"), _in_state(operator, "Failed")) == (2, 1)
    await cluster_user.edit_runner("second", revoked=True)
    await cluster_user.secret_gone("second-token")
    await operator.at_rest()
    assert (_in_state(operator, "Active"), _in_state(operator, "Revoked")) == (1, 1)


async def test_the_seconds_to_renewal_and_expiry_are_counted_on_the_operators_clock(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    status = (await cluster_user.ready_runner(token={"lifetime": "3h"})).status
    await operator.at_rest()
    labels = {"kind": KIND, "namespace": cluster_user.namespace, "name": "runner"}
    assert status.renew_at is not None
    assert status.expires_at is not None
    between = (status.expires_at - status.renew_at).total_seconds()
    renewal = operator.metric("mintmaster_renewal_seconds", **labels)
    expiry = operator.metric("mintmaster_expiry_seconds", **labels)
    assert renewal is not None
    assert expiry is not None
    assert abs(expiry - renewal - between) < 1
    assert 0 < renewal < expiry <= 3 * 3600


async def test_the_series_of_a_resource_go_with_it(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    await cluster_user.ready_runner()
    await cluster_user.until(lambda: _named_in_metrics(operator), lambda named: "runner" in named)
    await cluster_user.delete(RUNNER_REGISTRATION, "runner")
    await cluster_user.secret_gone()
    await cluster_user.until(
        lambda: _named_in_metrics(operator), lambda named: "runner" not in named
    )
    assert _in_state(operator, "Active") == 0


async def test_the_series_of_an_issuer_go_with_it(cluster_user: Cluster, operator: Running) -> None:
    (key,) = (await cluster_user.ready_issuer()).status.keys
    await operator.at_rest()
    labels = {"issuer": cluster_user.issuer, "key": key.id, "state": "Active"}
    age = operator.metric("mintmaster_issuer_key_age_seconds", **labels)
    assert age is not None
    assert age >= 0
    await cluster_user.delete(TOKEN_ISSUER, cluster_user.issuer)
    await cluster_user.until(
        lambda: _named_in_metrics(operator, "issuer"),
        lambda named: cluster_user.issuer not in named,
    )


async def _named_in_metrics(operator: Running, label: str = "name") -> set[str]:
    """All values of a label in what is served at /metrics."""
    status, text = await operator.http("/metrics")
    assert status == 200
    return {
        sample.labels[label]
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if label in sample.labels
    }


async def test_issues_are_counted_by_reason(cluster_user: Cluster, operator: Running) -> None:
    await cluster_user.ready_issuer()
    await cluster_user.ready_runner()
    await cluster_user.delete_secret("runner-token")
    await cluster_user.runner_where(is_ready_at(2))
    await cluster_user.rotate_runner("now")
    operator.advance_to((await cluster_user.runner()).status.renew_at)
    await cluster_user.runner_where(is_ready_at(4))
    await operator.at_rest()
    for reason in ("Issued", "SecretMissing", "Rotated", "Renewed"):
        assert operator.metric("mintmaster_issues_total", kind=KIND, reason=reason) == 1, reason


async def test_nothing_is_counted_as_issued_that_was_not(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    await cluster_user.create(secret("runner-token"))
    await cluster_user.create_runner()
    await cluster_user.runner_where(is_unready("SecretConflict"))
    await cluster_user.forbid_secrets()
    await cluster_user.create_runner("another")
    await cluster_user.runner_where(is_unready("WriteFailed"), "another")
    assert operator.metric("mintmaster_issues_total", kind=KIND, reason="Issued") is None


async def test_requests_are_counted_by_verb_resource_and_status(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    await cluster_user.ready_runner()
    await operator.at_rest()
    counted = {
        (sample.labels["verb"], sample.labels["resource"], sample.labels["status"])
        for family in operator.process.metrics.requests.collect()
        for sample in family.samples
    }
    assert ("create", "secrets", "201") in counted
    assert ("patch", "runnerregistrations/status", "200") in counted


async def test_the_queue_is_empty_and_the_operator_leads_once_all_is_done(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    await cluster_user.ready_runner()
    await operator.at_rest()
    assert operator.metric("mintmaster_queue_depth") == 0
    assert operator.metric("mintmaster_leader") == 1
    assert operator.metric("mintmaster_events_dropped_total") == 0
    assert (operator.metric("mintmaster_reconcile_seconds_count", kind=KIND) or 0) >= 1
