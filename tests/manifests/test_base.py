"""An installation on a real API server: the operator gets along with its rights, and tenants with theirs."""

import pytest

from manifests.installation import OVERLAY, TIMEOUT, Installation, User

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


def test_a_second_apply_changes_nothing(operating: Installation) -> None:
    difference = operating.admin.try_kubectl("diff", "--server-side", "-k", OVERLAY)
    assert (difference.returncode, difference.stdout) == (0, "")


def test_the_admin_token_is_in_its_secret(operating: Installation) -> None:
    admin = operating.admin
    admin.kubectl(
        "wait", "--for=condition=Ready", "-n", "mintmaster-system", "uat/mintmaster-admin", TIMEOUT
    )
    secret = admin.read("secret", "-n", "mintmaster-system", "mintmaster-admin-access-token")
    assert set(secret["data"]) == {"ADMIN_ACCESS_TOKEN"}
    status = admin.read("uat", "-n", "mintmaster-system", "mintmaster-admin")["status"]
    rights = status["tokens"][0]["rights"]
    assert (rights["roles"], rights["projects"]) == (["Administrator"], ["*"])
    assert "users" in rights["scopes"]


@pytest.fixture
def granter(operating: Installation, tenant: User) -> User:
    """A tenant who may give all rights, so that it is the issuer's grants that decide."""
    operating.bind_everywhere(tenant, "mintmaster-granter")
    return tenant


def test_a_tenant_has_resources_but_not_their_status(operating: Installation, tenant: User) -> None:
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


def test_a_viewer_reads_and_writes_nothing(operating: Installation, tenant: User) -> None:
    tenant.kubectl("apply", "--server-side", "-f", "-", text=RUNNER)
    can = f"--as=system:serviceaccount:{namespace_of(tenant)}:viewer"
    operating.admin.kubectl(
        *("create", "rolebinding", "-n", namespace_of(tenant), "viewer", "--clusterrole=view"),
        f"--serviceaccount={namespace_of(tenant)}:viewer",
    )
    viewer = ("-n", namespace_of(tenant), can)
    assert operating.admin.kubectl("get", "rr/builder", *viewer)
    refused = operating.admin.try_kubectl("delete", "rr/builder", *viewer)
    assert "Forbidden" in refused.stderr


def test_tokens_of_users_need_the_label_of_the_namespace(
    operating: Installation, granter: User
) -> None:
    granter.kubectl("apply", "--server-side", "-f", "-", text=USER_TOKEN % "[]")
    await_reason(granter, "NotGranted")
    operating.admin.kubectl(
        "label", "namespace", namespace_of(granter), "mintmaster.dev/user-tokens=allowed"
    )
    await_reason(granter, "Issued")


def test_a_role_is_granted_in_no_namespace_of_tenants(
    operating: Installation, granter: User
) -> None:
    operating.admin.kubectl(
        "label", "namespace", namespace_of(granter), "mintmaster.dev/user-tokens=allowed"
    )
    granter.kubectl("apply", "--server-side", "-f", "-", text=USER_TOKEN % "[Administrator]")
    await_reason(granter, "NotGranted")


def test_a_token_of_a_user_is_no_matter_for_the_issuer_of_gates(
    operating: Installation, granter: User
) -> None:
    text = USER_TOKEN % "[]" + "  issuerRef: {name: applications}\n"
    granter.kubectl("apply", "--server-side", "-f", "-", text=text)
    await_reason(granter, "SignerMismatch")


def await_reason(user: User, reason: str) -> None:
    path = '{.status.conditions[?(@.type=="Ready")].reason}'
    user.kubectl("wait", "uat/ada", f"--for=jsonpath={path}={reason}", TIMEOUT)


def namespace_of(user: User) -> str:
    return user.kubectl("config", "view", "--minify", "-o", "jsonpath={..namespace}")
