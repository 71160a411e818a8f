"""Generates what the monitoring component is made of: `python manifests/generate_monitoring.py [--check]`.

From `monitoring/rules.yaml`, which is written by hand and which a Prometheus without operator reads as it is, the
PrometheusRule; from the panels below, dashboards for Grafana: plain JSON for an import by hand, and ConfigMaps with the
label that Grafana's sidecar looks for.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

Object = dict[str, Any]

MANIFESTS: Final = Path(__file__).parent
SOURCE: Final = MANIFESTS / "monitoring"
COMPONENT: Final = MANIFESTS / "components" / "monitoring"
HEADER: Final = "# Generated from manifests/ by `make crds`; do not edit.\n"
SIDECAR: Final = {"grafana_dashboard": "1"}
"""The label by which the sidecar of Grafana's chart, and kube-prometheus-stack's, find dashboards."""
COLUMNS: Final = 3
WIDTH: Final = 24 // COLUMNS
HEIGHT: Final = 8


@dataclass(frozen=True)
class Panel:
    """One panel: what it shows, in what unit (of Grafana), and what for."""

    title: str
    description: str
    unit: str
    queries: Mapping[str, str]
    """Expressions by the legend of their series."""


@dataclass(frozen=True)
class Dashboard:
    """A page of panels."""

    uid: str
    title: str
    description: str
    panels: tuple[Panel, ...]


def _quantiles(metric: str, by: str, where: str = "") -> Mapping[str, str]:
    rate = f"sum by (le, {by}) (rate({metric}_bucket{where}[$__rate_interval]))"
    return {
        f"{name} {{{{{by}}}}}": f"histogram_quantile({quantile}, {rate})"
        for name, quantile in (("median", 0.5), ("99th percentile", 0.99))
    }


def _process(marker: str) -> tuple[Panel, ...]:
    """What the processes use that show a series of that name."""
    ours = f"and on (job, instance) {marker}"
    return (
        Panel(
            "Memory",
            "Resident memory of each process.",
            "bytes",
            {"{{instance}}": f"process_resident_memory_bytes {ours}"},
        ),
        Panel(
            "Processor",
            "Cores that each process keeps busy.",
            "none",
            {"{{instance}}": f"rate(process_cpu_seconds_total[$__rate_interval]) {ours}"},
        ),
        Panel(
            "File descriptors",
            "Open files and sockets; a number that only grows is a leak.",
            "none",
            {"{{instance}}": f"process_open_fds {ours}"},
        ),
    )


OPERATOR: Final = Dashboard(
    "mintmaster-operator",
    "Mintmaster operator",
    "Who leads, what waits, what is done, and what it costs.",
    (
        Panel(
            "Leader",
            "1 while an operator leads. Without one nothing is issued or renewed.",
            "none",
            {"leads": "max(mintmaster_leader)"},
        ),
        Panel(
            "Versions",
            "How many processes run which version.",
            "none",
            {"{{process}} {{version}}": "count by (process, version) (mintmaster_build_info)"},
        ),
        Panel(
            "Queue",
            "Resources that wait to be worked on. A wave passes; what stays long is a backlog.",
            "none",
            {"{{instance}}": "mintmaster_queue_depth"},
        ),
        Panel(
            "Issues",
            "Tokens issued, by kind of resource and reason.",
            "ops",
            {
                "{{kind}} {{reason}}": "sum by (kind, reason) (rate(mintmaster_issues_total[$__rate_interval]))"
            },
        ),
        Panel(
            "Time of a reconciliation",
            "From taking up a resource to the last write about it.",
            "s",
            _quantiles("mintmaster_reconcile_seconds", "kind"),
        ),
        Panel(
            "Errors",
            "Reconciliations that did not come to their end, and are tried again; Overtaken is no fault.",
            "ops",
            {
                "{{kind}} {{error}}": "sum by (kind, error) (rate(mintmaster_reconcile_errors_total[$__rate_interval]))"
            },
        ),
        Panel(
            "Requests to the API server",
            "By verb and status; 0 means that no answer came.",
            "reqps",
            {
                "{{verb}} {{status}}": "sum by (verb, status) (rate(mintmaster_api_requests_total[$__rate_interval]))"
            },
        ),
        Panel(
            "Clock skew",
            "How far the operator's clock is ahead of the API server's; past 30 s either way nothing is minted.",
            "s",
            {"{{instance}}": "mintmaster_clock_skew_seconds"},
        ),
        Panel(
            "Events dropped",
            "Events that were not written; they are best effort.",
            "ops",
            {"{{instance}}": "rate(mintmaster_events_dropped_total[$__rate_interval])"},
        ),
        *_process("mintmaster_leader"),
    ),
)

TOKENS: Final = Dashboard(
    "mintmaster-tokens",
    "Mintmaster token life",
    "Resources and their tokens, issuers and their keys.",
    (
        Panel(
            "Resources",
            "Token resources by kind and state.",
            "none",
            {"{{kind}} {{state}}": "sum by (kind, state) (mintmaster_resources)"},
        ),
        Panel(
            "Renewals overdue",
            "Tokens past half of the time between the moment of their renewal and their expiry.",
            "none",
            {"{{kind}}": "sum by (kind) (mintmaster_renewals_overdue)"},
        ),
        Panel(
            "Trouble",
            "Resources that are stalled or whose renewal fails, by reason.",
            "none",
            {
                "{{kind}} {{type}} {{reason}}": "sum by (kind, type, reason)"
                ' (mintmaster_conditions{type=~"Stalled|RenewalFailing", status="True"})'
            },
        ),
        Panel(
            "Readiness",
            "Resources by what their condition Ready says.",
            "none",
            {
                "{{status}} {{reason}}": 'sum by (status, reason) (mintmaster_conditions{type="Ready"})'
            },
        ),
        Panel(
            "Next to expire",
            "Time left of the tokens that expire first.",
            "s",
            {"{{namespace}}/{{name}}": "bottomk(10, mintmaster_expiry_seconds)"},
        ),
        Panel(
            "Next to be renewed",
            "Time until the next renewals; below zero: overdue.",
            "s",
            {"{{namespace}}/{{name}}": "bottomk(10, mintmaster_renewal_seconds)"},
        ),
        Panel(
            "Renewals",
            "Scheduled renewals: in time, late (past half of their window), or after the expiry.",
            "ops",
            {
                "{{kind}} {{when}}": "sum by (kind, when) (rate(mintmaster_renewals_total[$__rate_interval]))"
            },
        ),
        Panel(
            "First issue",
            "From the creation of a resource to its token, where nobody kept it waiting.",
            "s",
            _quantiles("mintmaster_first_issue_seconds", "kind"),
        ),
        Panel(
            "Issuers",
            "1 for an issuer that can mint; 0 for one that cannot, with the reason.",
            "none",
            {"{{issuer}} {{reason}}": "mintmaster_issuer_ready"},
        ),
        Panel(
            "Next change of keys",
            "Time until another key signs for an issuer; below zero: overdue.",
            "s",
            {"{{issuer}}": "mintmaster_issuer_key_change_seconds"},
        ),
        Panel(
            "Age of keys",
            "Since when each key has signed; below zero for one that is yet to.",
            "s",
            {"{{issuer}} {{state}} {{key}}": "mintmaster_issuer_key_age_seconds"},
        ),
        Panel(
            "Status lists",
            "Lists that are published, and those that could not be published as they should be.",
            "none",
            {
                "published": "sum(mintmaster_status_lists)",
                "behind": "sum(mintmaster_status_lists_behind)",
            },
        ),
    ),
)

GATE: Final = Dashboard(
    "mintmaster-gate",
    "Mintmaster gate",
    "What gates are asked, what they answer and how fast, and how fresh their knowledge is.",
    (
        Panel(
            "Gates",
            "Gates that are ready, of those that run.",
            "none",
            {"ready": "sum(mintmaster_gate_ready)", "running": "count(mintmaster_gate_ready)"},
        ),
        Panel(
            "Answers",
            "By HTTP status.",
            "reqps",
            {
                "{{status}}": "sum by (status) (rate(mintmaster_gate_answers_total[$__rate_interval]))"
            },
        ),
        Panel(
            "Endpoints",
            "Answers by endpoint.",
            "reqps",
            {
                "{{endpoint}}": "sum by (endpoint) (rate(mintmaster_gate_answers_total[$__rate_interval]))"
            },
        ),
        Panel(
            "Errors",
            "Share of answers with 5xx; the objective allows one in a thousand.",
            "percentunit",
            {
                "five minutes": "mintmaster:gate_error_ratio:rate5m",
                "an hour": "mintmaster:gate_error_ratio:rate1h",
            },
        ),
        Panel(
            "Time of an answer",
            "From a whole head to the answer, without the network.",
            "s",
            _quantiles(
                "mintmaster_gate_answer_seconds",
                "endpoint",
                '{endpoint!~"/healthz|/readyz|/metrics"}',
            ),
        ),
        Panel(
            "Staleness",
            "How long ago all knowledge was last known to be whole, and the strictest limit.",
            "s",
            {
                "{{instance}}": "mintmaster_gate_staleness_seconds",
                "limit": "min(mintmaster_gate_max_staleness_seconds)",
            },
        ),
        Panel(
            "Findings",
            "Tokens judged: active, or why not.",
            "ops",
            {
                "{{endpoint}} {{finding}}": "sum by (endpoint, finding)"
                " (rate(mintmaster_gate_verdicts_total[$__rate_interval]))"
            },
        ),
        Panel(
            "Tokens over HTTP",
            "Requests for tokens, by grant type and outcome.",
            "ops",
            {
                "{{grant}} {{outcome}}": "sum by (grant, outcome)"
                " (rate(mintmaster_gate_grants_total[$__rate_interval]))"
            },
        ),
        Panel(
            "Requests to the API server",
            "By verb and status; 0 means that no answer came.",
            "reqps",
            {
                "{{verb}} {{status}}": "sum by (verb, status)"
                " (rate(mintmaster_gate_api_requests_total[$__rate_interval]))"
            },
        ),
        Panel(
            "Known and awaited",
            "Resources that a gate knows, and requests that wait for one it has not seen yet.",
            "none",
            {
                "{{instance}} known": "mintmaster_gate_resources",
                "{{instance}} waiting": "mintmaster_gate_waiting",
            },
        ),
        Panel(
            "Issuers without a key",
            "Gate-signed issuers whose active key is not at hand.",
            "none",
            {"{{instance}}": "mintmaster_gate_issuers_without_key"},
        ),
        Panel(
            "Certificate",
            "Time left of the certificate that callers are shown.",
            "s",
            {"{{instance}}": "mintmaster_gate_certificate_expiry_seconds"},
        ),
        *_process("mintmaster_gate_ready"),
    ),
)

DASHBOARDS: Final = (OPERATOR, TOKENS, GATE)


def dashboard_json(dashboard: Dashboard) -> Object:
    """Write a dashboard as Grafana imports it."""
    datasource = {
        "name": "datasource",
        "label": "Data source",
        "type": "datasource",
        "query": "prometheus",
    }
    return {
        "uid": dashboard.uid,
        "title": dashboard.title,
        "description": dashboard.description,
        "tags": ["mintmaster"],
        "schemaVersion": 39,
        "editable": True,
        "refresh": "1m",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": [datasource]},
        "panels": [_panel(index, panel) for index, panel in enumerate(dashboard.panels)],
    }


def _panel(index: int, panel: Panel) -> Object:
    source = {"type": "prometheus", "uid": "${datasource}"}
    row, column = divmod(index, COLUMNS)
    return {
        "id": index + 1,
        "type": "timeseries",
        "title": panel.title,
        "description": panel.description,
        "datasource": source,
        "gridPos": {"x": column * WIDTH, "y": row * HEIGHT, "w": WIDTH, "h": HEIGHT},
        "fieldConfig": {"defaults": {"unit": panel.unit}, "overrides": []},
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}},
        "targets": [
            {"refId": chr(ord("A") + number), "expr": expr, "legendFormat": legend}
            for number, (legend, expr) in enumerate(panel.queries.items())
        ],
    }


def render() -> dict[Path, str]:
    """Return the text of every generated file by its path."""
    jsons = {it.uid: json.dumps(dashboard_json(it), indent=1) + "\n" for it in DASHBOARDS}
    return {
        COMPONENT / "prometheus-rules.yaml": HEADER + _dump([_prometheus_rule()]),
        COMPONENT / "dashboards.yaml": HEADER + _dump(_config_maps(jsons)),
        **{SOURCE / "dashboards" / f"{uid}.json": text for uid, text in jsons.items()},
    }


def _prometheus_rule() -> Object:
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "mintmaster", "namespace": "mintmaster-system"},
        "spec": yaml.safe_load((SOURCE / "rules.yaml").read_text("utf-8")),
    }


def _config_maps(jsons: Mapping[str, str]) -> Iterator[Object]:
    for uid, text in jsons.items():
        yield {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": f"{uid}-dashboard",
                "namespace": "mintmaster-system",
                "labels": SIDECAR,
            },
            "data": {f"{uid}.json": text},
        }


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as such."""


def _represent_str(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_str)


def _dump(documents: Any) -> str:
    return yaml.dump_all(documents, Dumper=_Dumper, sort_keys=False, width=100, allow_unicode=True)


def main() -> int:
    """Write the files, or with --check compare them; 1 if they differ."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, fail on a difference")
    check = parser.parse_args().check
    wrong = [path for path, text in render().items() if not _is(path, text)]
    if not check:
        for path in wrong:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(render()[path], "utf-8")
        return 0
    sys.stderr.writelines(f"{path} is not what it is made from; run make crds\n" for path in wrong)
    return 1 if wrong else 0


def _is(path: Path, text: str) -> bool:
    return path.exists() and path.read_text("utf-8") == text


if __name__ == "__main__":
    sys.exit(main())
