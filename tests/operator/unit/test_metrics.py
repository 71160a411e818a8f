"""What Prometheus sees: read at each scrape, and nothing of what is gone."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from prometheus_client import generate_latest

from lifecycle.build import NOW
from mintmaster import __version__
from mintmaster.api.token_issuer import KeyState
from mintmaster.lifecycle.keyring import IssuerKey, Keyring
from mintmaster.operator.live_series import Tracked, TrackedIssuer
from mintmaster.operator.metrics import Metrics, timestamp
from mintmaster.operator.queue import Key

if TYPE_CHECKING:
    from collections.abc import Mapping

KEY = Key("UserAccessToken", "team", "laptop")
OF_KEY = {"kind": "UserAccessToken", "namespace": "team", "name": "laptop"}
SECONDS = NOW.timestamp()


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(lambda: SECONDS)


def sample(metrics: Metrics, name: str, labels: Mapping[str, str] | None = None) -> float | None:
    return metrics.registry.get_sample_value(name, dict(labels or {}))


def test_times_are_counted_down_at_each_scrape() -> None:
    now = [SECONDS]
    metrics = Metrics(lambda: now[0])
    metrics.tracked[KEY] = Tracked("Active", SECONDS + 100, SECONDS + 50)

    assert sample(metrics, "mintmaster_renewal_seconds", OF_KEY) == 100
    now[0] += 60
    assert sample(metrics, "mintmaster_expiry_seconds", OF_KEY) == -10


def test_a_token_without_end_shows_no_times(metrics: Metrics) -> None:
    metrics.tracked[KEY] = Tracked("Active", None, None)

    assert sample(metrics, "mintmaster_expiry_seconds", OF_KEY) is None
    assert sample(metrics, "mintmaster_renewal_seconds", OF_KEY) is None


def test_resources_are_counted_by_kind_and_state(metrics: Metrics) -> None:
    for name, state in (("a", "Active"), ("b", "Active"), ("c", "Failed")):
        metrics.tracked[KEY._replace(name=name)] = Tracked(state, None, None)

    def number(state: str) -> float | None:
        labels = {"kind": "UserAccessToken", "state": state}
        return sample(metrics, "mintmaster_resources", labels)

    assert [number(state) for state in ("Active", "Failed", "Pending")] == [2, 1, None]


def test_a_resource_that_is_gone_leaves_no_series(metrics: Metrics) -> None:
    metrics.tracked[KEY] = Tracked("Active", SECONDS, SECONDS)
    assert b'name="laptop"' in generate_latest(metrics.registry)

    del metrics.tracked[KEY]

    assert b"laptop" not in generate_latest(metrics.registry)


def test_series_per_resource_can_be_left_out() -> None:
    metrics = Metrics(lambda: SECONDS, per_resource=False)
    metrics.tracked[KEY] = Tracked("Active", SECONDS, SECONDS)

    shown = generate_latest(metrics.registry)

    assert b"laptop" not in shown
    assert b'state="Active"' in shown


def test_keys_show_how_long_they_have_signed(metrics: Metrics) -> None:
    key = IssuerKey(id="k1", algorithm="ES256", state=KeyState.ACTIVE.value, not_before=NOW)
    metrics.issuers["default"] = TrackedIssuer(Keyring(keys=(key,)))

    labels = {"issuer": "default", "key": "k1", "state": "Active"}
    assert sample(metrics, "mintmaster_issuer_key_age_seconds", labels) == 0


def test_an_issuer_shows_whether_it_can_mint_and_when_its_keys_change(metrics: Metrics) -> None:
    retired = IssuerKey(
        id="k0",
        algorithm="ES256",
        state=KeyState.RETIRED.value,
        not_before=NOW,
        retire_at=NOW + timedelta(hours=2),
    )
    ring = Keyring(keys=(retired,))
    metrics.issuers["good"] = TrackedIssuer(ring, change_at=SECONDS - 5)
    metrics.issuers["bad"] = TrackedIssuer(Keyring(), reason="KeysLost")

    def of(name: str, **labels: str) -> float | None:
        return sample(metrics, name, labels)

    assert of("mintmaster_issuer_ready", issuer="good", reason="") == 1
    assert of("mintmaster_issuer_ready", issuer="bad", reason="KeysLost") == 0
    assert of("mintmaster_issuer_key_change_seconds", issuer="good") == -5
    assert of("mintmaster_issuer_key_change_seconds", issuer="bad") is None
    assert of("mintmaster_issuer_key_retire_seconds", issuer="good", key="k0") == 7200


def test_conditions_are_counted_and_shared(metrics: Metrics) -> None:
    first = metrics.shared((("Ready", "False", "SecretConflict"),))
    second = metrics.shared((("Ready", "False", "SecretConflict"),))
    assert first is second
    metrics.tracked[KEY] = Tracked("Failed", None, None, first)
    metrics.tracked[KEY._replace(name="other")] = Tracked("Failed", None, None, second)

    labels = {"type": "Ready", "status": "False", "reason": "SecretConflict"}
    of_kind = {"kind": "UserAccessToken", **labels}
    assert sample(metrics, "mintmaster_conditions", of_kind) == 2


@pytest.mark.parametrize(
    ("state", "passed", "overdue"),
    [("Active", 50, 0), ("Active", 150, 1), ("Suspended", 150, 0), ("Expired", 250, 1)],
)
def test_a_renewal_is_overdue_past_half_of_its_window(
    metrics: Metrics, state: str, passed: float, overdue: int
) -> None:
    renew_at = SECONDS - passed
    metrics.tracked[KEY] = Tracked(state, renew_at, renew_at + 200)

    found = sample(metrics, "mintmaster_renewals_overdue", {"kind": "UserAccessToken"})
    assert found == overdue


def test_it_says_what_it_is(metrics: Metrics) -> None:
    labels = {"version": __version__, "process": "operator"}
    assert sample(metrics, "mintmaster_build_info", labels) == 1


def test_a_counter_of_somebody_else_is_read_at_each_scrape(metrics: Metrics) -> None:
    dropped = [3.0]
    metrics.counter("mintmaster_events_dropped", "Events that were lost.", lambda: dropped[0])
    assert sample(metrics, "mintmaster_events_dropped_total") == 3


def test_requests_are_counted_by_what_came_of_them(metrics: Metrics) -> None:
    for status in (200, 200, 409):
        metrics.observe_request("PATCH", "secrets", status, 0.01)

    def number(status: str) -> float | None:
        labels = {"verb": "PATCH", "resource": "secrets", "status": status}
        return sample(metrics, "mintmaster_api_requests_total", labels)

    assert [number(status) for status in ("200", "409", "500")] == [2, 1, None]


def test_a_gauge_is_read_at_each_scrape(metrics: Metrics) -> None:
    depth = [3.0]
    metrics.gauge("mintmaster_queue_depth", "Keys that wait.", lambda: depth[0])
    assert sample(metrics, "mintmaster_queue_depth") == 3

    depth[0] = 4

    assert sample(metrics, "mintmaster_queue_depth") == 4


def test_two_operators_in_one_process_do_not_share_series(metrics: Metrics) -> None:
    other = Metrics(lambda: SECONDS)
    metrics.leader.set(1)

    assert sample(metrics, "mintmaster_leader") == 1
    assert sample(other, "mintmaster_leader") == 0


def test_instants_are_posix_timestamps() -> None:
    assert timestamp(NOW) == SECONDS
    assert timestamp(None) is None
