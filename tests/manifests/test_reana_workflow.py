"""REANA's way to users' tokens, on what the manifests install: a Secret, commands in a gate's pod, and curl."""

import json
import re
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from manifests.installation import SYSTEM, TIMEOUT, Installation, User
from manifests.patience import until

ADMIN_TOKEN = """
kubectl config view --raw > "$KUBECONFIG.reana"
export KUBECONFIG="$KUBECONFIG.reana"
kubectl config set-context --current --namespace=mintmaster-system >&2
kubectl get secret reana-admin-access-token -o json | jq -r '.data | map_values(@base64d) | .ADMIN_ACCESS_TOKEN'
"""
"""The second line is the manual's, byte for byte; before it somebody chooses the namespace."""

ADA = """
apiVersion: mintmaster.dev/v1alpha1
kind: UserAccessToken
metadata: {name: ada-at-work, namespace: mintmaster-api}
spec:
  user: {email: ada@example.org, username: ada, fullName: Ada L.}
"""
UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"


@dataclass
class Reana:
    """An administrator in a gate's pod, and a gate."""

    installation: Installation
    pod: User
    token: str
    url: str

    def admin(self, command: str) -> str:
        """Run a command as `kubectl exec` does: with the rights of the gate."""
        script = f"{shlex.quote(sys.executable)} -m mintmaster admin {command}"
        done = self.pod.shell(f"{script} --admin-access-token {self.token}")
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def row(self, email: str) -> list[str]:
        """The row of a user in the table."""
        lines = self.admin(f"user-list --email {email}").splitlines()
        assert lines[0].split() == ["ID", "EMAIL", "ACCESS_TOKEN", "ACCESS_TOKEN_STATUS"]
        return lines[1].split()

    def curl(self, arguments: str) -> tuple[str, str]:
        """The status and the body, as curl gets them."""
        done = self.installation.admin.shell(
            f'curl --silent --show-error --write-out "\\n%{{http_code}}" {arguments}'
        )
        assert done.returncode == 0, done.stderr
        body, _, status = done.stdout.rpartition("\n")
        return status, body


@pytest.fixture(scope="module")
def reana(operating: Installation) -> Iterator[Reana]:
    admin = operating.admin
    admin.kubectl("apply", "-f", "examples/reana-admin/token.yaml")
    admin.kubectl("wait", "-n", SYSTEM, "--for=condition=Ready", "uat/reana-admin", TIMEOUT)
    said = admin.shell(ADMIN_TOKEN)
    assert said.returncode == 0, said.stderr
    with operating.gate_running() as gate:
        pod = operating.service_account(SYSTEM, "mintmaster-gate")
        yield Reana(operating, pod, said.stdout.strip(), gate.address)


def test_an_administrator_manages_a_user(reana: Reana) -> None:
    created = reana.admin("user-create --email bob@example.org").splitlines()
    assert created[0] == "User was successfully created."
    own_id, email, token = created[2].split()
    assert email == "bob@example.org"

    you = f"{reana.url}/api/you?access_token={token}"
    until(lambda: reana.curl(f"'{you}'")[0] == "200", "the gate knows the token")
    said = json.loads(reana.curl(f"'{you}'")[1])
    assert (said["id_"], said["email"]) == (own_id, email)
    assert reana.row(email) == [own_id, email, "********", "active"]

    revoked = reana.admin("token-revoke --email bob@example.org")
    assert revoked == "User token ******** (bob@example.org) was successfully revoked.\n"
    until(lambda: reana.curl(f"'{you}'")[0] == "403", "the gate has seen the revocation")
    assert reana.curl(f"'{you}'") == ("403", '{"message":"User access token revoked."}')
    assert reana.row(email)[2:] == ["None", "revoked"]


def test_a_user_asks_on_the_web_and_is_granted_a_token(reana: Reana) -> None:
    admin = reana.installation.admin
    admin.kubectl("apply", "-f", "-", text=ADA)
    there = ("-n", "mintmaster-api")
    admin.kubectl("wait", *there, "--for=condition=Ready", "uat/ada-at-work", TIMEOUT)
    data = admin.kubectl("get", *there, "secret/ada-at-work-token", "-o", "jsonpath={.data.token}")
    bearer = f'--header "Authorization: Bearer $(echo {data} | base64 -d)"'
    until(lambda: reana.curl(f"{bearer} {reana.url}/api/you")[0] == "200", "the gate knows her")

    status, body = reana.curl(f"--request PUT {bearer} {reana.url}/api/token")
    asked = re.fullmatch(
        r'\{"reana_token":\{"status":"requested","requested_at":"\w{3}, .+ GMT"\}\}', body
    )
    assert (status, asked is None) == ("200", False), body
    assert reana.row("ada@example.org")[2:] == ["None", "requested"]

    granted = re.fullmatch(
        rf"Token for user ({UUID}) \(ada@example\.org\) granted\.\n\nToken: (\S+)\n",
        reana.admin("token-grant --email ada@example.org"),
    )
    assert granted is not None
    you = f"'{reana.url}/api/you?access_token={granted[2]}'"
    until(lambda: reana.curl(you)[0] == "200", "the gate knows the token")
    assert json.loads(reana.curl(you)[1])["full_name"] == "Ada L."

    body = """'{"email": "ada@example.org"}'"""
    header = f"--header 'X-Token-Management-Secret: {reana.token}'"
    header += " --header 'Content-Type: application/json'"
    status, _ = reana.curl(f"--request DELETE {header} --data {body} {reana.url}/api/token")
    assert status == "200"
    assert reana.curl(you)[0] == "403"


def test_users_are_exported_and_imported(reana: Reana) -> None:
    file = reana.installation.folder / "users.csv"
    own_id = "aa37d63d-3186-45d5-aa40-5d221cb170bf"
    file.write_text(f'"{own_id}","eve@example.org","Drmhze6EPcv0fN_81Bj-nA","eve","Eve"\n')

    assert reana.admin(f"user-import --file {file}") == "Users successfully imported.\n"

    assert reana.row("eve@example.org") == [own_id, "eve@example.org", "********", "active"]
    exported = reana.admin("user-export")
    assert f'"{own_id}","eve@example.org","********","eve","Eve"\n' in exported
    ping = reana.curl(f"{reana.url}/api/ping")
    assert ping == ("200", '{"message":"OK","status":"200"}')
