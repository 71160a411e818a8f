"""Project-W's way to a runner's token, with nothing but curl and kubectl, on what the manifests install."""

import base64
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from manifests.installation import SYSTEM, TIMEOUT, Installation
from manifests.patience import until

API_NAMESPACE = "mintmaster-api"
RUNNER_TOKEN = re.compile(r"^[a-zA-Z0-9_-]+$")
"""What the runner's configuration wants of `runnerToken`, byte for byte."""

ADMINISTRATOR = """
apiVersion: mintmaster.dev/v1alpha1
kind: UserAccessToken
metadata: {name: projectw-admin, namespace: mintmaster-system}
spec:
  user: {email: admin@example.org}
  roles: [Administrator]
"""
USER = """
apiVersion: mintmaster.dev/v1alpha1
kind: UserAccessToken
metadata: {name: projectw-user, namespace: mintmaster-api}
spec:
  user: {email: ada@example.org}
"""
ABOUT = {
    "name": "worker",
    "version": "0.6.0",
    "git_hash": "0" * 40,
    "source_code_url": "https://example.org/src",
    "priority": 1,
}


@dataclass(frozen=True)
class ProjectW:
    """Somebody with curl, and where Project-W would be."""

    installation: Installation
    url: str

    def curl(self, *arguments: str) -> tuple[str, str]:
        """The status and the body, as curl gets them."""
        done = self.installation.admin.shell(
            'curl --silent --show-error --write-out "\\n%{http_code}" ' + " ".join(arguments)
        )
        assert done.returncode == 0, done.stderr
        body, _, status = done.stdout.rpartition("\n")
        return status, body

    def login(self, email: str, password: str) -> tuple[str, str]:
        form = f"--form 'email={email}' --form 'password={password}'"
        return self.curl("--request POST", form, f"{self.url}/api/users/login")

    def applied(self, manifest: str, namespace: str, name: str, email: str) -> str:
        """The access token of a user, which the gate knows."""
        admin = self.installation.admin
        admin.kubectl("apply", "-f", "-", text=manifest)
        there = ("-n", namespace)
        admin.kubectl("wait", *there, "--for=condition=Ready", f"uat/{name}", TIMEOUT)
        data = admin.read("secret", *there, f"{name}-token")["data"]
        token = base64.b64decode(data["token"]).decode()
        until(lambda: self.login(email, token)[0] == "200", "the gate knows the token")
        return token

    def create(self, token: str) -> tuple[str, str]:
        bearer = f"--header 'Authorization: Bearer {token}'"
        return self.curl("--request GET", bearer, f"{self.url}/api/runners/create")

    def runner(self, what: str, token: str) -> tuple[str, str]:
        bearer = f"--header 'Authorization: Bearer {token}'"
        return self.curl("--request POST", bearer, f"{self.url}/api/runners/{what}")


@pytest.fixture(scope="module")
def site(operating: Installation) -> Iterator[ProjectW]:
    with operating.gate_running() as gate:
        yield ProjectW(operating, gate.address)


@pytest.fixture(scope="module")
def administrator(site: ProjectW) -> str:
    """The access token of somebody who was made an administrator."""
    return site.applied(ADMINISTRATOR, SYSTEM, "projectw-admin", "admin@example.org")


def test_an_administrator_logs_in_and_creates_a_runner(site: ProjectW, administrator: str) -> None:
    status, body = site.login("admin@example.org", administrator)
    assert (status, list(json.loads(body))) == ("200", ["msg", "accessToken"])
    assert json.loads(body)["msg"] == "Login successful"

    status, body = site.create(json.loads(body)["accessToken"])

    assert status == "200"
    made = re.fullmatch(r'\{"runnerToken":"([^"]*)"\}', body)
    assert made is not None, body
    token = made[1]
    assert RUNNER_TOKEN.match(token)
    admin = site.installation.admin
    runners = admin.read("rr", "-n", API_NAMESPACE)["items"]
    [runner] = [it for it in runners if it["spec"]["description"] == "A Project-W runner."]
    assert (runner["spec"]["type"], runner["status"]["state"]) == ("Instance", "Active")
    assert token not in json.dumps(runner)

    said = {"msg": "Runner successfully registered!", "runnerID": runner["status"]["id"]}
    status, body = site.runner("register", token)
    assert (status, json.loads(body)) == ("200", said)
    assert site.runner("heartbeat", token) == ("200", '{"ack":true}')
    unregistered = '{"msg":"Runner successfully unregistered!"}'
    assert site.runner("unregister", token) == ("200", unregistered)

    admin.kubectl("delete", "runnerregistration", "-n", API_NAMESPACE, runner["metadata"]["name"])
    gone = ("400", '{"error":"No runner with that token exists!"}')
    until(lambda: site.runner("register", token) == gone, "the gate has seen the deletion")


def test_a_leaked_token_is_revoked_in_the_spec(site: ProjectW, administrator: str) -> None:
    """With the requests of version 0.6, whose administrators come with the cookie of their login."""
    form = "--data 'grant_type=password&username=admin@example.org&scope=admin'"
    jar = site.installation.folder / "cookies"
    status, body = site.curl(
        f"--cookie-jar {jar}",
        f"{form} --data-urlencode 'password={administrator}'",
        f"{site.url}/api/local-account/login",
    )
    assert (status, body) == ("200", '"Success. Returning your login token as a cookie"')
    # The cookie is for TLS alone, which is not spoken on loopback.
    cookie = f"--header 'Cookie: token={administrator}'"
    assert administrator in jar.read_text()
    status, body = site.curl(f"--request POST {cookie} {site.url}/api/admins/create_runner")
    made = json.loads(body)
    assert (status, sorted(made)) == ("200", ["id", "token"])
    admin = site.installation.admin
    runners = admin.read("rr", "-n", API_NAMESPACE)["items"]
    [name] = [it["metadata"]["name"] for it in runners if it["status"]["id"] == made["id"]]

    about = f"--header 'Content-Type: application/json' --data '{json.dumps(ABOUT)}'"
    bearer = f"--header 'Authorization: Bearer {made['token']}'"
    register = (about, bearer, f"{site.url}/api/runners/register")
    status, body = site.curl(*register)
    session = json.loads(body)["session_token"]
    assert (status, json.loads(body)["id"]) == ("200", made["id"])
    beat = f"--request POST {bearer} '{site.url}/api/runners/heartbeat?session_token={session}'"
    assert site.curl(beat) == ("200", '{"abort":false,"job_assigned":false}')

    revoked = '{"spec":{"revoked":true}}'
    admin.kubectl("patch", "rr", "-n", API_NAMESPACE, name, "--type=merge", "-p", revoked)

    refused = ("401", '{"detail":"No runner with that token exists!"}')
    until(lambda: site.curl(beat) == refused, "the gate has seen the revocation")
    assert site.curl(*register) == refused


def test_anything_else_is_no_password_and_users_create_no_runners(site: ProjectW) -> None:
    incorrect = '{"msg":"Incorrect credentials provided","errorType":"auth"}'
    token = site.applied(USER, API_NAMESPACE, "projectw-user", "ada@example.org")

    assert site.login("ada@example.org", "hunter2") == ("400", incorrect)
    assert site.login("admin@example.org", token) == ("400", incorrect)
    refused = '{"msg":"Only admins may create runner tokens."}'
    assert site.create(token) == ("403", refused)
