"""All is well: no alert fires, and every panel and every indicator has data from real processes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gate.harness import gating
from mintmaster.gate.settings import Settings
from mintmaster.localcluster.certificates import issue
from monitoring.conftest import Watch
from reconcile.builders import runner
from reconcile.reading import is_ready_at, is_unready

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gate.mint import Mint
    from reconcile.harness import Cluster, Running

ROOT = Path(__file__).parents[2]
DASHBOARDS = [
    json.loads(path.read_text())
    for path in sorted((ROOT / "manifests" / "monitoring" / "dashboards").glob("*.json"))
]

ONLY_IN_TROUBLE = frozenset({"mintmaster_reconcile_errors_total", "Stalled|RenewalFailing"})
"""Series that there are only when something is wrong; a test of its own causes that."""

ONLY_WITH_TLS = frozenset({"mintmaster_gate_certificate_expiry_seconds"})


def panels() -> Iterator[Any]:
    for dashboard in DASHBOARDS:
        yield from dashboard["panels"]


def expressions() -> list[str]:
    found = [target["expr"] for panel in panels() for target in panel["targets"]]
    return [it.replace("$__rate_interval", "5m") for it in found]


def indicators() -> list[str]:
    """The expressions of the page about objectives."""
    text = (ROOT / "docs" / "slo.md").read_text()
    return [it.strip() for it in re.findall(r"```promql\n(.*?)```", text, re.DOTALL)]


def _is_about(expression: str, names: frozenset[str]) -> bool:
    return any(name in expression for name in names)


def test_panels_have_descriptions_and_units() -> None:
    assert len(DASHBOARDS) == 3
    for panel in panels():
        assert panel["description"].endswith(".")
        assert panel["fieldConfig"]["defaults"]["unit"]
        assert panel["targets"]


async def test_while_all_is_well_no_alert_fires_and_panels_and_indicators_have_data(
    operator: Running, mint: Mint, cluster_user: Cluster, tmp_path: Path
) -> None:
    watch = Watch(tmp_path, operator, mint.gate)
    await _signed_by_the_operator(cluster_user, operator)
    await operator.at_rest()
    await watch.all_is_well()
    await _traffic(mint)
    await cluster_user.create(runner("second", issuerRef=_default(cluster_user)))
    await cluster_user.runner_where(is_ready_at(1), "second")
    operator.advance_to((await cluster_user.runner("short")).status.renew_at)
    await cluster_user.runner_where(is_ready_at(2), "short")
    await operator.at_rest()
    await watch.happens_every_minute(400)
    await watch.fires()
    wanted = [*expressions(), *indicators()]
    absent = ONLY_IN_TROUBLE | ONLY_WITH_TLS
    shown = [it for it in wanted if not _is_about(it, absent)]
    assert len(wanted) - len(shown) == 3
    await watch.timeline.check_has_data(tmp_path, shown)


async def test_panels_about_trouble_have_data_when_there_is_trouble(
    operator: Running, cluster_user: Cluster, tmp_path: Path
) -> None:
    await cluster_user.ready_issuer()
    pair = issue(tmp_path / "pki").serving
    settings = Settings(listen="127.0.0.1:0", tls_cert=pair.certificate, tls_key=pair.key)
    await cluster_user.forbid_secrets()
    await cluster_user.create_runner()
    await cluster_user.runner_where(is_unready("WriteFailed"))
    await cluster_user.create_runner("unknown", scopes=["fly"])
    await cluster_user.runner_where(is_unready("ScopeUnknown"), "unknown")
    async with gating(cluster_user.kubeconfig, settings=settings) as gate:
        watch = Watch(tmp_path, operator)
        text = gate.process.metrics
        assert text.registry.get_sample_value("mintmaster_gate_certificate_expiry_seconds")
        await watch.goes_on(10)
    shown = [it for it in expressions() if _is_about(it, ONLY_IN_TROUBLE)]
    await watch.timeline.check_has_data(tmp_path, shown)


async def _signed_by_the_operator(user: Cluster, operator: Running) -> None:
    """An issuer with status lists beside that of the gate, and a token that ends soon."""
    name = _default(user)["name"]
    await user.create_issuer(name, statusList=True)
    await user.issuer_where(lambda it: bool(it.status.keys), name)
    for each, token in (("runner", {}), ("short", {"lifetime": "10h", "renewBefore": "8h"})):
        await user.create(runner(each, issuerRef={"name": name}, token=token))
        await user.runner_where(is_ready_at(1), each)


async def _traffic(mint: Mint) -> None:
    credentials = await mint.client()
    token = await mint.token(credentials)
    for _ in range(5):
        status, answer = await mint.ask("/oauth2/introspect", credentials, token=token)
        assert status == 200, answer
        assert await mint.is_active(token)


def _default(user: Cluster) -> dict[str, str]:
    return {"name": f"{user.issuer}-operator"}
