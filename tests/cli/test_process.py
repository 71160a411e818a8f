"""The real command line: as a plugin of kubectl, on a terminal and beside one, and completed by shells."""

from __future__ import annotations

import asyncio
import os
import pty
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import typer
from typer.testing import CliRunner

from mintmaster.cli import main, operator
from mintmaster.cli.printing import duration
from mintmaster.kube import config
from mintmaster.operator.settings import LeaseSettings

if TYPE_CHECKING:
    from cli.person import Person
    from mintmaster.operator.settings import Settings

SCRIPTS = Path(sys.executable).parent
MINT = (str(SCRIPTS / "mintmaster"),)
KUBECTL_MINT = ("kubectl", "mint")


def environment(**changes: str) -> dict[str, str]:
    """The environment, with our scripts on the path and nothing said about colours but what a test says."""
    kept = {
        key: value for key, value in os.environ.items() if key not in {"NO_COLOR", "KUBECONFIG"}
    }
    return kept | {"PATH": f"{SCRIPTS}:{os.environ['PATH']}", "TERM": "xterm-256color"} | changes


async def run(*command: str, text: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a command beside the operator of the test."""
    return await asyncio.to_thread(
        subprocess.run,
        command,
        input=text,
        capture_output=True,
        text=True,
        check=False,
        env=environment(**environ),
        timeout=60,
    )


def on_terminal(*command: str, answer: str = "", **environ: str) -> tuple[int, str]:
    """Run a command on a terminal of its own, and type an answer; exit code and everything shown."""
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        command,
        stdin=follower,
        stdout=follower,
        stderr=follower,
        env=environment(**environ),
        start_new_session=True,
    )
    os.close(follower)
    os.write(leader, answer.encode())
    shown = b""
    try:
        while part := os.read(leader, 65536):
            shown += part
    except OSError:  # how a terminal says that nobody is at its other end any more
        pass
    finally:
        os.close(leader)
    return process.wait(60), shown.decode()


def where(person: Person) -> tuple[str, ...]:
    return ("--kubeconfig", str(person.cluster.kubeconfig), "-n", person.cluster.namespace)


async def test_it_is_a_plugin_of_kubectl(person: Person) -> None:
    await person.cluster.ready_runner("build")

    done = await run(*KUBECTL_MINT, "runner", "list", "-o", "name", *where(person))
    assert (done.returncode, done.stdout) == (0, "runnerregistration.mintmaster.dev/build\n")
    assert "Usage: kubectl mint runner" in (await run(*KUBECTL_MINT, "runner", "--help")).stdout


async def test_exit_codes_reach_the_shell(person: Person) -> None:
    missing = await run(*MINT, "runner", "show", "missing", *where(person))
    assert missing.returncode == 3
    assert missing.stdout == ""
    assert missing.stderr.startswith("error: there is no RunnerRegistration 'missing'")
    assert (await run(*MINT, "runner", "show")).returncode == 2


async def test_a_token_goes_through_pipes_and_is_shown_nowhere(person: Person) -> None:
    await person.cluster.ready_runner("build")
    printed = await run(*MINT, "runner", "show", "build", "--print-token", *where(person))
    token = printed.stdout

    for verb in ("verify", "inspect"):
        done = await run(*MINT, verb, "-", *where(person), text=token)
        assert done.returncode == 0, done.stderr
        assert token.strip() not in done.stdout + done.stderr


async def test_colours_are_for_terminals_that_want_them(person: Person) -> None:
    await person.cluster.ready_runner("build")
    command = (*MINT, "runner", "list", *where(person))

    piped = await run(*command)
    assert "Active" in piped.stdout
    assert "\x1b[" not in piped.stdout
    _, plain = await asyncio.to_thread(on_terminal, *command, NO_COLOR="1")
    assert "Active" in plain
    assert "\x1b[3" not in plain
    _, coloured = await asyncio.to_thread(on_terminal, *command)
    assert "\x1b[32mActive" in coloured


async def test_a_person_at_a_terminal_is_asked_before_a_revocation(person: Person) -> None:
    await person.cluster.ready_runner("build")
    command = (*MINT, "runner", "revoke", "build", *where(person))

    code, shown = await asyncio.to_thread(on_terminal, *command, answer="n\n")
    assert code == 1
    assert "cannot be taken back" in shown
    assert not (await person.cluster.runner("build")).spec.revoked

    code, _ = await asyncio.to_thread(on_terminal, *command, answer="y\n")
    assert code == 0
    assert (await person.cluster.runner("build")).spec.revoked


async def test_yes_needs_no_question(person: Person) -> None:
    await person.cluster.ready_runner("build")

    command = (*MINT, "runner", "delete", "build", "--yes", *where(person))
    code, shown = await asyncio.to_thread(on_terminal, *command)

    assert (code, shown.strip()) == (0, "runnerregistration.mintmaster.dev/build deleted")


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        (["ru"], ["runner"]),
        (["runner", "re"], ["revoke"]),
        (["token", "create", "ada", "--us"], ["--user", "--username"]),
        (["runner", "list", "-o", "j"], ["json"]),
    ],
)
async def test_kubectl_and_shells_are_offered_what_may_come_next(
    typed: list[str], offered: list[str]
) -> None:
    code = "from mintmaster.cli.completion import complete; complete()"
    done = await run(sys.executable, "-c", code, *typed)
    assert done.stdout.splitlines() == [*offered, ":4"]

    words = {"COMP_WORDS": " ".join(["mintmaster", *typed]), "COMP_CWORD": str(len(typed))}
    by_bash = await run(*MINT, _MINTMASTER_COMPLETE="complete_bash", **words)
    assert by_bash.stdout.splitlines() == offered


async def test_names_are_offered_of_what_there_is(person: Person) -> None:
    for name in ("build-linux", "build-mac", "deploy"):
        await person.cluster.create_runner(name)

    async def offered(*typed: str) -> list[str]:
        words = ["mintmaster", *typed[:-1], *where(person), typed[-1]]
        asked = {"COMP_WORDS": " ".join(words), "COMP_CWORD": str(len(words) - 1)}
        return (await run(*MINT, _MINTMASTER_COMPLETE="complete_bash", **asked)).stdout.split()

    assert await offered("runner", "rotate", "build-") == ["build-linux", "build-mac"]
    assert await offered("token", "show", "build-") == []
    issuer = person.cluster.issuer
    assert await offered("issuer", "rotate-key", issuer[:-1]) == [issuer]


async def test_without_a_cluster_no_names_are_offered_and_nothing_is_said(tmp_path: Path) -> None:
    typed = ["mintmaster", "runner", "show", "--kubeconfig", str(tmp_path / "none"), "b"]
    words = {"COMP_WORDS": " ".join(typed), "COMP_CWORD": str(len(typed) - 1)}
    done = await run(*MINT, _MINTMASTER_COMPLETE="complete_bash", **words)
    assert (done.stdout.strip(), done.stderr) == ("", "")


@pytest.mark.parametrize(
    ("length", "written"),
    [
        ({"seconds": 0}, "0s"),
        ({"seconds": 100}, "100s"),
        ({"minutes": 5, "seconds": 12}, "5m12s"),
        ({"minutes": 5}, "5m"),
        ({"minutes": 42, "seconds": 10}, "42m"),
        ({"hours": 5, "minutes": 12}, "5h12m"),
        ({"hours": 33, "minutes": 5}, "33h"),
        ({"days": 3, "hours": 4}, "3d4h"),
        ({"days": 30, "hours": 4}, "30d"),
        ({"days": -3}, "3d"),
    ],
)
def test_lengths_of_time_are_written_as_kubectl_does(
    length: dict[str, float], written: str
) -> None:
    assert duration(timedelta(**length)) == written


# The operator's own options -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shard", "rule"),
    [
        ("0/2", "there is no shard 0 of 2: they are numbered from 1 to 2"),
        ("3/2", "there is no shard 3 of 2: they are numbered from 1 to 2"),
        ("x", "'x' names no shard: write NUMBER/COUNT such as 2/3"),
    ],
)
async def test_a_shard_that_there_cannot_be_is_refused(shard: str, rule: str) -> None:
    asked = await run(*MINT, "operator", "--shard", shard, COLUMNS="200")
    assert asked.returncode == 2
    assert "--shard" in asked.stderr
    assert rule in asked.stderr
    # From a manifest it comes as a variable, and the same is said.
    told = await run(*MINT, "operator", COLUMNS="200", MINTMASTER_SHARD=shard)
    assert (told.returncode, told.stderr) == (2, asked.stderr)


@pytest.mark.parametrize(
    ("length", "rule"), [("9s", "must be 10s or more"), ("soon", "'soon' is not a duration")]
)
async def test_a_lease_that_cannot_be_is_refused(length: str, rule: str) -> None:
    asked = await run(*MINT, "operator", "--lease-duration", length, COLUMNS="200")
    assert asked.returncode == 2
    assert "--lease-duration" in asked.stderr
    assert rule in asked.stderr


@pytest.mark.parametrize(
    ("options", "lease"),
    [
        ((), LeaseSettings()),
        (("--lease-duration", "1m30s"), LeaseSettings(duration=90, renew_deadline=60.0)),
        (("--lease-duration", "10s"), LeaseSettings(duration=10, renew_deadline=20 / 3)),
    ],
)
def test_a_lease_lasts_as_long_as_is_said(
    options: tuple[str, ...], lease: LeaseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Settings] = []

    def process(_: object, settings: Settings, **__: object) -> None:
        made.append(settings)
        raise typer.Exit

    monkeypatch.setattr(operator, "Process", process)
    monkeypatch.setattr(config, "load", lambda *_: None)
    done = CliRunner().invoke(main.app, ["operator", *options])
    assert done.exit_code == 0, done.output
    assert [settings.lease for settings in made] == [lease]
