"""Operators and gates that are scraped as Prometheus does it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from gate.conftest import gate, mint, tenant  # noqa: F401 - fixtures
from monitoring.timeline import Target, Timeline, scrape
from reconcile.conftest import clock, cluster_user, kubeconfig, operator  # noqa: F401 - fixtures
from reconcile.faults.conftest import fragile, user  # noqa: F401 - fixtures

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from gate.harness import Gate
    from monitoring.timeline import Scrape
    from reconcile.harness import Running

HEALTHY_MINUTES = 20
"""How long all is well before something happens."""


@dataclass
class Watch:
    """Prometheus, which scrapes what it is told to, and evaluates our rules."""

    folder: Path
    operator: Running | None = None
    gate: Gate | None = None
    timeline: Timeline = field(default_factory=Timeline)
    _healthy: Scrape | None = None

    async def scrape(self) -> Scrape:
        """Scrape all processes over HTTP."""
        targets = []
        if self.operator is not None:
            status, text = await self.operator.http("/metrics")
            assert status == 200
            targets.append(Target("mintmaster-operator", text))
        if self.gate is not None:
            answer = await self.gate.ask("GET", "/metrics")
            assert answer.status == 200
            targets.append(Target("mintmaster-gate", answer.body.decode()))
        return scrape(*targets)

    async def all_is_well(self) -> None:
        """So it has been for a while."""
        self._healthy = await self.scrape()
        self.timeline.steady(self._healthy, HEALTHY_MINUTES)

    async def goes_on(self, minutes: int) -> None:
        """What can be scraped now can be for so many minutes."""
        self.timeline.steady(await self.scrape(), minutes)

    async def happens_every_minute(self, minutes: int) -> None:
        """What has happened since all was well happens again and again."""
        assert self._healthy is not None
        self.timeline.growing(self._healthy, await self.scrape(), minutes)

    async def fires(self, *expected: str) -> None:
        """These alerts fire by now, and no other one has; none fired while all was well."""
        await self.timeline.check_firing(self.folder, HEALTHY_MINUTES - 1, ())
        await self.timeline.check_fired(self.folder, expected)
        await self.timeline.check_firing(self.folder, self.timeline.minutes - 1, expected)

    async def is_calm(self, *, but_for: Iterable[str] = ()) -> None:
        """No alert fires any more."""
        await self.timeline.check_firing(self.folder, self.timeline.minutes - 1, but_for)


@pytest.fixture
def watch(operator: Running, tmp_path: Path) -> Watch:  # noqa: F811 - a fixture
    """Prometheus, watching the operator."""
    return Watch(tmp_path, operator=operator)
