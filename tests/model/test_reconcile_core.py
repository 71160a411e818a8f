"""The reconcile core and the gate's view under an API server, people and time that mean no good."""

from __future__ import annotations

import os
from itertools import count

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from mintmaster.kube.errors import Gone
from model.cluster import ModelCluster
from model.people import ISSUER, ISSUES_PER_HOUR, SCOPES, secret_place, token_place
from model.wire import Fate

NAMES = st.sampled_from(["a", "b"])
SECRETS = st.sampled_from(["a-token", "b-token"])
SUBSETS = st.lists(st.sampled_from(SCOPES), unique=True).map(sorted).map(tuple)
OVERLAPS = st.sampled_from(["0s", "5m", "2h"])
NUMBERS = st.integers(0, 7)
FATES = st.sampled_from([Fate.ANSWERED, Fate.ANSWERED, Fate.ANSWERED, *Fate])
WAITS = st.sampled_from([1, 5, 40, 400, 4_000, 40_000, 90_000])


class ReconcileCore(RuleBasedStateMachine):
    """Two resources, two Secrets, one issuer, one gate, and up to two operators that both believe to lead."""

    def __init__(self) -> None:
        super().__init__()
        self.cluster = ModelCluster()
        self.people, self.wire = self.cluster.people, self.cluster.wire
        self.numbers = count(1)

    @initialize()
    def begin(self) -> None:
        self.create("a", "a-token", ("api",), "5m")
        self.cluster.start_operator()
        self.cluster.settle()
        self.backup = self.cluster.database.snapshot()

    def teardown(self) -> None:
        self.cluster.close()

    def caused(self, issues: int = 2) -> None:
        """Something happened that may lead to so many issues."""
        self.cluster.judge.causes += issues

    # The wire -------------------------------------------------------------------------------------

    @precondition(lambda self: self.wire.requests)
    @rule(number=NUMBERS, fate=FATES)
    def a_request_is_served(self, number: int, fate: Fate) -> None:
        if fate is not Fate.ANSWERED:
            self.caused(1)
        self.wire.serve(self.wire.requests[number % len(self.wire.requests)], fate)

    @precondition(lambda self: self.wire.watches)
    @rule(number=NUMBERS, events=st.integers(1, 3), backwards=st.booleans())
    def a_watch_shows_something(self, number: int, events: int, backwards: bool) -> None:
        watch = self.wire.watches[number % len(self.wire.watches)]
        self.wire.deliver(watch, events, backwards=backwards)

    @precondition(lambda self: self.wire.watches)
    @rule(number=NUMBERS, gone=st.booleans())
    def a_watch_breaks_off(self, number: int, gone: bool) -> None:
        error = Gone(410, "too old resource version") if gone else None
        self.wire.end(self.wire.watches[number % len(self.wire.watches)], error)

    @rule()
    def the_log_is_compacted(self) -> None:
        self.cluster.database.compact()

    @rule(steps=st.integers(1, 10))
    def some_things_go_on(self, steps: int) -> None:
        for _ in range(steps):
            self.cluster.go_on()

    @rule()
    def everything_goes_on(self) -> None:
        self.cluster.work_off()

    @rule()
    def the_garbage_collector_takes_a_step(self) -> None:
        self.cluster.database.collect()

    @rule(seconds=WAITS)
    def time_passes(self, seconds: int) -> None:
        self.caused(4)
        self.cluster.let_pass(seconds)

    # Operators ------------------------------------------------------------------------------------

    @precondition(lambda self: len(self.cluster.operators) < 2)
    @rule()
    def another_operator_starts(self) -> None:
        # Where two lead, each may take the other's unrecorded token for drift, until the budget is spent.
        self.caused(3 * ISSUES_PER_HOUR if self.cluster.operators else 2)
        self.cluster.start_operator()

    @precondition(lambda self: self.cluster.operators)
    @rule(number=NUMBERS)
    def an_operator_is_killed(self, number: int) -> None:
        self.caused()
        self.cluster.kill_operator(number % len(self.cluster.operators))

    @precondition(lambda self: self.cluster.operators)
    @rule(number=NUMBERS, mistrusted=st.booleans())
    def a_clock_is_off_or_not(self, number: int, mistrusted: bool) -> None:
        operators = self.cluster.operators
        operators[number % len(operators)].skew.mistrusted = mistrusted

    # People ---------------------------------------------------------------------------------------

    @rule(name=NAMES, secret=SECRETS, scopes=SUBSETS, overlap=OVERLAPS)
    def create(self, name: str, secret: str, scopes: tuple[str, ...], overlap: str) -> None:
        if not self.people.exists(token_place(name)):
            self.caused()
            self.people.create_token(name, secret_name=secret, scopes=scopes, overlap=overlap)

    @rule(name=NAMES, scopes=SUBSETS)
    def scopes_are_edited(self, name: str, scopes: tuple[str, ...]) -> None:
        self.edit(name, scopes=list(scopes))

    @rule(name=NAMES, overlap=OVERLAPS)
    def the_overlap_is_edited(self, name: str, overlap: str) -> None:
        self.edit(name, token={"overlap": overlap})

    @rule(name=NAMES, suspend=st.booleans())
    def it_is_suspended_or_not(self, name: str, suspend: bool) -> None:
        self.edit(name, suspend=suspend)

    @rule(name=NAMES)
    def it_is_revoked(self, name: str) -> None:
        self.edit(name, revoked=True)

    def edit(self, name: str, **spec: object) -> None:
        if self.people.exists(token_place(name)):
            self.caused()
            self.people.edit(token_place(name), **spec)

    @rule(name=NAMES)
    def a_rotation_is_asked_for(self, name: str) -> None:
        if self.people.exists(token_place(name)):
            self.caused()
            self.people.rotate(token_place(name), str(next(self.numbers)))

    @rule(name=NAMES, propagation=st.sampled_from(["Background", "Foreground", "Orphan"]))
    def it_is_deleted(self, name: str, propagation: str) -> None:
        if self.people.exists(token_place(name)):
            self.caused()
            self.cluster.database.delete(token_place(name), {"propagationPolicy": propagation})

    @rule(name=SECRETS)
    def a_secret_is_deleted(self, name: str) -> None:
        if self.people.exists(secret_place(name)):
            self.caused()
            self.cluster.database.delete(secret_place(name))

    @rule(name=SECRETS, number=NUMBERS)
    def an_older_token_is_pasted(self, name: str, number: int) -> None:
        tokens = list(self.cluster.judge.delivered.values())
        if self.people.exists(secret_place(name)):
            self.caused()
            self.people.put_token(name, tokens[-1 - number % len(tokens)].text)

    @rule(name=SECRETS)
    def a_signature_is_changed(self, name: str) -> None:
        tokens = list(self.cluster.judge.delivered.values())
        if self.people.exists(secret_place(name)):
            self.caused()
            head, _, signature = tokens[-1].text.rpartition(".")
            self.people.put_token(name, f"{head}.{signature[::-1]}")

    @rule(name=SECRETS, labels=st.booleans(), owners=st.booleans())
    def labels_or_owners_are_stripped(self, name: str, labels: bool, owners: bool) -> None:
        if self.people.exists(secret_place(name)):
            self.caused()
            self.people.strip(name, labels=labels, owners=owners)

    @rule(name=SECRETS)
    def a_secret_is_made_immutable(self, name: str) -> None:
        if self.people.exists(secret_place(name)):
            self.caused()
            self.people.make_immutable(name)

    @rule(name=SECRETS)
    def a_secret_of_others_takes_its_place(self, name: str) -> None:
        self.caused()
        self.people.put_foreign_secret(name)
        made = self.cluster.database.get(secret_place(name))
        self.cluster.judge.foreign.add(made["metadata"]["uid"])

    # The platform ---------------------------------------------------------------------------------

    @rule(scopes=SUBSETS)
    def the_grant_is_changed(self, scopes: tuple[str, ...]) -> None:
        self.caused(4)
        self.people.grant(scopes)

    @rule()
    def everything_is_granted(self) -> None:
        self.caused(4)
        self.people.grant(("*",))

    @rule()
    def the_key_is_withdrawn(self) -> None:
        self.caused(4)
        self.people.withdraw_key()

    @rule()
    def the_key_is_rotated(self) -> None:
        self.people.rotate(ISSUER, str(next(self.numbers)))

    @rule()
    def everything_before_now_is_voided(self) -> None:
        self.caused(4)
        self.people.edit(ISSUER, notBefore=self.cluster.moment.text())

    # Backups --------------------------------------------------------------------------------------

    @rule()
    def the_database_is_backed_up(self) -> None:
        self.backup = self.cluster.database.snapshot()

    @rule()
    def the_database_is_restored(self) -> None:
        self.caused(8)
        self.cluster.restore(self.backup)

    @rule()
    def the_database_is_restored_with_its_versions(self) -> None:
        self.caused(8)
        self.cluster.restore_versions(self.backup)

    @precondition(lambda self: self.cluster.unaware)
    @rule()
    def operators_notice_the_restore(self) -> None:
        self.cluster.all_notice_the_rewind()

    @rule(status=st.booleans())
    def resources_are_restored_by_a_tool(self, status: bool) -> None:
        self.caused(4)
        self.people.restore_by_tool(status=status)

    # What must hold -------------------------------------------------------------------------------

    @invariant()
    def nothing_is_active_that_must_not_be(self) -> None:
        self.cluster.check()

    @rule()
    def it_comes_to_rest_and_all_is_well(self) -> None:
        self.cluster.settle()
        assert self.cluster.gate_has_caught_up
        self.cluster.judge.judge_rest()

    @rule()
    def a_restart_writes_nothing(self) -> None:
        self.it_comes_to_rest_and_all_is_well()
        version = self.cluster.database.version
        while self.cluster.operators:
            self.cluster.kill_operator(0)
        self.cluster.start_operator()
        self.cluster.work_off()
        for seconds in (0.3, 1, 3):
            self.cluster.let_pass(seconds)
            self.cluster.work_off()
        assert self.cluster.database.version == version, self.wire.trace[-20:]


DEEPER = "MINTMASTER_MODEL_EXAMPLES"
"""Names how many examples a deep run is to try; unset, a few are tried, always the same."""

EXAMPLES = int(os.environ.get(DEEPER, "60"))
STEPS = int(os.environ.get("MINTMASTER_MODEL_STEPS", "40"))


def test_reconcile_core() -> None:
    run_state_machine_as_test(
        ReconcileCore,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            derandomize=DEEPER not in os.environ,
            database=None,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        ),
    )
