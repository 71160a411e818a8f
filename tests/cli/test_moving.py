"""`mintmaster export` and `import`: what was asked for moves to another place, and an interrupted import goes on."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from cli.person import typed
from mintmaster.api.kinds import RUNNER_REGISTRATION, USER_ACCESS_TOKEN
from mintmaster.api.names import API_VERSION
from mintmaster.cli import documents
from mintmaster.cli.exits import Failure
from mintmaster.kube.paths import collection_path
from mintmaster.tokens import opaque
from mintmaster.tokens.digests import digest
from reconcile.builders import runner
from reconcile.reading import is_ready

if TYPE_CHECKING:
    from pathlib import Path

    from cli.person import Person

HELD = {"delivery": "Caller", "token": {"format": "Opaque"}}
IN_A_CLUSTER = ("status", "uid:", "resourceVersion", "creationTimestamp", "generation")


async def exported(person: Person, *options: str) -> list[Any]:
    """What is exported of the test's namespace, as JSON."""
    listed: list[Any] = (await person.reads("export", *options))["items"]
    return listed


async def emptied(person: Person) -> None:
    """Delete everything in the test's namespace, as if it were another cluster."""
    for kind in (RUNNER_REGISTRATION, USER_ACCESS_TOKEN):
        await person.cluster.kubectl("delete", kind.plural, "--all", "--wait=true")


async def test_a_field_that_does_not_exist_is_refused_by_name(
    person: Person, tmp_path: Path
) -> None:
    file = tmp_path / "runners.json"
    misspelt = runner("build", tagz=["linux"])
    file.write_text(json.dumps(misspelt), encoding="utf-8")

    said = await person.fails(1, "import", str(file))

    assert "1 refused" in said
    assert "tagz" in said


def test_yaml_that_is_none_is_told_by_its_line(tmp_path: Path) -> None:
    file = tmp_path / "broken.yaml"
    file.write_text("kind: [\n", encoding="utf-8")

    with pytest.raises(Failure, match=r"broken\.yaml: neither YAML nor JSON: line 2, column 1: "):
        documents.read(str(file))


async def test_what_is_exported_is_what_was_asked_for(person: Person) -> None:
    await person.cluster.ready_runner("build", tags=["linux"], token={"lifetime": "2h"})
    await person.cluster.ready_user("ada", scopes=["read_api"])
    token = (await person.cluster.secret_data("build-token"))["token"]

    text = await person.does("export")

    assert not [word for word in IN_A_CLUSTER if word in text]
    assert token not in text
    both = list(yaml.safe_load_all(text))
    assert [it["kind"] for it in both] == ["RunnerRegistration", "UserAccessToken"]
    assert both[0]["spec"]["tags"] == ["linux"]
    assert both[0]["spec"]["token"]["lifetime"] == "2h"
    assert [it["metadata"]["name"] for it in await exported(person, "--kind", "token")] == ["ada"]


async def test_issuers_come_first_where_everything_is_exported(person: Person) -> None:
    await person.cluster.ready_runner("build")

    kinds = [it["kind"] for it in await exported(person, "-A")]

    assert kinds[0] == "TokenIssuer"
    assert "TokenIssuer" not in kinds[kinds.index("RunnerRegistration") :]


async def test_nothing_to_export_is_an_empty_list(person: Person) -> None:
    assert await exported(person, "-l", "no=such") == []
    assert "manifests are yaml or json" in await person.fails(2, "export", "-o", "wide")


async def test_what_was_exported_is_imported_and_gets_tokens_of_its_own(
    person: Person, tmp_path: Path
) -> None:
    await person.cluster.ready_runner("build", tags=["linux"])
    before = (await person.cluster.secret_data("build-token"))["token"]
    file = tmp_path / "all.yaml"
    file.write_text(await person.does("export"), encoding="utf-8")
    await emptied(person)

    assert await person.does("import", str(file), "--wait") == (
        "1 created, 0 changed, 0 unchanged\n"
    )

    assert (await person.cluster.runner("build")).spec.tags == ("linux",)
    assert (await person.cluster.secret_data("build-token"))["token"] != before
    again = await person.does("import", str(file), "--wait")
    assert again == "0 created, 0 changed, 1 unchanged\n"


async def test_what_a_caller_holds_goes_on_being_good(person: Person, tmp_path: Path) -> None:
    """Who asked is told on; the token that they showed belongs to the cluster that was left."""
    token = opaque.mint("glrt-")
    asked = {"subject": "user:ada@team.example", "uid": "of-another-cluster", "jti": "x"}
    held = {"delivery": "Caller", "requestedBy": asked}
    held["token"] = {"format": "Opaque", "prefix": "glrt-", "valueDigest": digest(token)}
    body = runner("held")
    body["spec"] |= held | {"issuerRef": {"name": person.cluster.issuer}}
    file = tmp_path / "held.json"
    file.write_text(json.dumps(body), encoding="utf-8")

    await person.does("import", str(file), "--wait")

    made = await person.cluster.runner("held")
    assert [it.digest for it in made.status.tokens] == [digest(token)]
    assert made.spec.requested_by is not None
    assert (made.spec.requested_by.subject, made.spec.requested_by.uid) == (asked["subject"], "")


async def test_what_is_there_and_differs_is_left_unless_told_otherwise(
    person: Person, tmp_path: Path
) -> None:
    await person.cluster.ready_runner("build", tags=["linux"])
    body = (await exported(person))[0]
    body["spec"]["tags"] = ["windows"]
    file = tmp_path / "one.json"
    file.write_text(json.dumps(body), encoding="utf-8")

    said = await person.fails(1, "import", str(file))
    assert "1 left as they are" in said
    assert "runnerregistration.mintmaster.dev/build" in said
    assert (await person.cluster.runner("build")).spec.tags == ("linux",)

    assert "0 created, 1 changed" in await person.does("import", str(file), "--overwrite")
    assert (await person.cluster.runner("build")).spec.tags == ("windows",)


async def test_lists_of_kubectl_are_imported_too(person: Person) -> None:
    await person.cluster.ready_runner("build")
    listed = await person.cluster.kubectl("get", "minted", "-o", "yaml")
    await emptied(person)

    assert "1 created" in await person.does("import", "-", text=listed)

    await person.cluster.runner_where(is_ready, "build")


async def test_what_is_refused_is_told_and_the_rest_is_done(person: Person) -> None:
    bad = runner("bad", tags=["a", "a"])
    text = yaml.safe_dump_all([bad, runner("good")])

    said = await person.fails(1, "import", "-", text=text)

    assert "1 created" in said
    assert "1 refused:" in said
    assert "spec.tags" in said
    await person.cluster.runner("good")


async def test_a_namespace_that_is_not_there_is_said_to_be_none(person: Person) -> None:
    body = runner("build")
    body["metadata"]["namespace"] = "nowhere"

    said = await person.fails(1, "import", "-", text=json.dumps(body))

    assert 'namespaces "nowhere" not found' in said


async def test_what_gets_no_token_is_told_by_whoever_waits(person: Person) -> None:
    body = runner("build", scopes=["unknown"])
    body["spec"]["issuerRef"] = {"name": person.cluster.issuer}

    said = await person.fails(4, "import", "-", "--wait", text=json.dumps(body))

    assert "build" in said
    assert "ScopeUnknown" in said


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{", "neither YAML nor JSON"),
        ("kind: Pod\napiVersion: v1\n", "there is no resource of mintmaster.dev/v1alpha1"),
        (
            "apiVersion: mintmaster.dev/v1alpha1\nkind: Robot\n",
            "'Robot' is not one of our kinds",
        ),
        (
            "apiVersion: mintmaster.dev/v1alpha1\nkind: RunnerRegistration\nmetadata: {name: 7}\n",
            "metadata.name",
        ),
        (
            yaml.safe_dump_all([runner("good"), runner("bad") | {"spec": {"type": ["x"]}}]),
            "'bad': spec.type",
        ),
        (yaml.safe_dump_all([runner("twice"), runner("twice")]), "stands there more than once"),
    ],
)
async def test_nothing_is_written_unless_the_whole_file_can_be_read(
    person: Person, text: str, fault: str
) -> None:
    said = await person.fails(1, "import", "-", text=text)

    assert fault in said
    assert await exported(person) == []


def test_a_file_that_is_not_there_is_named() -> None:
    done = typed("import", "/does/not/exist", "--kubeconfig", "/dev/null")

    assert done.exit_code == 1


async def test_an_interrupted_import_says_how_far_it_came_and_goes_on(
    person: Person, tmp_path: Path
) -> None:
    """By a signal, in a process of its own, as somebody who presses Ctrl-C does it."""
    bodies = [runner(f"r{number:03}") for number in range(400)]
    file = tmp_path / "many.json"
    file.write_text(json.dumps({"kind": "List", "items": bodies}), encoding="utf-8")
    where = ("--kubeconfig", str(person.cluster.kubeconfig), "-n", person.cluster.namespace)
    command = [sys.executable, "-m", "mintmaster", "import", str(file), *where]
    process = await asyncio.to_thread(
        subprocess.Popen, command, stderr=subprocess.PIPE, text=True, env=dict(os.environ)
    )

    async def made() -> int:
        return len(await exported(person))

    # Asked of the API server, since a command that exports takes as long as the import has left.
    first = collection_path(API_VERSION, RUNNER_REGISTRATION.plural, person.cluster.namespace)
    await person.cluster.until(lambda: person.cluster.get(first), lambda found: found["items"])
    process.send_signal(signal.SIGINT)
    _, said = await asyncio.to_thread(process.communicate, timeout=60)

    assert process.returncode != 0
    assert "resources are done: run it again to go on" in said
    told = await person.does("import", str(file))
    assert "400" not in said.split()[1:2]
    assert await made() == 400
    created, unchanged = int(told.split()[0]), int(told.split()[4])
    assert (created + unchanged, created > 0, unchanged > 0) == (400, True, True)


def test_the_portable_form_is_the_same_the_second_time() -> None:
    body: Any = runner("build")
    body["metadata"] |= {"uid": "x", "labels": {}, "annotations": {"mintmaster.dev/rotate": "1"}}
    once = documents.portable(body | {"status": {"uid": "x"}})

    assert documents.portable(once) == once
    assert once["metadata"] == {"name": "build"}
