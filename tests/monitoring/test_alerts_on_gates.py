"""Alerts on gates: each fires where its condition is caused for real, and alone."""

from __future__ import annotations

import ssl
from datetime import timedelta
from typing import TYPE_CHECKING

from gate.harness import gating
from kube.waiting import until
from mintmaster.gate.settings import Settings
from mintmaster.localcluster.certificates import issue
from monitoring.conftest import Watch
from monitoring.timeline import Target, scrape
from reconcile.harness import SettableClock

if TYPE_CHECKING:
    from pathlib import Path

    from gate.conftest import Tenant
    from gate.harness import Gate
    from gate.mint import Mint
    from monitoring.timeline import Scrape
    from reconcile.harness import Running

CUT_OFF = ("MintmasterGateStale", "MintmasterGateNotReady")


def _watch(operator: Running, gate: Gate, folder: Path) -> Watch:
    return Watch(folder, operator, gate)


async def test_gate_stale(operator: Running, gate: Gate, tenant: Tenant, tmp_path: Path) -> None:
    watch = _watch(operator, gate, tmp_path)
    await watch.all_is_well()
    gate.elapsed.ahead = 400.0
    await watch.goes_on(20)
    await watch.fires("MintmasterGateStale")


async def test_gate_not_ready_beside_one_that_is(
    operator: Running, gate: Gate, tenant: Tenant, kubeconfig: Path, tmp_path: Path
) -> None:
    watch = _watch(operator, gate, tmp_path)
    async with gating(kubeconfig) as other:

        async def both() -> Scrape:
            mine, text = await watch.scrape(), (await other.ask("GET", "/metrics")).body.decode()
            return {**mine, **scrape(Target("mintmaster-gate", text, instance="other"))}

        await watch.all_is_well()
        watch.timeline.steady(await both(), 5)
        other.elapsed.ahead = 700.0
        watch.timeline.steady(await both(), 20)
        await watch.fires(*CUT_OFF)


async def test_no_gate(operator: Running, kubeconfig: Path, tmp_path: Path) -> None:
    async with gating(kubeconfig) as gate:
        watch = _watch(operator, gate, tmp_path)
        await watch.all_is_well()
    watch.gate = None
    gone = scrape(Target("mintmaster-gate", None))
    watch.timeline.steady({**await watch.scrape(), **gone}, 20)
    await watch.fires("MintmasterNoGate", "MintmasterTargetDown")


async def test_error_budget(operator: Running, gate: Gate, tenant: Tenant, tmp_path: Path) -> None:
    """A gate that is cut off for longer than it may be answers 503."""
    watch = _watch(operator, gate, tmp_path)
    token = await tenant.runner_token()
    await watch.all_is_well()
    for _ in range(10):
        assert await gate.is_active(token)
    await watch.happens_every_minute(30)
    await watch.fires()
    gate.elapsed.ahead = 700.0
    for _ in range(10):
        assert (await gate.introspect(token)).status == 503
    await watch.happens_every_minute(30)
    await watch.fires("MintmasterGateErrorBudget", "MintmasterNoGate", *CUT_OFF)


async def test_gate_without_key(operator: Running, mint: Mint) -> None:
    watch = _watch(operator, mint.gate, mint.folder)
    await watch.all_is_well()
    for file in mint.folder.glob("*.pem"):
        file.unlink()
    await until(lambda: bool(mint.gate.process.signing_keys.missing))
    await watch.goes_on(20)
    await watch.fires("MintmasterGateWithoutKey")


async def test_gate_certificate_expiring(
    operator: Running, kubeconfig: Path, tmp_path: Path
) -> None:
    issued = issue(tmp_path / "pki")
    pair = issued.serving
    trust = ssl.create_default_context(cafile=str(issued.authority))
    settings = Settings(listen="127.0.0.1:0", tls_cert=pair.certificate, tls_key=pair.key)
    clock = SettableClock()
    watch = Watch(tmp_path, operator)
    async with gating(kubeconfig, clock, settings) as gate:

        async def scraped() -> Scrape:
            url = f"https://{gate.process.address}/metrics"
            async with gate.session.get(url, ssl=trust) as answer:
                text = await answer.text()
            return {**await watch.scrape(), **scrape(Target("mintmaster-gate", text))}

        watch.timeline.steady(await scraped(), 20)
        clock.offset = timedelta(days=300)
        watch.timeline.steady(await scraped(), 30)
    await watch.fires("MintmasterGateCertificateExpiring")
