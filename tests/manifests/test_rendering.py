"""What the manifests say, rendered: parts that have to fit each other, and what every pod of ours keeps to."""

import re
import sys
from pathlib import Path
from subprocess import run

import pytest
import yaml

from manifests.installation import OVERLAY, ROOT, SYSTEM, Installation
from manifests.rendering import (
    COMPONENTS,
    OF_MODES,
    OF_PROMETHEUS_OPERATOR,
    OVERLAYS,
    Object,
    Rendered,
    render,
    render_everything,
    render_with,
)

MOST_CHECKS = 28
"""Questions to the authorizer that the API server allows a policy."""


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Rendered:
    """The base with all components."""
    return render_everything(tmp_path_factory.mktemp("everything"))


def pod_of(deployment: Object) -> Object:
    found: Object = deployment["spec"]["template"]["spec"]
    return found


def container_of(deployment: Object) -> Object:
    (found,) = pod_of(deployment)["containers"]
    assert isinstance(found, dict)
    return found


# Policies -----------------------------------------------------------------------------------------


def test_every_policy_is_enforced(everything: Rendered) -> None:
    policies = {
        it["metadata"]["name"]: it["spec"] for it in everything.of_kind("ValidatingAdmissionPolicy")
    }
    bindings = everything.of_kind("ValidatingAdmissionPolicyBinding")
    assert sorted(it["spec"]["policyName"] for it in bindings) == sorted(policies)
    assert all(it["spec"]["validationActions"] == ["Deny"] for it in bindings)
    assert all(spec.get("failurePolicy", "Fail") == "Fail" for spec in policies.values())
    assert [it["metadata"]["name"] for it in bindings if "matchResources" in it["spec"]] == [
        "gates.mintmaster.dev"
    ]


def test_no_policy_costs_more_than_the_api_server_pays(everything: Rendered) -> None:
    for policy in everything.of_kind("ValidatingAdmissionPolicy"):
        checks = yaml.safe_dump(policy).count(".check(")
        assert checks <= MOST_CHECKS, policy["metadata"]["name"]


LISTS = {
    "scopes": ("scopes",),
    "roles": ("roles",),
    "projects": ("projects",),
    "audiences": ("token", "audiences"),
}


@pytest.mark.parametrize("name", LISTS)
def test_every_position_of_a_list_is_looked_at(everything: Rendered, name: str) -> None:
    policy = everything.one("ValidatingAdmissionPolicy", f"grant-{name}.mintmaster.dev")["spec"]
    (rule,) = policy["matchConstraints"]["resourceRules"]
    positions = [f"variables.added[{index}]" for index in range(len(policy["validations"]))]
    for position, validation in zip(positions, policy["validations"], strict=True):
        assert position in validation["expression"]
    longest = {plural: length for plural in PLURALS if (length := max_items(plural, *LISTS[name]))}
    assert set(rule["resources"]) == set(longest)
    assert set(longest.values()) == {len(positions)}


PLURALS = ("runnerregistrations", "useraccesstokens", "clientapplications")


def max_items(plural: str, *path: str) -> int:
    """How long a list of the spec of a kind may be; 0 where there is no such list."""
    crd = yaml.safe_load((ROOT / "crds" / f"{plural}.yaml").read_text())
    schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    for key in path:
        schema = schema["properties"].get(key)
        if schema is None:
            return 0
    return int(schema["maxItems"])


@pytest.mark.parametrize("process", ["operator", "gate"])
def test_policies_know_the_accounts_by_which_processes_run(
    everything: Rendered, process: str
) -> None:
    deployment = everything.one("Deployment", f"mintmaster-{process}")
    account = pod_of(deployment)["serviceAccountName"]
    user = f"system:serviceaccount:{deployment['metadata']['namespace']}:{account}"
    text = yaml.safe_dump_all(everything.of_kind("ValidatingAdmissionPolicy"), width=1000)
    patterns = set(re.findall(r"username\.matches\('([^']+)'\)", text.replace("''", "'")))
    assert sum(bool(re.search(pattern, user)) for pattern in patterns) == 1


def test_the_namespace_of_gates_is_that_of_the_issuers(everything: Rendered) -> None:
    binding = everything.one("ValidatingAdmissionPolicyBinding", "gates.mintmaster.dev")["spec"]
    (expression,) = binding["matchResources"]["namespaceSelector"]["matchExpressions"]
    (namespace,) = expression["values"]
    assert (expression["key"], expression["operator"]) == ("kubernetes.io/metadata.name", "NotIn")
    issuers = everything.of_kind("TokenIssuer")
    assert {it["spec"]["apiNamespace"] for it in issuers} == {namespace}
    assert everything.one("Namespace", namespace)


def test_the_api_server_finds_nothing_wrong_with_an_expression(installation: Installation) -> None:
    command = ("get", "validatingadmissionpolicy", "-o")
    observed = (
        "jsonpath={.items[?(@.metadata.generation!=@.status.observedGeneration)].metadata.name}"
    )
    installation.admin.kubectl(
        *("wait", "validatingadmissionpolicy", "--all", "--timeout=60s"),
        "--for=jsonpath={.status.observedGeneration}=1",
    )
    assert installation.admin.kubectl(*command, observed) == ""
    warnings = "jsonpath={.items[*].status.typeChecking.expressionWarnings}"
    assert installation.admin.kubectl(*command, warnings).strip() == ""


# Applying -----------------------------------------------------------------------------------------


def test_all_components_apply_without_a_warning(
    installation: Installation, everything: Rendered
) -> None:
    apply = ("apply", "--server-side", "--force-conflicts", "--dry-run=server")
    installation.admin.kubectl(
        *apply, "--warnings-as-errors", "-f", "-", text=everything.without(*OF_PROMETHEUS_OPERATOR)
    )


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_overlay_applies_without_a_warning_with_the_components_that_it_lacks(
    installation: Installation, overlay: str, tmp_path: Path
) -> None:
    components = ("autoscaling", "monitoring", "shards")
    rendered = render_with(tmp_path, *components, base=f"overlays/{overlay}")
    installation.admin.kubectl(
        *("apply", "--server-side", "--force-conflicts", "--dry-run=server"),
        *("--warnings-as-errors", "-f", "-"),
        text=rendered.without(*OF_PROMETHEUS_OPERATOR),
    )


def test_the_overlay_is_the_base_with_gates_and_network_policies(everything: Rendered) -> None:
    left_out = {"HorizontalPodAutoscaler", "ConfigMap", *OF_PROMETHEUS_OPERATOR}
    names = sorted(
        (it["kind"], it["metadata"]["name"])
        for it in everything.objects
        if it["kind"] not in left_out
    )
    overlay = render(ROOT / OVERLAY)
    assert sorted((it["kind"], it["metadata"]["name"]) for it in overlay.objects) == names


def test_nothing_but_monitoring_needs_the_prometheus_operator() -> None:
    objects = render(ROOT / OVERLAY).objects
    assert not {it["kind"] for it in objects} & set(OF_PROMETHEUS_OPERATOR)
    assert not any("monitoring.coreos.com" in it["apiVersion"] for it in objects)


def test_the_rules_are_those_that_prometheus_reads_without_an_operator(
    everything: Rendered,
) -> None:
    (rule,) = everything.of_kind("PrometheusRule")
    plain = ROOT / "manifests" / "monitoring" / "rules.yaml"
    assert rule["spec"] == yaml.safe_load(plain.read_text())


def test_dashboards_are_found_by_grafanas_sidecar(everything: Rendered) -> None:
    found = [
        it
        for it in everything.of_kind("ConfigMap")
        if it["metadata"]["labels"].get("grafana_dashboard") == "1"
    ]
    texts = {name: text for it in found for name, text in it["data"].items()}
    folder = ROOT / "manifests" / "monitoring" / "dashboards"
    assert texts == {path.name: path.read_text() for path in folder.iterdir()}
    assert len(texts) == 3


def test_what_monitoring_is_made_of_is_generated() -> None:
    script = ROOT / "manifests" / "generate_monitoring.py"
    assert run([sys.executable, str(script), "--check"], check=False).returncode == 0


def test_every_component_is_tried() -> None:
    folders = {it.name for it in (ROOT / "manifests" / "components").iterdir()}
    assert folders == {*COMPONENTS, *OF_MODES, "shards"}
    assert {it.name for it in (ROOT / "manifests" / "overlays").iterdir()} == set(OVERLAYS)


def test_the_image_is_named_in_one_place(tmp_path_factory: pytest.TempPathFactory) -> None:
    images = [{"name": "mintmaster", "newName": "images.example.org/mintmaster", "newTag": "1.2"}]
    rendered = render_everything(tmp_path_factory.mktemp("images"), images=images)
    used = {container_of(it)["image"] for it in rendered.deployments}
    assert used == {"images.example.org/mintmaster:1.2"}


# Parts that have to fit each other ----------------------------------------------------------------


def selectors(everything: Rendered) -> list[tuple[str, Object]]:
    """Everything that selects pods of ours, or Services by the labels that pods have, too."""
    found = [("Service", it["spec"]["selector"]) for it in everything.of_kind("Service")]
    for kind in ("PodDisruptionBudget", "ServiceMonitor"):
        found += [(kind, it["spec"]["selector"]["matchLabels"]) for it in everything.of_kind(kind)]
    for deployment in everything.deployments:
        spread = pod_of(deployment)["topologySpreadConstraints"]
        found += [("spread", it["labelSelector"]["matchLabels"]) for it in spread]
        found.append(("Deployment", deployment["spec"]["selector"]["matchLabels"]))
    return found


def test_every_selector_selects_one_process(everything: Rendered) -> None:
    pods = [it["spec"]["template"]["metadata"]["labels"] for it in everything.deployments]
    found = selectors(everything)
    assert len(found) == 12
    for kind, selector in found:
        assert sum(selector.items() <= labels.items() for labels in pods) == 1, kind


def test_services_and_monitors_name_ports_that_there_are(everything: Rendered) -> None:
    for process, port in (("operator", "metrics"), ("gate", "https")):
        name = f"mintmaster-{process}"
        ports = container_of(everything.one("Deployment", name))["ports"]
        assert [it["name"] for it in ports] == [port]
        (service_port,) = everything.one("Service", name)["spec"]["ports"]
        assert (service_port["name"], service_port["targetPort"]) == (port, port)
        (endpoint,) = everything.one("ServiceMonitor", name)["spec"]["endpoints"]
        assert (endpoint["port"], endpoint["path"]) == (port, "/metrics")
        (rule,) = everything.one("NetworkPolicy", name)["spec"]["ingress"]
        assert [it["port"] for it in rule["ports"]] == [port]


def test_nothing_gets_in_or_out_that_is_not_named(everything: Rendered) -> None:
    denials = [
        it for it in everything.of_kind("NetworkPolicy") if it["metadata"]["name"].endswith("deny")
    ]
    assert {it["metadata"]["namespace"] for it in denials} == {SYSTEM, "mintmaster-api"}
    for denial in denials:
        assert denial["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def test_the_autoscalers_number_stays(everything: Rendered) -> None:
    scaler = everything.one("HorizontalPodAutoscaler", "mintmaster-gate")["spec"]
    gate = everything.one("Deployment", scaler["scaleTargetRef"]["name"])
    assert "replicas" not in gate["spec"]
    assert "cpu" in container_of(gate)["resources"]["requests"]


# Rights of the modes ------------------------------------------------------------------------------


def overlay_of(mode: str) -> Rendered:
    return render(ROOT / "manifests" / "overlays" / mode)


def rules_of(role: Object) -> list[Object]:
    found: list[Object] = role["rules"]
    return found


@pytest.mark.parametrize("process", ["operator", "gate"])
def test_roles_of_listed_namespaces_give_what_the_cluster_role_gives(process: str) -> None:
    name = f"mintmaster-{process}-namespaces"
    everywhere = rules_of(overlay_of("whole-cluster").one("ClusterRole", name))
    by_name = [
        rule | ({"verbs": ["get"]} if rule["resources"] == ["namespaces"] else {})
        for rule in everywhere
    ]
    roles = [
        it
        for it in overlay_of("listed-namespaces").of_kind("Role")
        if it["metadata"]["name"] == name
    ]
    assert {it["metadata"]["namespace"] for it in roles} == {SYSTEM, "mintmaster-api"}
    assert all(rules_of(it) == by_name for it in roles)


@pytest.mark.parametrize("mode", ["listed-namespaces", "hardened"])
def test_no_right_of_the_whole_cluster_is_about_what_is_in_a_namespace(mode: str) -> None:
    rendered = overlay_of(mode)
    bound = {
        it["roleRef"]["name"]
        for it in rendered.of_kind("ClusterRoleBinding")
        if any(subject["kind"] == "ServiceAccount" for subject in it["subjects"])
    }
    assert bound == {"mintmaster-operator", "mintmaster-gate", "mintmaster-gate-compatible-apis"}
    usual = {"get", "list", "watch", "create", "update", "patch", "delete"}
    rules = [rule for name in bound for rule in rules_of(rendered.one("ClusterRole", name))]
    resources = {it for rule in rules if usual & {*rule["verbs"]} for it in rule["resources"]}
    assert resources == {
        *("tokenissuers", "tokenissuers/status", "tokenreviews", "subjectaccessreviews")
    }


@pytest.mark.parametrize(("mode", "may"), [("listed-namespaces", True), ("hardened", False)])
def test_secrets_are_listed_where_the_mode_says_so(mode: str, may: bool) -> None:
    rendered = overlay_of(mode)
    roles = (*rendered.of_kind("Role"), *rendered.of_kind("ClusterRole"))
    rules = [it for role in roles for it in rules_of(role) if it["apiGroups"] == [""]]
    verbs = {verb for it in rules if "secrets" in it["resources"] for verb in it["verbs"]}
    assert ("list" in verbs, "watch" in verbs) == (may, may)
    operator = container_of(rendered.one("Deployment", "mintmaster-operator"))
    told = {it["name"]: it.get("value") for it in operator["env"]}
    assert told["MINTMASTER_NAMESPACES"] == "mintmaster-api"
    assert told.get("MINTMASTER_SECRETS") == (None if may else "by-name")


# Pods ---------------------------------------------------------------------------------------------


def test_pods_are_restricted_and_write_nothing(everything: Rendered) -> None:
    assert len(everything.deployments) == 2
    for deployment in everything.deployments:
        pod, container = pod_of(deployment), container_of(deployment)
        assert pod["securityContext"]["runAsNonRoot"]
        assert pod["enableServiceLinks"] is False
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert all(mount["readOnly"] for mount in container["volumeMounts"])
        assert "memory" in container["resources"]["limits"]
        assert {"livenessProbe", "readinessProbe"} <= container.keys()
    enforced = "pod-security.kubernetes.io/enforce"
    assert everything.one("Namespace", SYSTEM)["metadata"]["labels"][enforced] == "restricted"


def test_pods_have_a_token_that_lives_an_hour_and_no_other(everything: Rendered) -> None:
    for deployment in everything.deployments:
        pod = pod_of(deployment)
        account = everything.one("ServiceAccount", pod["serviceAccountName"])
        assert (pod["automountServiceAccountToken"], account["automountServiceAccountToken"]) == (
            False,
            False,
        )
        (volume,) = (it for it in pod["volumes"] if it["name"] == "api-access")
        (token,) = (
            it["serviceAccountToken"]
            for it in volume["projected"]["sources"]
            if "serviceAccountToken" in it
        )
        assert token == {"path": "token", "expirationSeconds": 3600}


def test_gates_hold_the_keys_of_gate_signed_issuers_and_no_other(everything: Rendered) -> None:
    gate = everything.one("Deployment", "mintmaster-gate")
    secrets = {it["secret"]["secretName"] for it in pod_of(gate)["volumes"] if "secret" in it}
    gate_signed = {
        f"mintmaster-issuer-{it['metadata']['name']}"
        for it in everything.of_kind("TokenIssuer")
        if it["spec"]["signer"] == "Gate"
    }
    assert secrets == gate_signed | {"mintmaster-gate-tls"}
    operator = everything.one("Deployment", "mintmaster-operator")
    assert not any("secret" in it for it in pod_of(operator)["volumes"])


@pytest.mark.parametrize("process", ["operator", "gate"])
def test_commands_are_those_of_the_program(everything: Rendered, process: str) -> None:
    container = container_of(everything.one("Deployment", f"mintmaster-{process}"))
    program, *command = container["command"] + container["args"]
    assert program == "mintmaster"
    # An option that does not exist is refused before help is given.
    done = run(
        [sys.executable, "-m", "mintmaster", *command, "--help"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
