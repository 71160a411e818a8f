"""Every state of a small model: one resource, two leaders, and whatever may come between any two of their calls."""

from __future__ import annotations

import pytest

from model.protocol import Model, Protocol, Violation
from model.search import Search, canonical
from model.state import Budget, begin, begin_backed_up


def searched(budget: Budget, protocol: Protocol = Protocol()) -> Search:  # noqa: B008 - it is frozen
    search = Search(Model(protocol))
    search.run(canonical(begin(budget)))
    return search


@pytest.mark.parametrize(
    ("budget", "states"),
    [
        pytest.param(Budget(), 311, id="two leaders"),
        pytest.param(Budget(crashes=1, lost_answers=1), 11070, id="a crash, a lost answer"),
        pytest.param(Budget(narrowings=1, crashes=1), 18894, id="narrowed rights, a crash"),
        pytest.param(Budget(revocations=1), 4823, id="a revocation"),
        pytest.param(Budget(deletions=1), 23461, id="a deletion, and the same name again"),
        pytest.param(Budget(losses=1), 2736, id="a Secret deleted"),
        pytest.param(Budget(forgeries=1), 2860, id="a token forged"),
    ],
)
def test_all_invariants_hold_in_every_state(budget: Budget, states: int) -> None:
    search = searched(budget)
    assert len(search.came_from) == states
    # The first issue, and what a quarrel between two leaders adds to it until the budget is spent.
    assert search.most_revisions <= 2 + sum(budget[:2])


@pytest.mark.parametrize(
    ("budget", "revisions"),
    [
        pytest.param(Budget(), 1, id="two leaders"),
        pytest.param(Budget(narrowings=1), 2, id="narrowed rights"),
        pytest.param(Budget(losses=1), 2, id="a Secret deleted"),
        pytest.param(Budget(deletions=1), 1, id="a deletion, and the same name again"),
    ],
)
def test_two_leaders_who_are_in_time_issue_once(budget: Budget, revisions: int) -> None:
    assert searched(budget, Protocol(defers=True)).most_revisions == revisions


def test_all_invariants_hold_in_every_state_around_a_restore() -> None:
    search = Search(Model(Protocol()))
    search.run(canonical(begin_backed_up(Budget(narrowings=1))))
    assert len(search.came_from) == 6977


@pytest.mark.parametrize(
    ("protocol", "budget", "problem"),
    [
        pytest.param(
            Protocol(secret_first=False), Budget(), "never delivered", id="status before Secret"
        ),
        pytest.param(
            Protocol(adopts=True), Budget(forgeries=1), "nobody minted", id="found tokens adopted"
        ),
        pytest.param(
            Protocol(guards_statuses=False),
            Budget(narrowings=1),
            "rights that nobody wants",
            id="statuses without a version",
        ),
        pytest.param(
            Protocol(guards_secrets=False),
            Budget(deletions=1),
            "of another life",
            id="Secrets without a version",
        ),
        pytest.param(
            Protocol(decides_again=False),
            Budget(narrowings=1),
            "nothing asks for",
            id="no second decision after a conflict",
        ),
    ],
)
def test_protocol_that_is_wrong_in_one_point_is_found_out(
    protocol: Protocol, budget: Budget, problem: str
) -> None:
    with pytest.raises(Violation, match=problem):
        searched(budget, protocol)
