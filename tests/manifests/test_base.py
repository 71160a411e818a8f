"""manifests/base on a real API server: it installs, and the operator gets along with the rights that it is given."""

import re
from pathlib import Path

import pytest

from manifests.installation import TIMEOUT, Installation, User

GOLDEN = Path(__file__).parent / "data"

RUNNER = """
apiVersion: mintmaster.dev/v1alpha1
kind: RunnerRegistration
metadata: {name: builder}
spec: {type: Instance}
"""

USER_TOKEN = """
apiVersion: mintmaster.dev/v1alpha1
kind: UserAccessToken
metadata: {name: ada}
spec:
  user: {email: ada@example.org}
  scopes: [read_api]
  roles: %s
"""


def test_a_second_apply_changes_nothing(installation: Installation) -> None:
    difference = installation.admin.try_kubectl("diff", "--server-side", "-k", "manifests/base")
    assert (difference.returncode, difference.stdout) == (0, "")


def test_the_admin_token_is_in_its_secret(installation: Installation) -> None:
    admin = installation.admin
    admin.kubectl(
        "wait", "--for=condition=Ready", "-n", "mintmaster-system", "uat/mintmaster-admin", TIMEOUT
    )
    secret = admin.read("secret", "-n", "mintmaster-system", "mintmaster-admin-access-token")
    assert set(secret["data"]) == {"ADMIN_ACCESS_TOKEN"}
    status = admin.read("uat", "-n", "mintmaster-system", "mintmaster-admin")["status"]
    rights = status["tokens"][0]["rights"]
    assert (rights["roles"], rights["projects"]) == (["Administrator"], ["*"])
    assert "users" in rights["scopes"]


@pytest.mark.parametrize("namespace", ["mintmaster-system", "default"])
def test_the_operator_may_do_what_it_needs_and_no_more(
    installation: Installation, namespace: str
) -> None:
    allowed = installation.operator.kubectl("auth", "can-i", "--list", "-n", namespace)
    golden = GOLDEN / f"operator-in-{namespace}.txt"
    assert rules(allowed) == golden.read_text().splitlines()


def rules(listed: str) -> list[str]:
    """Leave out what every authenticated user may do: discovery, and reviews of oneself."""
    own = (re.sub(r" {2,}", "  ", line).rstrip() for line in listed.splitlines()[1:])
    return sorted(
        line
        for line in own
        if not re.match(r"self|\s*\[/|.*\.(authentication|authorization)\.k8s\.io", line)
    )


def test_a_tenant_has_resources_but_not_their_status(
    installation: Installation, tenant: User
) -> None:
    tenant.kubectl("apply", "--server-side", "-f", "-", text=RUNNER)
    tenant.kubectl("wait", "--for=condition=Ready", "rr/builder", TIMEOUT)
    forged = tenant.try_kubectl(
        *("patch", "rr/builder", "--subresource=status", "--type=merge", "--patch"),
        '{"status": {"state": "Forged"}}',
    )
    assert forged.returncode == 1
    assert "Forbidden" in forged.stderr
    assert tenant.read("rr/builder")["status"]["state"] == "Active"
    tenant.kubectl("delete", "rr/builder")


def test_a_viewer_reads_and_writes_nothing(installation: Installation, tenant: User) -> None:
    tenant.kubectl("apply", "--server-side", "-f", "-", text=RUNNER)
    can = f"--as=system:serviceaccount:{namespace_of(tenant)}:viewer"
    installation.admin.kubectl(
        *("create", "rolebinding", "-n", namespace_of(tenant), "viewer", "--clusterrole=view"),
        f"--serviceaccount={namespace_of(tenant)}:viewer",
    )
    viewer = ("-n", namespace_of(tenant), can)
    assert installation.admin.kubectl("get", "rr/builder", *viewer)
    refused = installation.admin.try_kubectl("delete", "rr/builder", *viewer)
    assert "Forbidden" in refused.stderr


def test_tokens_of_users_need_the_label_of_the_namespace(
    installation: Installation, tenant: User
) -> None:
    tenant.kubectl("apply", "--server-side", "-f", "-", text=USER_TOKEN % "[]")
    await_reason(tenant, "NotGranted")
    installation.admin.kubectl(
        "label", "namespace", namespace_of(tenant), "mintmaster.dev/user-tokens=allowed"
    )
    await_reason(tenant, "Issued")


def test_a_role_is_granted_in_no_namespace_of_tenants(
    installation: Installation, tenant: User
) -> None:
    installation.admin.kubectl(
        "label", "namespace", namespace_of(tenant), "mintmaster.dev/user-tokens=allowed"
    )
    tenant.kubectl("apply", "--server-side", "-f", "-", text=USER_TOKEN % "[Administrator]")
    await_reason(tenant, "NotGranted")


def test_a_token_of_a_user_is_no_matter_for_the_issuer_of_gates(
    installation: Installation, tenant: User
) -> None:
    text = USER_TOKEN % "[]" + "  issuerRef: {name: applications}\n"
    tenant.kubectl("apply", "--server-side", "-f", "-", text=text)
    await_reason(tenant, "SignerMismatch")


def await_reason(user: User, reason: str) -> None:
    path = '{.status.conditions[?(@.type=="Ready")].reason}'
    user.kubectl("wait", "uat/ada", f"--for=jsonpath={path}={reason}", TIMEOUT)


def namespace_of(user: User) -> str:
    return user.kubectl("config", "view", "--minify", "-o", "jsonpath={..namespace}")
