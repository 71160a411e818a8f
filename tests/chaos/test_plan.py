"""The plan of a seed: the same every time, and every sort of fault in it sooner or later."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from chaos import harm, plan

SEEDS = st.integers(min_value=0, max_value=10**6)


@given(SEEDS)
def test_a_seed_gives_the_same_plan_again(seed: int) -> None:
    assert plan.faults(seed, 120) == plan.faults(seed, 120)


@given(SEEDS, st.integers(min_value=10, max_value=300))
def test_faults_are_in_order_and_over_in_time(seed: int, seconds: int) -> None:
    faults = plan.faults(seed, seconds)

    assert [it.at for it in faults] == sorted(it.at for it in faults)
    assert all(plan.EARLIEST <= it.at < seconds for it in faults)
    for fault in faults:
        lasts = dict(fault.details).get("seconds", 0.0)
        assert fault.name == "time-passed" or fault.at + float(lasts) <= seconds + 0.1


def test_different_seeds_give_different_plans() -> None:
    assert len({plan.faults(seed, 120) for seed in range(50)}) == 50


def test_every_sort_of_fault_comes_up_in_ten_runs() -> None:
    had = Counter(fault.name for seed in range(10) for fault in plan.faults(seed, 120))

    assert set(plan.names()) == set(had)


def test_what_takes_the_whole_control_plane_down_is_bounded() -> None:
    for seed in range(50):
        had = Counter(fault.name for fault in plan.faults(seed, 120))
        assert had["database-restored"] <= 2
        assert had["etcd-full"] <= 1


@given(SEEDS)
def test_a_database_is_saved_before_it_is_restored(seed: int) -> None:
    names = [it.name for it in plan.faults(seed, 60)]

    if "database-restored" in names:
        assert names.index("database-saved") < names.index("database-restored")


def test_every_fault_of_a_plan_can_be_carried_out() -> None:
    assert set(plan.names()) == set(harm.DEEDS)
