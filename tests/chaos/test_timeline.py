"""What a gate may say during a run, and what it may not: told from answers, states and disturbances made by hand."""

from __future__ import annotations

import dataclasses

from chaos import timeline
from chaos.counting import issues_asked_for, renewals
from chaos.record import Answer, Clock, Disturbance, Final, Record, Restore, State, Wish

OFFSET = 1000.0
BOUND = 20.0
FINAL = Final(0.0, [], [], [], [], [])


def recorded(
    at: float, *ids: str, revoked: bool = False, gone: bool = False, end: float = 9999.0
) -> State:
    ends = {f"digest-{it}": end + OFFSET for it in ids}
    return State(at, "uid", "RunnerRegistration a/b", len(ids), ends, frozenset(ids), revoked, gone)


def asked(sent: float, *, active: bool | None, id_: str = "1", status: int = 200) -> Answer:
    return Answer("gate-0", f"digest-{id_}", sent, sent + 0.1, sent + OFFSET, status, active)


def record(*states: State, answers: tuple[Answer, ...] = ()) -> Record:
    made = Record(1, Clock([(float("-inf"), OFFSET)]), BOUND)
    made.states, made.answers = list(states), list(answers)
    return made


def complaints(made: Record) -> list[str]:
    return list(timeline.gates_in_time(made, FINAL))


REVOKED = (recorded(0, "1"), recorded(100, "1", revoked=True))


def test_a_gate_that_knows_what_is_true_is_right() -> None:
    answers = (asked(50, active=True), asked(150, active=False))

    assert not complaints(record(*REVOKED, answers=answers))


def test_a_revoked_token_must_not_be_active_for_long() -> None:
    assert not complaints(record(*REVOKED, answers=(asked(105, active=True),)))

    [said] = complaints(record(*REVOKED, answers=(asked(115, active=True),)))

    assert "gate-0 called digest-1 active" in said
    assert "had been inactive for 12 s (RunnerRegistration a/b)" in said


def test_a_token_on_record_must_not_be_inactive_for_long() -> None:
    states = (recorded(0), recorded(100, "1"))

    assert not complaints(record(*states, answers=(asked(108, active=False),)))
    [said] = complaints(record(*states, answers=(asked(120, active=False),)))
    assert "had been active" in said


def test_a_gate_that_is_cut_off_may_be_behind_but_not_beyond_its_staleness() -> None:
    cut = Disturbance("gate-0", 95, 140)
    late, too_late = asked(125, active=True), asked(135, active=True)

    made = record(*REVOKED, answers=(late, too_late))
    made.disturbances = [cut]

    [said] = complaints(made)
    assert "at 135.0" in said


def test_another_gate_that_is_cut_off_excuses_nobody() -> None:
    made = record(*REVOKED, answers=(asked(125, active=True),))
    made.disturbances = [Disturbance("gate-1", 95, 140)]

    assert complaints(made)


def test_the_observer_may_be_behind_the_gate() -> None:
    states = (recorded(0), recorded(100, "1"))

    assert not complaints(record(*states, answers=(asked(92, active=True),)))

    made = record(*states, answers=(asked(60, active=True),))
    assert complaints(made)
    made.disturbances = [Disturbance("observer", 55, 95)]
    assert not complaints(made)


def test_a_token_that_was_never_on_record_is_never_active() -> None:
    assert complaints(record(recorded(0, "1"), answers=(asked(50, active=True, id_="2"),)))


def test_a_token_ends_when_world_time_reaches_its_end() -> None:
    made = record(recorded(0, "1", end=400), answers=(asked(60, active=True),))
    assert not complaints(made)
    made.clock.moves.append((40.0, OFFSET + 380))
    assert complaints(made)


def test_around_a_restore_there_are_two_truths() -> None:
    made = record(*REVOKED, answers=(asked(115, active=True),))
    made.restores = [Restore(snapshot=50, since=110, until=112)]

    assert not complaints(made)


def test_no_answer_is_no_wrong_answer_but_a_refusal_is_one() -> None:
    answers = (asked(150, active=None, status=503), asked(150, active=None, status=0))
    made = record(*REVOKED, answers=answers)
    assert not complaints(made)
    assert not list(timeline.gates_never_refuse(made, FINAL))

    made.answers.append(asked(150, active=None, status=403))
    assert list(timeline.gates_never_refuse(made, FINAL)) == [
        "gate-0 refused the asker with 403 at 150.0"
    ]


def issues(made: Record) -> list[str]:
    return list(issues_asked_for(made, FINAL))


def test_each_wish_may_cost_one_issue_and_no_more() -> None:
    made = record(recorded(0, "1"), recorded(10, "1", "2"), recorded(20, "2", "3"))
    made.wishes = [Wish(5, "uid", "rotate", 1), Wish(15, "uid", "edit", 1)]
    assert not issues(made)

    made.wishes[1] = dataclasses.replace(made.wishes[1], refused=True)

    [said] = issues(made)
    assert "had 3 issues, and reason for 1 by creation, 1 by wishes, 0 by schedule" in said


def test_wishes_about_other_lives_are_no_reason() -> None:
    made = record(recorded(0, "1"), recorded(10, "1", "2"))
    made.wishes = [Wish(5, "other", "rotate", 1)]

    assert issues(made)


def test_a_restore_is_reason_for_one_issue_of_what_lived_then() -> None:
    made = record(recorded(50, "1"), recorded(80, "1", "2"))
    made.restores = [Restore(10, 20, 30)]
    assert issues(made)

    made.restores = [Restore(60, 70, 75)]
    assert not issues(made)


def test_the_schedule_is_reason_for_renewals_that_there_was_time_for() -> None:
    states = [dataclasses.replace(recorded(at), interval=300.0) for at in (0.0, 10.0, 20.0)]
    clock = Clock([(float("-inf"), OFFSET)])
    assert renewals(states, clock) == 0

    clock.moves.append((5.0, OFFSET + 300))
    assert renewals(states, clock) == 1
    clock.moves.append((15.0, OFFSET + 900))
    assert renewals(states, clock) == 3
