"""Operator and gate under their own accounts and the admission policies: nothing that they need is in their way."""

import base64
import hashlib
import json
from collections.abc import Iterator
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest

from manifests.installation import TIMEOUT, Installation, User
from manifests.patience import until

RUNNER = """
apiVersion: mintmaster.dev/v1alpha1
kind: RunnerRegistration
metadata: {name: builder}
spec: {type: Instance%s}
"""

APPLICATION = """
apiVersion: mintmaster.dev/v1alpha1
kind: ClientApplication
metadata: {name: %s, namespace: mintmaster-api}
spec: {scopes: [jobs]}
"""

CONSUMER = """
apiVersion: apps/v1
kind: Deployment
metadata:
  name: consumer
  annotations: {mintmaster.dev/restart: "true"}
spec:
  replicas: 0
  selector: {matchLabels: {app: consumer}}
  template:
    metadata: {labels: {app: consumer}}
    spec: {containers: [{name: main, image: example.org/consumer}]}
"""

OFFERED = """
apiVersion: v1
kind: Secret
metadata:
  name: builder-token
  annotations: {mintmaster.dev/adopt-by: builder}
data: {token: b2xk}
"""

APPROVAL = """
apiVersion: mintmaster.dev/v1alpha1
kind: UserAccessToken
metadata: {name: ada}
status:
  conditions:
  - {type: Approved, status: "True", reason: Approved, message: "Fine.", observedGeneration: %s,
     lastTransitionTime: "2026-11-22T10:00:00Z"}
"""


@pytest.fixture(scope="module")
def gate_url(operating: Installation) -> Iterator[str]:
    with operating.gate_running() as gate:
        yield gate.address


@pytest.fixture
def runner(operating: Installation, tenant: User) -> User:
    """A tenant who has a runner with a token."""
    apply(tenant, RUNNER % "")
    tenant.kubectl("wait", "--for=condition=Ready", "rr/builder", TIMEOUT)
    return tenant


def test_a_token_is_issued_rotated_and_revoked_over_http(
    operating: Installation, gate_url: str, runner: User
) -> None:
    operating.bind_everywhere(runner, "mintmaster-introspector")
    first = token_of(runner)
    runner.kubectl("annotate", "rr/builder", "mintmaster.dev/rotate=1")
    runner.kubectl("wait", "rr/builder", "--for=jsonpath={.status.lastRotateRequest}=1", TIMEOUT)
    second = token_of(runner)
    assert first != second
    assert [is_active(gate_url, runner, token) for token in (first, second)] == [True, True]
    assert post(f"{gate_url}/oauth2/revoke", second, token=second) == b""
    runner.kubectl("wait", "--for=condition=Revoked", "rr/builder", TIMEOUT)
    runner.kubectl("wait", "--for=delete", "secret/builder-token", TIMEOUT)
    assert [is_active(gate_url, runner, token) for token in (first, second)] == [False, False]


def test_an_application_obtains_a_token_which_is_revoked(
    operating: Installation, gate_url: str, tenant: User
) -> None:
    admin, name = operating.admin, namespace_of(tenant)
    operating.bind_everywhere(tenant, "mintmaster-introspector")
    apply(admin, APPLICATION % name)
    there = ("-n", "mintmaster-api")
    admin.kubectl("wait", *there, "--for=condition=Ready", f"capp/{name}", TIMEOUT)
    secret = admin.read("secret", *there, f"{name}-token")["data"]
    client = {key.replace("-", "_"): base64.b64decode(it).decode() for key, it in secret.items()}
    issuer = f"{gate_url}/issuers/applications"
    answer = post(f"{issuer}/oauth2/token", "", grant_type="client_credentials", **client)
    token = json.loads(answer)["access_token"]
    assert is_active(issuer, tenant, token)
    assert post(f"{issuer}/oauth2/revoke", token, token=token) == b""
    status = admin.read("capp", *there, name)["status"]
    assert [len(status["revokedTokens"]), status["state"]] == [1, "Active"]
    assert not is_active(issuer, tenant, token)
    admin.kubectl("delete", "capp", *there, name)


def test_a_revocation_shows_in_a_status_list(
    operating: Installation, gate_url: str, tenant: User
) -> None:
    admin, there = operating.admin, ("-n", namespace_of(tenant))
    issuer = admin.read("tokenissuer/default")
    issuer["metadata"] = {"name": "listing"}
    issuer["spec"] |= {"url": "https://listing.example.org", "statusList": True}
    apply(admin, json.dumps(issuer))
    admin.kubectl("wait", "--for=condition=Ready", "tokenissuer/listing", TIMEOUT)
    whose = "spec: {type: Instance, issuerRef: {name: listing}}"
    admin.kubectl("apply", *there, "-f", "-", text=RUNNER.split("spec:", maxsplit=1)[0] + whose)
    admin.kubectl("wait", *there, "--for=condition=Ready", "rr/builder", TIMEOUT)
    uri: str = admin.read("rr/builder", *there)["status"]["tokens"][0]["statusList"]
    served = f"{gate_url}/issuers/listing/status-lists/{uri.rpartition('/')[2]}"

    def signed() -> bytes:
        with urlopen(served, timeout=30) as answer:
            assert answer.headers["Content-Type"] == "application/statuslist+jwt"
            content: bytes = answer.read()
            return content

    before = signed()
    admin.kubectl("delete", *there, "rr/builder")
    until(lambda: signed() != before, "the list changes")


def test_drift_is_put_right(operating: Installation, runner: User) -> None:
    first = token_of(runner)
    runner.kubectl("patch", "secret/builder-token", "--type=merge", '--patch={"data": {"x": ""}}')
    whole = {"token": base64.b64encode(first.encode()).decode()}
    until(lambda: bool(runner.read("secret/builder-token")["data"] == whole), "the data is whole")
    runner.kubectl("delete", "secret/builder-token")
    await_revision(runner, 2)
    runner.kubectl("patch", "secret/builder-token", "--type=merge", '--patch={"immutable": true}')
    runner.kubectl("annotate", "rr/builder", "mintmaster.dev/rotate=1")
    await_revision(runner, 3)


def test_a_consumer_is_restarted(operating: Installation, tenant: User) -> None:
    apply(tenant, CONSUMER)
    apply(tenant, RUNNER % ", restart: [{kind: Deployment, name: consumer}]")
    tenant.kubectl("wait", "--for=condition=Ready", "rr/builder", TIMEOUT)
    tenant.kubectl("annotate", "rr/builder", "mintmaster.dev/rotate=1")
    tenant.kubectl("wait", "--for=condition=RestartsSucceeded", "rr/builder", TIMEOUT)
    uid = tenant.read("rr/builder")["metadata"]["uid"]
    template = tenant.read("deployment/consumer")["spec"]["template"]
    assert template["metadata"]["annotations"] == {"mintmaster.dev/token-revision": f"{uid}.2"}


def test_an_offered_secret_is_taken_over(operating: Installation, tenant: User) -> None:
    apply(tenant, OFFERED)
    apply(tenant, RUNNER % ", secret: {adoptionPolicy: IfUnowned}")
    tenant.kubectl("wait", "--for=condition=Ready", "rr/builder", TIMEOUT)
    assert token_of(tenant).count(".") == 2


def test_an_approval_lets_a_request_pass(operating: Installation, tenant: User) -> None:
    issuer = operating.admin.read("tokenissuer/default")
    issuer["metadata"] = {"name": "approving"}
    issuer["spec"] |= {
        "url": "https://approving.example.org",
        "approval": {"userAccessTokens": "Manual"},
    }
    apply(operating.admin, json.dumps(issuer))
    operating.admin.kubectl("wait", "--for=condition=Ready", "tokenissuer/approving", TIMEOUT)
    for role in ("mintmaster-granter", "mintmaster-approver"):
        operating.bind_everywhere(tenant, role)
    question = ("auth", "can-i", "approve", "uat", "--all-namespaces")
    until(lambda: tenant.try_kubectl(*question).returncode == 0, "the tenant may approve")
    operating.admin.kubectl(
        "label", "namespace", namespace_of(tenant), "mintmaster.dev/user-tokens=allowed"
    )
    whose = "spec: {user: {email: ada@example.org}, issuerRef: {name: approving}}"
    apply(tenant, APPROVAL.split("status:", maxsplit=1)[0] + whose)
    tenant.kubectl("wait", "--for=jsonpath={.status.state}=Requested", "uat/ada", TIMEOUT)
    command = (
        "apply",
        "--server-side",
        "--subresource=status",
        "--field-manager=approver",
        "-f",
        "-",
    )
    assert "observedGeneration 1" in tenant.try_kubectl(*command, text=APPROVAL % 7).stderr
    tenant.kubectl(*command, text=APPROVAL % 1)
    tenant.kubectl("wait", "--for=condition=Ready", "uat/ada", TIMEOUT)


def test_a_digest_is_activated(operating: Installation, tenant: User) -> None:
    operating.bind_everywhere(tenant, "mintmaster-deliverer")
    digest = base64.urlsafe_b64encode(hashlib.sha256(b"mine").digest()).decode().rstrip("=")
    token = f"{{format: Opaque, lifetime: 1h, valueDigest: {digest}}}"
    apply(tenant, RUNNER % f", delivery: Caller, token: {token}")
    tenant.kubectl("wait", "--for=jsonpath={.status.state}=Active", "rr/builder", TIMEOUT)


def test_controllers_of_kubernetes_go_on(operating: Installation, runner: User) -> None:
    runner.kubectl("delete", "rr/builder", "--cascade=foreground", TIMEOUT)
    runner.kubectl("wait", "--for=delete", "secret/builder-token", TIMEOUT)
    apply(runner, RUNNER % "")
    runner.kubectl("wait", "--for=condition=Ready", "rr/builder", TIMEOUT)
    namespace = namespace_of(runner)
    operating.admin.kubectl("delete", "namespace", namespace, TIMEOUT)
    operating.admin.kubectl("create", "namespace", namespace)


def test_a_dry_run_is_judged_like_the_real_thing(operating: Installation, tenant: User) -> None:
    dry = ("apply", "--server-side", "--dry-run=server", "-f", "-")
    tenant.kubectl(*dry, text=RUNNER % "")
    refused = tenant.try_kubectl(*dry, text=RUNNER % ", scopes: [sudo]")
    assert "spec.scopes: you may not add 'sudo'" in refused.stderr
    assert tenant.read("rr")["items"] == []


def apply(user: User, text: str) -> None:
    user.kubectl("apply", "--server-side", "-f", "-", text=text)


def namespace_of(user: User) -> str:
    return user.kubectl("config", "view", "--minify", "-o", "jsonpath={..namespace}")


def token_of(user: User) -> str:
    return base64.b64decode(user.read("secret/builder-token")["data"]["token"]).decode()


def await_revision(user: User, revision: int) -> None:
    user.kubectl("wait", "rr/builder", f"--for=jsonpath={{.status.revision}}={revision}", TIMEOUT)


def is_active(gate: str, caller: User, token: str) -> bool:
    path = "jsonpath={.users[0].user.token}"
    credential = caller.kubectl("config", "view", "--raw", "-o", path)
    answer = post(f"{gate}/oauth2/introspect", credential, token=token)
    return bool(json.loads(answer)["active"])


def post(url: str, credential: str, **form: str) -> bytes:
    headers = {"Authorization": f"Bearer {credential}"} if credential else {}
    with urlopen(Request(url, urlencode(form).encode(), headers), timeout=30) as answer:
        content: bytes = answer.read()
        return content
