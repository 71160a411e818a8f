"""What Prometheus would have stored: scrapes of real processes, laid out over minutes that nobody waits for."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from prometheus_client.parser import text_string_to_metric_families

from monitoring import promtool

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

MISSING = "_"
STALE = "stale"

Expected: TypeAlias = "Iterable[str]"

_GROWING = ("_total", "_count", "_sum", "_bucket")


@dataclass(frozen=True)
class Target:
    """One process that is scraped; `text` is what it answers, None where it does not."""

    job: str
    text: str | None
    instance: str = "one"


Scrape: TypeAlias = "Mapping[str, float]"
"""Values by series, in the notation of PromQL."""


def scrape(*targets: Target) -> Scrape:
    """What Prometheus stores of one scrape of all targets, by the job labels that the ServiceMonitors give."""
    found: dict[str, float] = {}
    for target in targets:
        own = {"job": target.job, "instance": target.instance}
        found[_series("up", own)] = 0.0 if target.text is None else 1.0
        for family in text_string_to_metric_families(target.text or ""):
            for sample in family.samples:
                if not sample.name.endswith("_created"):
                    found[_series(sample.name, sample.labels | own)] = sample.value
    return found


@dataclass
class Timeline:
    """Series with one sample a minute."""

    minutes: int = 0
    _values: dict[str, list[float | None]] = field(default_factory=dict)
    _offsets: dict[str, float] = field(default_factory=dict)

    def steady(self, scraped: Scrape, minutes: int) -> None:
        """Nothing changes for a while: every scrape shows the same."""
        for _ in range(minutes):
            self._append({name: value + self._offset(name) for name, value in scraped.items()})

    def growing(self, before: Scrape, after: Scrape, minutes: int) -> None:
        """What happened between two scrapes happens every minute: counters grow by as much, gauges stay."""
        grown = {
            name: value - before.get(name, 0.0)
            for name, value in after.items()
            if _grows(name) and value > before.get(name, 0.0)
        }
        for minute in range(minutes):
            for name, step in grown.items():
                self._offsets[name] = self._offset(name) + (step if minute else 0.0)
            self._append({name: value + self._offset(name) for name, value in after.items()})

    async def check_fired(self, folder: Path, expected: Expected) -> None:
        """Have promtool evaluate the rules over all minutes: these alerts fire at some time, and no others."""
        await self._check(
            folder,
            [
                {
                    "expr": f"group by (alertname) (last_over_time({_FIRING}[{self.minutes + 1}m]))",
                    "eval_time": f"{self.minutes - 1}m",
                    "exp_samples": _alerts(expected),
                }
            ],
        )

    async def check_firing(self, folder: Path, minute: int, expected: Expected) -> None:
        """These alerts fire in a minute, and no others."""
        await self._check(
            folder,
            [
                {
                    "expr": f"group by (alertname) ({_FIRING})",
                    "eval_time": f"{minute}m",
                    "exp_samples": _alerts(expected),
                }
            ],
        )

    async def check_has_data(self, folder: Path, expressions: Iterable[str]) -> None:
        """Each expression gives at least one sample at the end."""
        await self._check(
            folder,
            [
                {
                    "expr": f"count({expression}) > bool 0",
                    "eval_time": f"{self.minutes - 1}m",
                    "exp_samples": [{"labels": "{}", "value": 1}],
                }
                for expression in expressions
            ],
        )

    async def _check(self, folder: Path, expressions: list[dict[str, object]]) -> None:
        await asyncio.to_thread(
            promtool.check_unit,
            folder,
            interval="1m",
            input_series=self.series,
            promql_expr_test=expressions,
        )

    @property
    def series(self) -> list[dict[str, str]]:
        return [
            {"series": name, "values": " ".join(map(_written, [None, *values], values))}
            for name, values in self._values.items()
        ]

    def _offset(self, name: str) -> float:
        return self._offsets.get(name, 0.0)

    def _append(self, samples: Mapping[str, float]) -> None:
        for name in samples.keys() - self._values.keys():
            self._values[name] = [None] * self.minutes
        for name, values in self._values.items():
            values.append(samples.get(name))
        self.minutes += 1


_FIRING = 'ALERTS{alertstate="firing"}'


def _alerts(names: Expected) -> list[dict[str, object]]:
    return [{"labels": f'{{alertname="{name}"}}', "value": 1} for name in sorted(names)]


def _series(name: str, labels: Mapping[str, str]) -> str:
    return f"{name}{{{', '.join(f'{key}={json.dumps(value)}' for key, value in labels.items())}}}"


def _grows(series: str) -> bool:
    return series.partition("{")[0].endswith(_GROWING)


def _written(before: float | None, value: float | None) -> str:
    """A value in promtool's notation; Prometheus marks a series as stale that a scrape shows no more."""
    if value is None:
        return MISSING if before is None else STALE
    return {float("inf"): "Inf", float("-inf"): "-Inf"}.get(value, repr(value))
