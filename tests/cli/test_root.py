"""The root of the command line: version, names, and how errors reach people."""

import subprocess
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
import typer
from typer.testing import CliRunner, Result

from mintmaster import __version__
from mintmaster.cli import main
from mintmaster.cli.exits import Exit, Failure
from mintmaster.kube.errors import (
    Cause,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    Unauthorized,
    Unreachable,
)
from mintmaster.localcluster.errors import ClusterError

KUBECONFIG = """
current-context: a
contexts: [{{name: a, context: {{cluster: a, user: a}}}}]
clusters: [{{name: a, cluster: {{server: "http://127.0.0.1:{port}"}}}}]
users: [{{name: a, user: {{}}}}]
"""


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "mintmaster", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_version() -> None:
    done = run("--version")

    assert (done.returncode, done.stdout) == (0, f"mintmaster {__version__}\n")


def test_help_names_the_groups_without_colours() -> None:
    done = run("--help")

    assert done.returncode == 0
    assert "cluster" in done.stdout
    assert "\x1b[" not in done.stdout


@pytest.mark.parametrize(
    ("called_as", "shown"),
    [
        ("/usr/bin/mintmaster", "mintmaster"),
        ("/usr/bin/kubectl-mint", "kubectl mint"),
        ("/package/mintmaster/__main__.py", "mintmaster"),
    ],
)
def test_the_program_is_named_as_people_typed_it(called_as: str, shown: str) -> None:
    assert main.program_name(called_as) == shown


def failing(error: Exception) -> Result:
    """What becomes of a command that fails with that error."""
    app = typer.Typer(cls=main.Root, add_completion=False, pretty_exceptions_enable=False)

    app.callback()(lambda: None)

    @app.command()
    def fail() -> None:
        raise error

    return CliRunner().invoke(app, ["fail"])


def invalid(*causes: Cause) -> Invalid:
    return Invalid(422, 'Runner "x" is invalid: spec.tags: twice', reason="Invalid", causes=causes)


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (ClusterError("the disk is full"), 1, "error: the disk is full\n"),
        (Failure("there is none", Exit.NOT_FOUND), 3, "error: there is none\n"),
        (Failure("gave up", Exit.NOT_READY), 4, "error: gave up\n"),
    ],
)
def test_a_known_error_is_told_and_has_its_exit_code(
    error: Exception, code: int, text: str
) -> None:
    done = failing(error)

    assert (done.exit_code, done.stderr) == (code, text)


@pytest.mark.parametrize(
    ("error", "code", "advice"),
    [
        (Forbidden(403, "you may not"), 1, "Ask for that right"),
        (
            NotFound(404, 'namespaces "team" not found', reason="NotFound"),
            3,
            "name another with -n",
        ),
        (Unreachable("GET /apis: refused"), 1, "--context"),
        (Unauthorized(401, "Unauthorized"), 1, "credentials"),
        (Conflict(409, "changed"), 1, "look again"),
    ],
)
def test_what_the_api_server_says_is_passed_on_with_what_to_do(
    error: Exception, code: int, advice: str
) -> None:
    done = failing(error)

    said, told = done.stderr.splitlines()
    assert done.exit_code == code
    assert said == f"error: {getattr(error, 'message', error)}"
    assert advice in told


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            NotFound(404, "Not Found"),
            "error: the cluster does not know our resources\nInstall them first: mintmaster install\n",
        ),
        (NotFound(404, 'leases "x" not found', reason="NotFound"), 'error: leases "x" not found\n'),
    ],
)
def test_a_kind_that_nobody_serves_is_told_from_an_object_that_is_not_there(
    error: NotFound, told: str
) -> None:
    done = failing(error)

    assert (done.exit_code, done.stderr) == (3, told)


def test_each_refused_field_has_its_line() -> None:
    unchecked = Cause("<nil>", "some validation rules were not checked")
    done = failing(invalid(Cause("spec.tags", "twice"), Cause("spec.type", "unknown"), unchecked))

    assert done.exit_code == 1
    assert done.stderr.splitlines() == [
        'error: Runner "x" is invalid:',
        "  spec.tags: twice",
        "  spec.type: unknown",
    ]


def test_a_refusal_without_fields_is_told_as_it_is() -> None:
    assert failing(invalid()).stderr == 'error: Runner "x" is invalid: spec.tags: twice\n'


def test_a_defect_keeps_its_traceback() -> None:
    assert isinstance(failing(ZeroDivisionError()).exception, ZeroDivisionError)


def test_what_answers_unlike_an_api_server_is_said_to(tmp_path: Path) -> None:
    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html>")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Page) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        kubeconfig = tmp_path / "kubeconfig"
        kubeconfig.write_text(KUBECONFIG.format(port=server.server_port))
        done = CliRunner().invoke(main.app, ["runner", "list", "--kubeconfig", str(kubeconfig)])
        server.shutdown()

    assert done.exit_code == 1
    assert "does not answer like an API server" in done.stderr


@pytest.mark.parametrize("namespace", ["..", "", "a/b", "A"])
def test_what_cannot_be_a_namespace_is_wrong_usage(tmp_path: Path, namespace: str) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(KUBECONFIG.format(port=1))

    command = ["runner", "list", "-n", namespace, "--kubeconfig", str(kubeconfig)]
    done = CliRunner().invoke(main.app, command)

    assert done.exit_code == 2
    assert "--namespace" in done.stderr
