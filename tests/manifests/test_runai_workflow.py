"""Run:ai's way to API tokens, with nothing but curl and kubectl, on what the manifests install."""

import base64
import json
from collections.abc import Iterator

import pytest

from manifests.installation import TIMEOUT, Installation

THERE = ("-n", "mintmaster-api")

APPLICATION = """
apiVersion: mintmaster.dev/v1alpha1
kind: ClientApplication
metadata: {name: reports, namespace: mintmaster-api}
spec:
  roles: [Researcher]
  projects: ["3"]
"""

REQUEST = (
    "--request POST --header 'Content-Type: application/x-www-form-urlencoded'"
    " --data-urlencode 'grant_type=client_credentials' --data-urlencode 'scope=openid'"
    " --data-urlencode 'response_type=id_token' --data-urlencode 'client_id=reports'"
)


@pytest.fixture(scope="module")
def url(operating: Installation) -> Iterator[str]:
    with operating.gate_running() as gate:
        yield gate.address


@pytest.fixture(scope="module")
def secret(operating: Installation) -> str:
    """The client secret of an application that somebody applied."""
    admin = operating.admin
    admin.kubectl("apply", "-f", "-", text=APPLICATION)
    admin.kubectl("wait", *THERE, "--for=condition=Ready", "capp/reports", TIMEOUT)
    data = admin.read("secret", *THERE, "reports-token")["data"]
    return base64.b64decode(data["client-secret"]).decode()


def curl(installation: Installation, *arguments: str) -> tuple[str, str]:
    """The status and the body, as curl gets them."""
    done = installation.admin.shell(
        'curl --silent --show-error --retry 3 --write-out "\\n%{http_code}" ' + " ".join(arguments)
    )
    assert done.returncode == 0, done.stderr
    body, _, status = done.stdout.rpartition("\n")
    return status, body


@pytest.mark.parametrize("realm", ["applications", "default"])
def test_an_application_obtains_tokens(
    operating: Installation, url: str, secret: str, realm: str
) -> None:
    path = f"{url}/auth/realms/{realm}/protocol/openid-connect/token"

    status, body = curl(operating, REQUEST, f"--data-urlencode 'client_secret={secret}' {path}")

    assert status == "200", body
    said = json.loads(body)
    assert (said["expires_in"], said["token_type"]) == (36000, "bearer")
    for token in (said["access_token"], said["id_token"]):
        rules = f"{url}/api/v1/authorization/me/access-rules"
        bearer = f"--header 'Authorization: Bearer {token}'"
        status, body = curl(operating, bearer, rules)
        assert status == "200", body
        [rule] = json.loads(body)["accessRules"]["accessRules"]
        assert (rule["roleName"], rule["scopeId"]) == ("Researcher", "3")


def test_a_wrong_secret_and_a_realm_that_is_none(operating: Installation, url: str) -> None:
    wrong = "--data-urlencode 'client_secret=wrong'"
    path = "protocol/openid-connect/token"

    assert curl(operating, REQUEST, wrong, f"{url}/auth/realms/applications/{path}") == (
        "401",
        '{"error":"invalid_client","error_description":"Invalid client or Invalid client credentials"}',
    )
    assert curl(operating, REQUEST, wrong, f"{url}/auth/realms/elsewhere/{path}") == (
        "404",
        '{"error":"Realm does not exist"}',
    )


def test_the_administrator_makes_a_service_account(operating: Installation, url: str) -> None:
    """With the token of the installation, at the root, where clients know nothing of issuers."""
    found = operating.admin.read(
        "secret", "-n", "mintmaster-system", "mintmaster-admin-access-token"
    )
    token = base64.b64decode(found["data"]["ADMIN_ACCESS_TOKEN"]).decode()
    bearer = f"--header 'Authorization: Bearer {token}' --header 'Content-Type: application/json'"

    status, body = curl(
        operating, bearer, """--data '{"name":"nightly"}'""", f"{url}/api/v1/service-accounts"
    )

    assert status == "201", body
    made = json.loads(body)
    asked = json.dumps(
        {
            "grantType": "app_token",
            "appID": made["clientId"],
            "appSecret": made["clientSecret"],
        }
    )
    status, body = curl(
        operating,
        f"--header 'Content-Type: application/json' --data '{asked}' {url}/api/v1/token",
    )
    assert (status, set(json.loads(body))) == ("200", {"accessToken", "idToken"})
    assert operating.admin.read("capp", *THERE, "nightly")["status"]["state"] == "Active"
    gone = curl(operating, bearer, f"--request DELETE {url}/api/v1/service-accounts/{made['id']}")
    assert gone == ("204", "")
