"""Which faults happen when: drawn from a seed, so that the same seed gives the same plan."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

Value: TypeAlias = float | int | str
Draw: TypeAlias = Callable[[random.Random], dict[str, Value]]

OPERATORS = ("operator-0", "operator-1")
GATES = ("gate-0", "gate-1")
PROCESSES = (*OPERATORS, *GATES)

EARLIEST = 3.0
"""Seconds of plain load before the first fault."""


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong."""

    at: float
    """Seconds after the start."""
    name: str
    details: tuple[tuple[str, Value], ...]

    def __str__(self) -> str:
        return " ".join([self.name, *(f"{key}={value}" for key, value in self.details)])


@dataclass(frozen=True)
class _Kind:
    """A sort of fault: how often it is drawn, how often at most in two minutes, and what about it is drawn."""

    weight: float
    draw: Draw
    most: int = 1000


def faults(seed: int, seconds: float) -> tuple[Fault, ...]:
    """The faults of a run, in order. None begins in the last seconds, so that each has its time."""
    rng = random.Random(f"faults {seed}")
    had: Counter[str] = Counter()
    plan: list[Fault] = []
    at = EARLIEST + rng.uniform(1.5, 3)
    while at < seconds - 2:
        name = _choose(rng, had, seconds)
        had[name] += 1
        details = _KINDS[name].draw(rng)
        if name != "time-passed" and isinstance(lasts := details.get("seconds"), float):
            details["seconds"] = min(lasts, seconds - at)
        short = tuple((key, _short(value)) for key, value in details.items())
        plan.append(Fault(round(at, 2), name, short))
        if name == "database-restored" and not had["database-saved"]:
            had["database-saved"] += 1
            plan.append(Fault(round(rng.uniform(EARLIEST, at - 1), 2), "database-saved", ()))
        at += rng.uniform(0.4, 3.6)
    return tuple(sorted(plan, key=lambda fault: fault.at))


def names() -> tuple[str, ...]:
    """All sorts of faults."""
    return tuple(_KINDS)


def _choose(rng: random.Random, had: Counter[str], seconds: float) -> str:
    share = max(seconds / 120, 0.3)
    open_ = [name for name, kind in _KINDS.items() if had[name] < max(round(kind.most * share), 1)]
    return rng.choices(open_, weights=[_KINDS[name].weight for name in open_])[0]


def _short(value: Value) -> Value:
    return round(value, 2) if isinstance(value, float) else value


def _lasting(least: float, most: float) -> Draw:
    return lambda rng: {"seconds": rng.uniform(least, most)}


def _about(whom: tuple[str, ...], least: float, most: float) -> Draw:
    return lambda rng: {"whom": rng.choice(whom), "seconds": rng.uniform(least, most)}


def _slow(rng: random.Random) -> dict[str, Value]:
    return _about(PROCESSES, 2, 8)(rng) | {"delay": rng.uniform(0.05, 1.2)}


def _refused(rng: random.Random) -> dict[str, Value]:
    status = rng.choice((429, 500, 410, 409, 409, 503))
    return _about(PROCESSES, 2, 8)(rng) | {"status": status, "share": rng.uniform(0.2, 0.9)}


def _lost(rng: random.Random) -> dict[str, Value]:
    return _about(OPERATORS, 1, 5)(rng) | {"share": rng.uniform(0.2, 0.8)}


def _executed(rng: random.Random) -> dict[str, Value]:
    return {
        "whom": rng.choice(OPERATORS),
        "write": rng.choice(("secret", "secret", "status", "status", "lease")),
        "nth": rng.randint(1, 4),
        "moment": rng.choice(("before", "after")),
    }


def _moved(rng: random.Random) -> dict[str, Value]:
    by = rng.choice((-1, 1)) * rng.choice((20.0, 45.0, 120.0, 400.0, 1200.0))
    return _about(OPERATORS, 3, 12)(rng) | {"by": by}


def _some(rng: random.Random) -> dict[str, Value]:
    return {"which": rng.uniform(0, 0.99)}


_KINDS: dict[str, _Kind] = {
    # Between the processes and the API server.
    "answers-slow": _Kind(4, _slow),
    "answers-refused": _Kind(7, _refused),
    "answers-lost": _Kind(5, _lost),
    "watches-cut": _Kind(5, lambda rng: {"whom": rng.choice(PROCESSES)}),
    "wire-cut": _Kind(4, _about(PROCESSES, 1, 9)),
    "wire-silent": _Kind(4, _about(PROCESSES, 2, 28)),
    # The control plane.
    "apiserver-killed": _Kind(2, _lasting(0, 4), most=3),
    "apiserver-paused": _Kind(2, _lasting(1, 9), most=4),
    "etcd-killed": _Kind(1.5, _lasting(0, 3), most=2),
    "etcd-paused": _Kind(1.5, _lasting(1, 6), most=3),
    "etcd-compacted": _Kind(1, lambda _: {}, most=3),
    "etcd-full": _Kind(1, _lasting(1, 5), most=1),
    "database-saved": _Kind(2, lambda _: {}, most=4),
    "database-restored": _Kind(2.5, lambda _: {}, most=2),
    "certificates-renewed": _Kind(2, lambda rng: {"whom": rng.choice(PROCESSES)}),
    # The processes.
    "operator-killed": _Kind(4, _about(("leader", "leader", "standby"), 0, 4)),
    "operator-executed": _Kind(7, _executed),
    "operator-paused": _Kind(4, _about(("leader", "leader", "standby"), 1, 22)),
    "operator-stopped": _Kind(2, _about(("leader", "standby"), 0, 3)),
    "lease-stolen": _Kind(3, lambda rng: {"way": rng.choice(("deleted", "emptied", "usurped"))}),
    "gate-killed": _Kind(2, _about(GATES, 0, 3)),
    "gate-paused": _Kind(2, _about(GATES, 1, 8)),
    "gate-stopped": _Kind(1, _about(GATES, 0, 2)),
    "clock-moved": _Kind(3, _moved),
    "time-passed": _Kind(6, lambda rng: {"seconds": rng.uniform(60, 420)}),
    # By hand.
    "secret-overwritten": _Kind(3, _some),
    "secret-deleted": _Kind(3, _some),
    "secret-extended": _Kind(2, _some),
    "secret-unlabelled": _Kind(2, _some),
    "secret-orphaned": _Kind(2, _some),
    "status-removed": _Kind(1.5, _some),
    "resource-restored": _Kind(
        3, lambda rng: {"which": rng.uniform(0, 0.99), "first": rng.choice(("resource", "secret"))}
    ),
}
