"""What the model has found, each as the shortest story that shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from model.cluster import ModelCluster
from model.database import Place
from model.people import token_place
from model.processes import NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def cluster() -> Iterator[ModelCluster]:
    made = ModelCluster()
    made.people.create_token("a", secret_name="a-token", scopes=("api",), overlap="5m")
    made.judge.causes = 20
    made.start_operator()
    at_rest(made)
    yield made
    made.close()


def at_rest(cluster: ModelCluster) -> None:
    cluster.settle()
    assert cluster.gate_has_caught_up
    cluster.check()
    cluster.judge.judge_rest()


def test_gate_notices_a_restore_whose_backup_lies_between_two_of_its_looks(
    cluster: ModelCluster,
) -> None:
    backup = cluster.database.snapshot()
    cluster.people.restore_by_tool(status=False)
    for watch in list(cluster.wire.watches):
        cluster.wire.deliver(watch, 100)
    # It has seen the other life of the resource, and its next look is yet to come.
    cluster.database.restore(backup, bumped=False)
    cluster.let_pass(6)
    cluster.work_off()
    assert cluster.gate_has_caught_up
    cluster.check()


def test_changed_signature_is_not_put_right_around_while_nothing_may_be_issued(
    cluster: ModelCluster,
) -> None:
    place = Place("secrets", NAMESPACE, "mintmaster-issuer-default")
    keys = cluster.database.delete(place)
    cluster.settle()
    token = next(iter(cluster.judge.delivered.values())).text
    head, _, signature = token.rpartition(".")
    cluster.people.put_token("a-token", f"{head}.{signature[::-1]}")
    cluster.settle()
    cluster.database.create(place, keys)
    at_rest(cluster)
    assert len(cluster.judge.recorded) == 2


def test_token_is_issued_anew_whose_key_a_restored_backup_does_not_know(
    cluster: ModelCluster,
) -> None:
    backup = cluster.database.snapshot()
    cluster.people.withdraw_key()
    at_rest(cluster)
    # Of the backup only the issuer and its keys come back, as when namespaces are restored one by one.
    ours = {
        place: found
        for place, found in cluster.database.objects.items()
        if place.namespace == "team"
    }
    cluster.restore(backup)
    cluster.database.objects.update(ours)
    at_rest(cluster)


@pytest.mark.parametrize("seconds", [0, 1])
def test_two_who_both_lead_issue_once(cluster: ModelCluster, seconds: float) -> None:
    cluster.start_operator()
    cluster.settle()
    assert len(cluster.operators) == 2
    for asked in range(1, 6):
        cluster.people.rotate(token_place("a"), f"{asked}")
        for _ in range(asked):
            cluster.go_on()
        cluster.let_pass(seconds)
        at_rest(cluster)
        assert len(cluster.judge.recorded) == 1 + asked
