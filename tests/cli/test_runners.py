"""`mintmaster runner`: what it does is what kubectl shows, and the other way round."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
import yaml

from mintmaster.api.kinds import RUNNER_REGISTRATION
from mintmaster.cli import session
from mintmaster.kube import config
from mintmaster.tokens import opaque
from mintmaster.tokens.digests import digest
from reconcile.reading import condition, is_ready, is_settled, is_unready

if TYPE_CHECKING:
    from cli.person import Person
    from reconcile.harness import Running


async def test_a_runner_is_created_and_waited_for(person: Person) -> None:
    said = await person.does(
        *("runner", "create", "build", "--type", "project", "--project", "3", "--tag", "linux"),
        *("--tag", "docker", "--lifetime", "24h", "--token-key", "TOKEN", *person.issuer, "--wait"),
    )

    assert said == "runnerregistration.mintmaster.dev/build created and ready\n"
    created = await person.cluster.runner("build")
    assert is_ready(created)
    assert (created.spec.type, created.spec.project) == ("Project", "3")
    assert created.spec.tags == ("linux", "docker")
    assert created.spec.token.lifetime == "24h"
    assert list(await person.cluster.secret_data("build-token")) == ["TOKEN"]


async def test_an_interruption_says_what_was_waited_for(
    person: Person, capsys: pytest.CaptureFixture[str]
) -> None:
    await person.cluster.create_runner("build", suspend=True)
    connection = config.load(str(person.cluster.kubeconfig), None)
    looked = asyncio.Event()
    async with session.opened(connection, person.cluster.namespace) as opened:
        waiting = asyncio.create_task(
            opened.until(
                RUNNER_REGISTRATION,
                "build",
                lambda _: looked.set(),
                what="the runner is ready",
                patience=timedelta(minutes=5),
            )
        )
        await looked.wait()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    assert capsys.readouterr().err == "interrupted while waiting until the runner is ready\n"


async def test_a_secret_that_is_not_there_is_said_not_to_be(person: Person) -> None:
    await person.cluster.create_runner("build", scopes=["fly"])
    await person.cluster.runner_where(is_unready("ScopeUnknown"), "build")

    assert "build-token (not there)" in await person.does("runner", "show", "build")


async def test_what_was_not_said_is_left_to_the_api_server(person: Person) -> None:
    manifest = yaml.safe_load(await person.does("runner", "create", "build", "--manifest"))

    assert manifest["spec"] == {"type": "Instance"}
    assert manifest["metadata"] == {"name": "build", "namespace": person.cluster.namespace}
    assert "No runners" in (await person.tries("runner", "list")).stderr


@pytest.mark.parametrize(
    ("options", "spec"),
    [
        ((), {"type": "Instance"}),
        (("--project", "3"), {"type": "Project", "project": "3"}),
        (("--group", "team"), {"type": "Group", "group": "team"}),
    ],
)
async def test_a_project_or_a_group_says_of_which_type_a_runner_is(
    person: Person, options: tuple[str, ...], spec: dict[str, str]
) -> None:
    said = await person.does("runner", "create", "build", *options, "--manifest")

    assert yaml.safe_load(said)["spec"] == spec


async def test_a_manifest_is_what_kubectl_applies(person: Person) -> None:
    manifest = await person.does(
        "runner", "create", "n", "--tag", "y", *person.issuer, "--manifest"
    )

    path = person.cluster.kubeconfig.parent / "manifest.yaml"
    path.write_text(manifest)
    await person.cluster.kubectl("apply", "--server-side", "-f", str(path))
    assert (await person.cluster.runner_where(is_ready, "n")).spec.tags == ("y",)


async def test_a_list_shows_what_kubectl_shows(person: Person) -> None:
    await person.cluster.ready_runner("one")
    await person.cluster.ready_runner("two")

    for options in ((), ("-o", "wide")):
        shown = await person.does("runner", "list", *options)
        from_kubectl = await person.cluster.kubectl("get", "rr", *options)
        # The last columns may differ by the second that has passed.
        assert [line.split()[:6] for line in shown.splitlines()] == [
            line.split()[:6] for line in from_kubectl.splitlines()
        ]


async def test_a_list_can_be_narrowed_and_widened(person: Person) -> None:
    await person.cluster.ready_runner("good")
    await person.cluster.create_runner("bad", scopes=["unknown"])
    await person.cluster.runner_where(is_unready("ScopeUnknown"), "bad")

    assert await person.does("runner", "list", "--state", "failed", "-o", "name") == (
        "runnerregistration.mintmaster.dev/bad\n"
    )
    assert (await person.tries("runner", "list", "-l", "no=such")).stderr.startswith("No runners")
    everywhere = await person.does("runner", "list", "-A")
    assert everywhere.splitlines()[0].split()[:2] == ["NAMESPACE", "NAME"]
    assert f"{person.cluster.namespace}   good" in everywhere


async def test_all_forms_of_output_name_the_same(person: Person) -> None:
    await person.cluster.ready_runner("build")

    in_json = await person.reads("runner", "list")
    in_yaml = yaml.safe_load(await person.does("runner", "list", "-o", "yaml"))
    assert in_json == in_yaml
    assert [item["metadata"]["name"] for item in in_json["items"]] == ["build"]
    assert in_json["items"][0]["kind"] == RUNNER_REGISTRATION.kind
    one = await person.reads("runner", "show", "build")
    assert "managedFields" not in one["metadata"]
    assert one["status"]["state"] == "Active"


async def test_show_says_what_matters_and_never_the_token(person: Person) -> None:
    await person.cluster.ready_runner("build", tags=["linux"])
    token = (await person.cluster.secret_data("build-token"))["token"]

    shown = await person.does("runner", "show", "build")
    for expected in ("State:", "Active", "True (Issued)", "linux", "build-token", "revision 1"):
        assert expected in shown
    assert token not in shown
    assert await person.does("runner", "show", "build", "--print-token") == f"{token}\n"


async def test_a_rotation_is_asked_for_and_waited_for(person: Person) -> None:
    await person.cluster.ready_runner("build")
    before = await person.cluster.secret_data("build-token")

    await person.does("runner", "rotate", "build", "--wait")

    rotated = await person.cluster.runner("build")
    assert condition(rotated, "Ready") == ("True", "Rotated")
    assert rotated.status.revision == 2
    assert await person.cluster.secret_data("build-token") != before


async def test_a_revocation_is_for_good(person: Person) -> None:
    await person.cluster.ready_runner("build")

    await person.does("runner", "revoke", "build", "--wait")

    assert condition(await person.cluster.runner("build"), "Revoked") == ("True", "Revoked")
    await person.cluster.secret_gone("build-token")
    assert "revoked" in await person.fails(1, "runner", "rotate", "build")


async def test_a_deletion_takes_the_secret_along(person: Person) -> None:
    await person.cluster.ready_runner("build")

    await person.does("runner", "delete", "build", "--wait")

    await person.fails(3, "runner", "show", "build")
    await person.cluster.secret_gone("build-token")


async def test_a_caller_gets_the_token_once_and_only_its_digest_is_kept(person: Person) -> None:
    done = await person.tries(
        *("runner", "create", "build", "--delivery", "caller", "--prefix", "glrt-", *person.issuer)
    )

    assert done.exit_code == 0, done.output
    token = done.stdout.strip()
    assert opaque.checks_out(token, "glrt-")
    assert token not in done.stderr
    created = await person.cluster.runner("build")
    assert [record.digest for record in created.status.tokens] == [digest(token)]
    assert await person.cluster.secret("build-token") is None
    assert "only its caller" in await person.fails(1, "runner", "show", "build", "--print-token")


async def test_rotating_what_a_caller_holds_hands_out_another(person: Person) -> None:
    create = ("runner", "create", "build", "--delivery", "caller", *person.issuer)
    first = (await person.does(*create)).strip()

    handed_out = await person.reads("runner", "rotate", "build")

    assert handed_out["name"] == "build"
    rotated = await person.cluster.runner("build")
    digests = {record.revision: record.digest for record in rotated.status.tokens}
    assert digests == {1: digest(first), 2: digest(handed_out["token"])}


async def test_a_token_that_cannot_become_active_is_not_handed_out(person: Person) -> None:
    said = await person.fails(
        4,
        *("runner", "create", "build", "--delivery", "caller", "--scope", "unknown"),
        *person.issuer,
    )

    assert "ScopeUnknown" in said
    # It must not become active later, when nobody holds it.
    assert (await person.cluster.runner("build")).spec.token.value_digest is None


async def test_a_rotation_that_fails_leaves_the_caller_the_token_that_works(
    person: Person, operator: Running
) -> None:
    create = ("runner", "create", "build", "--delivery", "caller", *person.issuer)
    token = (await person.does(*create)).strip()
    operator.skew.mistrusted = True

    await person.fails(4, "runner", "rotate", "build", "--timeout", "1s")

    operator.skew.mistrusted = False
    await person.cluster.runner_where(is_settled, "build")
    await operator.at_rest()
    kept = await person.cluster.runner_where(is_ready, "build")
    assert [record.digest for record in kept.status.tokens] == [digest(token)]


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--delivery", "caller", "--format", "jwt"], 2, "--delivery caller"),
        (["--delivery", "caller", "--prefix", "ä"], 2, "--prefix"),
        (["--delivery", "caller", "--manifest"], 2, "--manifest"),
        (["--type", "unheard"], 2, "--type"),
        (["--timeout", "1x"], 2, "--timeout"),
        (["--tag", "a", "--tag", "a"], 1, "spec.tags: "),
        (["--type", "project"], 1, "spec.project: "),
        (["--lifetime", "1m"], 1, "spec.token.lifetime: "),
    ],
)
async def test_what_is_wrong_is_named(
    person: Person, options: list[str], code: int, said: str
) -> None:
    assert said in await person.fails(code, "runner", "create", "bad", *options)


async def test_what_is_not_there_has_an_exit_code_of_its_own(person: Person) -> None:
    for verb in ("show", "rotate", "revoke", "delete", "grant", "deny"):
        said = await person.fails(3, "runner", verb, "missing")
        assert f"no RunnerRegistration 'missing' in namespace {person.cluster.namespace!r}" in said


async def test_a_name_that_leads_elsewhere_is_refused(person: Person) -> None:
    assert "cannot be the name" in await person.fails(2, "runner", "show", "..")


async def test_waiting_in_vain_ends_with_what_the_resource_says(
    person: Person, operator: Running
) -> None:
    operator.skew.mistrusted = True
    operator.advance(timedelta())

    create = ("runner", "create", "build", *person.issuer, "--wait", "--timeout", "1s")
    said = await person.fails(4, *create)

    assert "gave up after 1 s" in said
    assert "ClockSkew" in said
