"""A cluster in memory with operators and a gate, which goes on step by step or until it is at rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from model.database import Database, Place
from model.judge import Judge
from model.people import ISSUER, TEAM, People, default_issuer
from model.processes import NAMESPACE, Gate, Moment, Operator
from model.wire import Fate, Wire

if TYPE_CHECKING:
    from model.database import Snapshot
    from model.processes import Process

SETTLING = (0, 1, 3, 10, 61)
"""Seconds that are let pass until nothing more is to be done: back-offs, sweeps and retries have their turn."""

STEP = 0.01
"""Seconds that an answer takes: whoever waits for a moment must get their turn."""

MOST_ROUNDS = 15
MOST_STEPS = 4000


class ModelCluster:
    """The database, whoever works on it, and whoever judges."""

    def __init__(self) -> None:
        self.moment = Moment()
        self.database = Database(self.moment.text)
        self.wire = Wire(self.database)
        self.judge = Judge(self.wire, self.moment)
        self.people = People(self.database)
        for namespace in (NAMESPACE, TEAM):
            self.database.create(Place("namespaces", "", namespace), {"metadata": {}})
        self.database.create(ISSUER, default_issuer())
        self.gate = Gate("gate", self.wire, self.moment)
        self.operators: list[Operator] = []
        self.unaware: set[Operator] = set()
        """Operators that have yet to learn of a restore."""
        self._started = 0

    # Processes ------------------------------------------------------------------------------------

    @property
    def processes(self) -> tuple[Process, ...]:
        return (self.gate, *self.operators)

    def start_operator(self) -> None:
        self._started += 1
        self.operators.append(Operator(f"operator {self._started}", self.wire, self.moment))

    def kill_operator(self, number: int) -> None:
        operator = self.operators.pop(number)
        self.unaware.discard(operator)
        operator.kill()

    def check(self) -> None:
        """Nobody has ended, and the gate calls nothing active that is not."""
        for process in self.processes:
            process.check()
        self.judge.judge_gate(self.gate, caught_up=self.gate_has_caught_up)

    def close(self) -> None:
        for process in self.processes:
            process.kill()

    # Going on -------------------------------------------------------------------------------------

    @property
    def gate_has_caught_up(self) -> bool:
        watches = [it for it in self.wire.watches if it.client is self.gate.client]
        asks = any(it.client is self.gate.client for it in self.wire.requests)
        if asks or len(watches) < 6 or any(map(self.wire.is_behind, watches)):
            return False
        # A watch from before a restore is silent, and not whole.
        return all(it.age == self.database.restores for it in watches)

    def let_pass(self, seconds: float) -> None:
        self.moment.seconds += seconds
        for process in self.processes:
            process.loop.run_ready()

    def go_on(self) -> bool:
        """Let the next thing happen that anybody waits for; whether there was one."""
        self.let_pass(STEP)
        went_on = bool(self.wire.requests)
        if went_on:
            self.wire.serve(self.wire.requests[0])
        behind = next((it for it in self.wire.watches if self.wire.is_behind(it)), None)
        if behind is not None:
            # Everybody in turn: two who keep each other busy must not keep others waiting.
            self.wire.watches.remove(behind)
            self.wire.watches.append(behind)
            self.wire.deliver(behind, 100)
        return went_on or behind is not None or self.database.collect()

    def work_off(self) -> None:
        """Let everything happen that anybody waits for, at this time."""
        for _ in range(MOST_STEPS):
            if not self.go_on():
                return
        raise AssertionError("there is no end to the work")

    def settle(self) -> None:
        """Come to rest, in peace: everything is answered and shown, and time passes."""
        if not self.operators:
            self.start_operator()
        for operator in self.operators:
            operator.skew.mistrusted = False
        self.all_notice_the_rewind()
        for _ in range(MOST_ROUNDS):
            version = self.database.version
            for seconds in SETTLING:
                self.let_pass(seconds)
                self.work_off()
            if self.database.version == version:
                return
        raise AssertionError("it does not come to rest")

    def all_notice_the_rewind(self) -> None:
        for operator in self.operators:
            self.notice_rewind(operator)

    def notice_rewind(self, operator: Operator) -> None:
        if operator in self.unaware:
            self.unaware.discard(operator)
            operator.notice_rewind()

    def restore(self, snapshot: Snapshot) -> None:
        """Restore the database as its manual says; operators learn of it whenever they look at the Lease."""
        self.database.restore(snapshot, bumped=True)
        self.unaware = set(self.operators)

    def restore_versions(self, snapshot: Snapshot) -> None:
        """Restore the database with its versions, which are used again.

        That takes longer than a leader may be without its Lease: operators end, and start anew. Gates look at the
        version before it has caught up.
        """
        if snapshot.version == self.database.version:
            return
        while self.operators:
            self.kill_operator(0)
        for request in list(self.wire.requests):
            self.wire.serve(request, Fate.DROPPED)
        self.database.restore(snapshot, bumped=False)
        for watch in list(self.wire.watches):
            self.wire.end(watch)
        self.let_pass(6)
        self.work_off()
