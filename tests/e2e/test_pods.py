"""The operator and gates in pods, as the manifests say, on a node that enforces what those promise."""

import base64
import json

from e2e.installation import GATE, OPERATOR, SYSTEM, Site


def test_two_operators_and_two_gates_run_and_none_was_restarted(site: Site) -> None:
    assert (len(site.pods("operator")), len(site.pods("gate"))) == (2, 2)
    for name in site.pods("operator") + site.pods("gate"):
        (status,) = site.admin.read("pod", "-n", SYSTEM, name)["status"]["containerStatuses"]
        assert (status["ready"], status["restartCount"]) == (True, 0), name


def test_a_container_is_not_root_and_cannot_write_its_files(site: Site) -> None:
    script = "import os, pathlib; print(os.getuid()); pathlib.Path('/opt/x').touch()"

    done = site.admin.try_kubectl(*_in_pod(OPERATOR, "python3", "-c", script))

    assert done.stdout.strip() == "65532"
    assert "Read-only file system" in done.stderr


def test_an_administrator_uses_the_command_line_within_a_pod(site: Site) -> None:
    version = site.admin.kubectl(*_in_pod(OPERATOR, "mintmaster", "--version"))

    assert version == site.admin.kubectl(*_in_pod(GATE, "kubectl-mint", "--version"))
    assert "veteran" in site.admin.kubectl(
        *_in_pod(OPERATOR, "mintmaster", "runner", "list", "--all-namespaces")
    )


def test_an_administrator_lists_users_as_with_reana(site: Site) -> None:
    secret = site.admin.read("secret", "-n", SYSTEM, "mintmaster-admin-access-token")
    token = base64.b64decode(secret["data"]["ADMIN_ACCESS_TOKEN"]).decode()
    listing = ("mintmaster", "admin", "user-list", "--json", "--admin-access-token", token)

    users = json.loads(site.admin.kubectl(*_in_pod(OPERATOR, *listing)))

    assert [user["email"] for user in users] == ["admin@cluster.local"]


def _in_pod(deployment: str, *command: str) -> tuple[str, ...]:
    return ("exec", "-n", SYSTEM, f"deployment/{deployment}", "--", *command)
