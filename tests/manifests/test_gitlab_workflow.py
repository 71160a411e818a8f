"""GitLab's way to a runner, with nothing but curl and kubectl, on what the manifests install."""

import base64
import json
import re
import secrets
from collections.abc import Iterator

import pytest

from manifests.installation import TIMEOUT, Installation
from manifests.patience import until

API_NAMESPACE = "mintmaster-api"

OWNER = """
apiVersion: mintmaster.dev/v1alpha1
kind: UserAccessToken
metadata: {{name: {name}, namespace: mintmaster-api}}
spec:
  user: {{email: bot@example.org}}
  scopes: [{scope}]
  projects: ["3"]
"""

RUNNER = '{"runner_type":"project_type","project_id":"%s","description":"bot-runner","tag-list":"shell,gdk"}'

MADE = re.compile(r'\{"id":([1-9][0-9]*),"token":"(glrt-[A-Za-z0-9_]+)","token_expires_at":null\}')

INSUFFICIENT_SCOPE = (
    '{"error":"insufficient_scope","error_description":"The request requires higher privileges than provided by the'
    ' access token.","scope":"create_runner api read_api"}'
)


@pytest.fixture(scope="module")
def url(operating: Installation) -> Iterator[str]:
    with operating.gate_running() as gate:
        yield f"{gate.address}/api/v4"


def curl(installation: Installation, *arguments: str) -> tuple[str, str]:
    """The status and the body, as curl gets them."""
    done = installation.admin.shell(
        'curl --silent --show-error --write-out "\\n%{http_code}" ' + " ".join(arguments)
    )
    assert done.returncode == 0, done.stderr
    body, _, status = done.stdout.rpartition("\n")
    return status, body


def token_with(installation: Installation, url: str, scope: str) -> str:
    """A token for project 3, as its owner reads it from the Secret; the gate knows it."""
    name = f"owner-{secrets.token_hex(4)}"
    admin = installation.admin
    admin.kubectl("apply", "-f", "-", text=OWNER.format(name=name, scope=scope))
    there = ("-n", API_NAMESPACE)
    admin.kubectl("wait", *there, "--for=condition=Ready", f"uat/{name}", TIMEOUT)
    data = admin.read("secret", *there, f"{name}-token")["data"]
    token = base64.b64decode(data["token"]).decode()
    seen = f"{url}/personal_access_tokens/self", f"--header 'private-token: {token}'"
    until(lambda: curl(installation, *seen)[0] == "200", "the gate knows the token")
    return token


def create(installation: Installation, url: str, token: str, project: str) -> tuple[str, str]:
    return curl(
        installation,
        f"--request POST {url}/user/runners",
        f"--header 'private-token: {token}' --header 'content-type: application/json'",
        f"--data '{RUNNER % project}'",
    )


@pytest.mark.parametrize("scope", ["create_runner", "api"])
def test_a_runner_is_created_verified_and_deleted(
    operating: Installation, url: str, scope: str
) -> None:
    admin, owner = operating.admin, token_with(operating, url, scope)
    status, body = create(operating, url, owner, "3")
    assert status == "201"
    made = MADE.fullmatch(body)
    assert made is not None, body
    number, token = made.groups()

    runners = admin.read("rr", "-n", API_NAMESPACE)["items"]
    [runner] = [it for it in runners if it["status"]["id"] == int(number)]
    assert runner["spec"]["description"] == "bot-runner"
    assert "tags" not in runner["spec"]  # `tag-list` is none of GitLab's parameters
    assert runner["status"]["state"] == "Active"

    verify = f"--request POST {url}/runners/verify --form token={token}"
    assert curl(operating, verify) == ("200", body)
    assert curl(operating, f"--request POST {url}/jobs/request --data token={token}") == ("204", "")
    admin.kubectl("delete", "rr", "-n", API_NAMESPACE, runner["metadata"]["name"])
    until(lambda: curl(operating, verify)[0] == "403", "the gate has seen the deletion")
    assert curl(operating, verify) == ("403", '{"message":"403 Forbidden"}')


def test_a_token_that_may_only_read_is_told_so(operating: Installation, url: str) -> None:
    reader = token_with(operating, url, "read_api")
    assert create(operating, url, reader, "3") == ("403", INSUFFICIENT_SCOPE)


def test_another_project_is_out_of_reach(operating: Installation, url: str) -> None:
    owner = token_with(operating, url, "api")
    refused = '{"message":"403 Forbidden - Insufficient permissions"}'
    assert create(operating, url, owner, "4") == ("403", refused)


def test_the_token_of_the_installation_administers(operating: Installation, url: str) -> None:
    secret = operating.admin.read(
        "secret", "-n", "mintmaster-system", "mintmaster-admin-access-token"
    )
    token = base64.b64decode(secret["data"]["ADMIN_ACCESS_TOKEN"]).decode()
    shown = f"--header 'private-token: {token}'"
    status, body = curl(
        operating,
        f"--request POST {url}/user/runners {shown} --data runner_type=instance_type",
    )
    assert (status, "glrt-t1_" in body) == ("201", True)
    number = json.loads(body)["id"]
    assert curl(operating, f"--request DELETE {url}/runners/{number} {shown}") == ("204", "")
    reader = token_with(operating, url, "read_user")
    user = json.loads(curl(operating, f"{url}/user --header 'private-token: {reader}'")[1])["id"]
    status, body = curl(
        operating,
        f"--request POST {url}/users/{user}/personal_access_tokens {shown}",
        "--data name=robot --data 'scopes[]=api' --data 'scopes[]=read_api'",
    )
    assert (status, json.loads(body)["scopes"]) == ("201", ["api", "read_api"])
