"""Generates the Helm chart from the manifests and CRDs beside it: `python manifests/generate_chart.py [--check]`.

NOTES.txt and issuers.yaml among the templates are written by hand; everything else of `chart/` is made here, so that
nothing is maintained twice. What can be set is said by `values_text`, and put into the objects by `_adapt`.
"""

import argparse
import json
import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml

import mintmaster
from mintmaster.api.crd import render as render_crds
from mintmaster.api.crd import to_yaml
from mintmaster.api.durations import DURATION_PATTERN

Object = dict[str, Any]

MANIFESTS: Final = Path(__file__).parent
CHART: Final = MANIFESTS / "chart"
HEADER: Final = "# Generated from manifests/ by `make crds`; do not edit.\n"
BY_HAND: Final = frozenset({"templates/NOTES.txt", "templates/issuers.yaml"})
KEEP: Final = {"helm.sh/resource-policy": "keep"}
KEPT_KINDS: Final = frozenset({"Namespace", "UserAccessToken"})
"""What `helm uninstall` leaves: the namespaces hold the issuers' keys, and tokens are the users'."""
PART_OF: Final = {"app.kubernetes.io/part-of": "mintmaster"}
IMAGE: Final = "mintmaster:dev"
RUNBOOKS: Final = "docs/runbooks.md"
VERBATIM_KINDS: Final = frozenset({"PrometheusRule", "ConfigMap"})
"""Objects whose text has braces of its own: Prometheus and Grafana fill in theirs."""
CONDITIONS: Final = {
    "base": "",
    "components/gate": ".Values.gate.enabled",
    "components/compatible-apis": "and .Values.gate.enabled .Values.compatibleApis.enabled",
    "components/autoscaling": "and .Values.gate.enabled .Values.autoscaling.enabled",
    "components/network-policies": ".Values.networkPolicies.enabled",
    "components/monitoring": ".Values.monitoring.enabled",
    "components/shards": "gt (int .Values.operator.shards) 1",
    "components/listed-namespaces": ".Values.namespaces",
}
"""When the objects of a folder are part of a release."""

OURS: Final = ("mintmaster-system", "mintmaster-api")
"""The namespaces that are served in any case."""
NAMESPACE: Final = "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"

VALUES: Final = """\
# What can be set. The defaults are those of manifests/overlays/whole-cluster; docs/helm.md tells how to go about it.

image:
  # In no registry: name your own build.
  repository: {repository}
  tag: {tag}
  # pullPolicy and pullSecrets ([{{name: ...}}]) are Kubernetes' own when empty.
  pullPolicy: ""
  pullSecrets: []

# Which namespaces are served beside ours; where none is listed, all are. In others there is no right then.
namespaces: []

# With byName there is no right to list or watch Secrets: the operator reads each of its own by its name, once in each
# interval. For so long at the most a Secret that was deleted or edited stays so.
secrets:
  byName: false
  interval: 10m

# One pod of the operator works, the others stand by. With more than one shard each works on a share of the namespaces;
# there are as many pods as shards at least, and one more to stand by if replicas says so (docs/operations.md#shards).
operator:
  shards: 1
{operator}
  nodeSelector: {{}}
  tolerations: []
  priorityClassName: ""

# The HTTP side. It needs a certificate in the Secret mintmaster-gate-tls.
gate:
  enabled: true
{gate}
  nodeSelector: {{}}
  tolerations: []
  priorityClassName: ""

# Lets gates make resources over the APIs of other systems, in the API namespace alone.
compatibleApis:
  enabled: true

# As many gates as the load needs. It takes a metrics server.
autoscaling:
  enabled: false
{autoscaling}

# Nothing in or out of our namespaces but what is needed.
networkPolicies:
  enabled: true

# ServiceMonitors, alert rules, and dashboards for Grafana; the Prometheus operator has to be there before.
monitoring:
  enabled: false
  # Where your people read docs/runbooks.md: what alerts link to.
  runbooks: {runbooks}

# The administrator's token, in the Secret mintmaster-admin-access-token.
adminToken:
  enabled: true

# TokenIssuers: the spec of each by its name. The url is the claim iss of all its tokens and cannot be changed later:
# set yours before the first installation. A list that you set replaces the one here; an issuer that you set to null is
# left out. Gates mount the keys of those with `signer: Gate`.
issuers:
"""

MOST_SHARDS: Final = 16
"""As many as components/shards allows Leases."""

POD_SETTINGS: Final = ("nodeSelector", "tolerations", "priorityClassName")


# Templates ----------------------------------------------------------------------------------------


def render() -> dict[str, str]:
    """Return the text of every generated file by its path in the chart."""
    return {
        "Chart.yaml": HEADER + to_yaml(_about()),
        "values.yaml": HEADER + values_text(),
        "values.schema.json": json.dumps(values_schema(), indent=1) + "\n",
        **{f"crds/{name}": text for name, text in render_crds().items()},
        **dict(_templates()),
    }


def _about() -> Object:
    return {
        "apiVersion": "v2",
        "name": "mintmaster",
        "description": "Tokens as custom resources for Kubernetes",
        "type": "application",
        "version": mintmaster.__version__,
        "appVersion": mintmaster.__version__,
        "kubeVersion": ">=1.32.0-0",
    }


def _templates() -> Iterator[tuple[str, str]]:
    for folder, condition in CONDITIONS.items():
        for source in _sources(MANIFESTS / folder):
            bodies = [it for it in _read(source) if it["kind"] != "TokenIssuer"]
            if bodies:
                name = source.relative_to(MANIFESTS).as_posix()
                yield f"templates/{name}", _template(name, bodies, condition)
    for source in _sources(MANIFESTS / "namespace"):
        name = source.relative_to(MANIFESTS).as_posix()
        yield f"templates/{name}", _template_of_namespaces(name, _read(source))


def _sources(folder: Path) -> Iterator[Path]:
    """Yield the files that a kustomization names, in its order; not what it puts into a namespace of its own."""
    said = yaml.safe_load((folder / "kustomization.yaml").read_text())
    for name in said["resources"] if "namespace" not in said else ():
        path = folder / name
        yield from _sources(path) if path.is_dir() else [path]


def _read(source: Path) -> list[Object]:
    bodies = list(yaml.safe_load_all(source.read_text()))
    if any("{{" in str(it) for it in bodies if it["kind"] not in VERBATIM_KINDS):
        raise ValueError(f"{source}: Helm would take its braces for a template")
    return bodies


def _template(name: str, bodies: list[Object], condition: str) -> str:
    lines = [f"# Generated from manifests/{name} by `make crds`; do not edit.\n"]
    if condition:
        lines.append(f"{{{{- if {condition} }}}}\n")
    lines += [f"---\n{_templated(body)}" for body in bodies]
    if condition:
        lines.append("{{- end }}\n")
    return "".join(lines)


def _template_of_namespaces(name: str, bodies: list[Object]) -> str:
    """Repeat objects for each namespace that is served, where those are listed."""
    for body in bodies:
        body["metadata"]["namespace"] = "{{ $namespace }}"
    ours = " ".join(f'"{it}"' for it in OURS)
    return (
        f"# Generated from manifests/{name} by `make crds`; do not edit.\n"
        "{{- with .Values.namespaces }}\n"
        f"{{{{- range $namespace := concat (list {ours}) . | uniq }}}}\n"
        + "".join(f"---\n{_templated(body)}" for body in bodies)
        + "{{- end }}\n{{- end }}\n"
    )


def _templated(body: Object) -> str:
    """Write an object as a template: what Helm fills in is not quoted, and markers are replaced by their lines."""
    _adapt(body)
    if body["kind"] in VERBATIM_KINDS:
        text = to_yaml(body).replace("{{", "{{ `{{` }}")
        return text.replace(f"{RUNBOOKS}#", "{{ .Values.monitoring.runbooks }}#")
    text = re.sub(r"'(\{\{.*\}\})'", r"\1", to_yaml(body))
    for marker, lines in _blocks().items():
        text = _expanded(text, marker, lines)
    if body["kind"] == "UserAccessToken":
        return f"{{{{- if .Values.adminToken.enabled }}}}\n{text}{{{{- end }}}}\n"
    if body["kind"].startswith("ClusterRole") and body["metadata"]["name"].endswith("-namespaces"):
        return f"{{{{- if not .Values.namespaces }}}}\n{text}{{{{- end }}}}\n"
    return text


def _expanded(text: str, marker: str, lines: str) -> str:
    """Put lines in the place of a marker, as deep as it stands."""
    pattern = rf"^( *)(?:- \+{marker}|\+{marker}: null)\n"
    return re.sub(pattern, lambda at: textwrap.indent(lines, at[1]), text, flags=re.MULTILINE)


def _adapt(body: Object) -> None:
    """Label an object, and put what can be set in the place of what is shipped."""
    metadata = body["metadata"]
    metadata["labels"] = metadata.get("labels", {}) | PART_OF
    if body["kind"] in KEPT_KINDS:
        metadata["annotations"] = metadata.get("annotations", {}) | KEEP
    if body["kind"] == "Deployment":
        _adapt_deployment(body["spec"])
    if body["kind"].endswith("Role") and metadata["name"] == "mintmaster-operator-namespaces":
        _adapt_rules(body["rules"])
    if body["kind"] == "HorizontalPodAutoscaler":
        _adapt_autoscaler(body["spec"])


def _adapt_autoscaler(spec: Object) -> None:
    for bound in ("minReplicas", "maxReplicas"):
        spec[bound] = f"{{{{ .Values.autoscaling.{bound} }}}}"


def _adapt_rules(rules: list[Object]) -> None:
    """Have the verbs on Secrets depend on whether those are watched, or read by name."""
    (rule,) = (it for it in rules if it["resources"] == ["secrets"])
    del rule["verbs"]
    rule["+verbs-on-secrets"] = None


def _adapt_deployment(spec: Object) -> None:
    pod = spec["template"]["spec"]
    (container,) = pod["containers"]
    process = container["name"]
    if process == "gate":
        del spec["replicas"]
        spec["+replicas-of-gates"] = None
        _replace(pod["volumes"], "+volumes-of-keys")
        _replace(container["volumeMounts"], "+mounts-of-keys")
    else:
        del spec["replicas"]
        spec["+replicas-of-operators"] = None
    container["env"] += ["+namespaces", *(["+secrets", "+shard"] if process == "operator" else [])]
    container["image"] = "{{ .Values.image.repository }}:{{ .Values.image.tag }}"
    container["+pull-policy"] = None
    container["resources"] = f"{{{{ toJson .Values.{process}.resources }}}}"
    pod |= {"+pull-secrets": None, f"+pod-of-{process}": None}


def _replace(items: list[Any], marker: str) -> None:
    """Put a marker in the place of the one item that is about an issuer's keys."""
    (index,) = (index for index, it in enumerate(items) if it["name"].startswith("keys-"))
    items[index] = marker


def _blocks() -> dict[str, str]:
    """Return the lines that stand for each marker."""
    pod = _shipped("components/gate/gate.yaml")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    blocks = {
        "replicas-of-gates": "{{- if not .Values.autoscaling.enabled }}\n"
        "replicas: {{ .Values.gate.replicas }}\n{{- end }}\n",
        # What is set, but a shard that no pod is left for would do nothing.
        "replicas-of-operators": "{{- if gt (int .Values.operator.shards) 1 }}\n"
        "replicas: {{ max (int .Values.operator.shards) (int .Values.operator.replicas) }}\n{{- else }}\n"
        "replicas: {{ .Values.operator.replicas }}\n{{- end }}\n",
        "shard": "{{- if gt (int .Values.operator.shards) 1 }}\n- name: MINTMASTER_SHARD\n"
        "  value: any/{{ .Values.operator.shards }}\n{{- end }}\n",
        "volumes-of-keys": _for_gate_signed(pod["volumes"]),
        "mounts-of-keys": _for_gate_signed(container["volumeMounts"]),
        "namespaces": "{{- with .Values.namespaces }}\n- name: MINTMASTER_NAMESPACES\n"
        '  value: {{ join "," . }}\n{{- end }}\n',
        "secrets": "{{- if .Values.secrets.byName }}\n- name: MINTMASTER_SECRETS\n  value: by-name\n"
        "- name: MINTMASTER_SECRETS_INTERVAL\n  value: {{ .Values.secrets.interval }}\n{{- end }}\n",
        "verbs-on-secrets": "{{- if $.Values.secrets.byName }}\nverbs: [get, create, patch, delete]\n"
        "{{- else }}\nverbs: [get, list, watch, create, patch, delete]\n{{- end }}\n",
        "pull-policy": _if_set("image.pullPolicy", "imagePullPolicy"),
        "pull-secrets": _if_set("image.pullSecrets", "imagePullSecrets"),
    }
    for process in ("operator", "gate"):
        settings = (_if_set(f"{process}.{it}", it) for it in POD_SETTINGS)
        blocks[f"pod-of-{process}"] = "".join(settings)
    return blocks


def _if_set(value: str, field: str) -> str:
    return f"{{{{- with .Values.{value} }}}}\n{field}: {{{{ toJson . }}}}\n{{{{- end }}}}\n"


def _for_gate_signed(items: list[Object]) -> str:
    """Repeat what is shipped for the issuer `applications`, for each issuer that gates sign for."""
    (shipped,) = (it for it in items if it["name"] == "keys-applications")
    text = to_yaml([shipped]).replace("applications", "{{ $name }}")  # type: ignore[arg-type]
    return (
        '{{- range $name, $spec := .Values.issuers }}\n{{- if eq $spec.signer "Gate" }}\n'
        f"{text}{{{{- end }}}}\n{{{{- end }}}}\n"
    )


# Values -------------------------------------------------------------------------------------------


def values_text() -> str:
    """Return values.yaml: the shipped settings, and the specs of the shipped issuers with their comments."""
    repository, tag = IMAGE.split(":")
    scaler = _shipped("components/autoscaling/gates.yaml")["spec"]
    bounds = {bound: scaler[bound] for bound in ("minReplicas", "maxReplicas")}
    head = VALUES.format(
        repository=repository,
        tag=tag,
        operator=_indented(_sizes("base/operator.yaml")),
        gate=_indented(_sizes("components/gate/gate.yaml")),
        autoscaling=_indented(bounds),
        runbooks=RUNBOOKS,
    )
    return head + "\n".join(_issuer_text(source) for source in _issuers())


def _sizes(source: str) -> Object:
    spec = _shipped(source)["spec"]
    (container,) = spec["template"]["spec"]["containers"]
    return {"replicas": spec["replicas"], "resources": container["resources"]}


def _indented(values: Object) -> str:
    return textwrap.indent(to_yaml(values), "  ").rstrip("\n")


def _issuers() -> list[Path]:
    return sorted((MANIFESTS / "base").glob("issuer-*.yaml"), reverse=True)


def _issuer_text(source: Path) -> str:
    head, spec = source.read_text().split("\nspec:\n")
    (name,) = re.findall(r"^  name: (.+)$", head, re.MULTILINE)
    return textwrap.indent(f"{name}:\n{spec}", "  ")


def _shipped(source: str) -> Object:
    """Return the first object of a file."""
    body: Object = next(yaml.safe_load_all((MANIFESTS / source).read_text()))
    return body


# Schema -------------------------------------------------------------------------------------------


def values_schema() -> Object:
    """Return the schema of values.yaml; what an issuer may be, its CRD says."""
    text: Object = {"type": "string"}
    switch = _closed(enabled={"type": "boolean"})
    count: Object = {"type": "integer", "minimum": 0}
    objects: Object = {"type": "array", "items": {"type": "object"}}
    process: Object = {
        "replicas": count,
        "resources": {"type": "object"},
        "nodeSelector": {"type": "object", "additionalProperties": text},
        "tolerations": objects,
        "priorityClassName": text,
    }
    policies: Object = {"enum": ["", "Always", "IfNotPresent", "Never"]}
    image: Object = {"repository": text | {"minLength": 1}, "tag": text | {"minLength": 1}}
    issuers = {"type": "object", "additionalProperties": _issuer_schema()}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        **_closed(
            **{"global": {"type": "object"}},  # Helm's own, where this chart is part of another
            namespaces={"type": "array", "items": text | {"pattern": NAMESPACE}},
            secrets=_closed(
                byName={"type": "boolean"},
                interval=text | {"minLength": 2, "pattern": DURATION_PATTERN},
            ),
            image=_closed(**image, pullPolicy=policies, pullSecrets=objects),
            operator=_closed(
                shards={"type": "integer", "minimum": 1, "maximum": MOST_SHARDS}, **process
            ),
            gate=_closed(enabled={"type": "boolean"}, **process),
            compatibleApis=switch,
            autoscaling=_closed(enabled={"type": "boolean"}, minReplicas=count, maxReplicas=count),
            networkPolicies=switch,
            monitoring=_closed(enabled={"type": "boolean"}, runbooks=text | {"minLength": 1}),
            adminToken=switch,
            issuers=issuers,
        ),
    }


def _closed(**properties: Object) -> Object:
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _issuer_schema() -> Object:
    crd = yaml.safe_load(render_crds()["tokenissuers.yaml"])
    schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    found: Object = _plain(schema)
    return found


def _plain(schema: Any) -> Any:
    """Leave Kubernetes' extensions out of a schema, and refuse fields that it does not know."""
    if isinstance(schema, list):
        return [_plain(it) for it in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {key: _plain(it) for key, it in schema.items() if not key.startswith("x-kubernetes-")}
    closes = schema.get("type") == "object" and "properties" in schema
    return kept | ({"additionalProperties": False} if closes else {})


# Command ------------------------------------------------------------------------------------------


def main() -> int:
    """Write the chart, or with --check compare it; 1 if it differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, fail on a difference")
    if not parser.parse_args().check:
        _write(render())
        return 0
    if _found() == render():
        return 0
    sys.stderr.write(f"{CHART} is not what the manifests say; run make crds\n")
    return 1


def _found() -> dict[str, str]:
    files = (it for it in CHART.rglob("*") if it.is_file())
    texts = {it.relative_to(CHART).as_posix(): it.read_text("utf-8") for it in files}
    return {name: text for name, text in texts.items() if name not in BY_HAND}


def _write(files: dict[str, str]) -> None:
    for name in _found().keys() - files.keys():
        (CHART / name).unlink()
    for name, text in files.items():
        path = CHART / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


if __name__ == "__main__":
    sys.exit(main())
