"""`mintmaster diff`: what would change, what tokens would say, what would be refused; and nothing is stored."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from mintmaster.api.kinds import RUNNER_REGISTRATION, TOKEN_ISSUER
from reconcile.builders import issuer, runner, user
from reconcile.reading import is_unready

if TYPE_CHECKING:
    from cli.person import Person
    from reconcile.builders import Object


def manifest(person: Person, body: Object, **spec: Any) -> str:
    """The text of a manifest that names the test's issuer."""
    body["spec"] |= {"issuerRef": {"name": person.cluster.issuer}, **spec}
    return yaml.safe_dump(body)


async def foreseen(person: Person, text: str) -> Any:
    """The one change of a manifest, as programs read it."""
    done = await person.tries("diff", "-", "-o", "json", text=text)
    [change] = json.loads(done.stdout)["changes"]
    refused = change["obstacle"] is not None or change["refusal"] != ""
    assert done.exit_code == int(refused), done.output
    return change


async def test_a_new_resource_is_foreseen_and_not_made(person: Person) -> None:
    text = manifest(person, user("ada"), scopes=["read_api"], roles=["Administrator"])

    change = await foreseen(person, text)

    assert change["outcome"].startswith("token of revision 1 is issued")
    assert "+  name: ada" in change["difference"]
    claims = change["claims"]
    assert claims["sub"] == "user:ada@team.example"
    assert claims["scope"] == "api read_api"
    assert claims["jti"].endswith(".1.<random>")
    assert change["secret"] == {"token": "<token>"}
    await person.fails(3, "token", "show", "ada")
    assert await person.cluster.secret("ada-token") is None


async def test_what_is_foreseen_is_what_comes(person: Person) -> None:
    text = manifest(person, runner("build", tags=["linux"]))
    claims = (await foreseen(person, text))["claims"]

    await person.cluster.ready_runner("build", tags=["linux"])

    issued = await person.reads("inspect", "build-token")
    real = issued["keys"]["token"]["claims"]
    own = {"jti", "iat", "exp", "mintmaster.dev"}
    assert {key: claims[key] for key in claims if key not in own} == {
        key: real[key] for key in real if key not in own
    }
    assert real["exp"] - real["iat"] == claims["exp"] - claims["iat"]


async def test_templates_are_shown_around_a_placeholder(person: Person) -> None:
    secret = {"template": {"data": {"config": "t={{ token }} s={{ subject }}"}}}
    change = await foreseen(person, manifest(person, runner("build"), secret=secret))

    subject = f"runner:{person.cluster.namespace}:build"
    assert change["secret"] == {"token": "<token>", "config": f"t=<token> s={subject}"}


async def test_an_edit_without_a_new_token_says_so(person: Person) -> None:
    await person.cluster.ready_runner("build")
    before = await person.cluster.versions()

    unchanged = await person.does("diff", "-", text=manifest(person, runner("build")))
    assert "unchanged" in unchanged
    assert "then: no new token; its Secret stays as it is" in unchanged
    labelled = manifest(person, runner("build"), secret={"template": {"labels": {"tier": "ci"}}})
    change = await foreseen(person, labelled)
    assert change["outcome"] == "no new token; its Secret is written anew around the present one"
    longer = await foreseen(person, manifest(person, runner("build"), token={"lifetime": "2h"}))
    assert longer["outcome"] == (
        "token of revision 2 is issued: The spec asks for another lifetime."
    )
    assert await person.cluster.versions() == before


async def test_narrowed_rights_void_the_present_token(person: Person) -> None:
    await person.cluster.ready_user("ada", scopes=["api", "read_api"])
    text = manifest(person, user("ada"), scopes=["read_api"])

    assert (await foreseen(person, text))["voided"] == 1
    assert "become inactive at once: 1" in await person.does("diff", "-", text=text)


async def test_what_would_not_be_issued_for_is_said_with_what_to_do(person: Person) -> None:
    text = manifest(person, runner("build"), scopes=["unknown"])

    change = await foreseen(person, text)
    assert change["obstacle"]["reason"] == "ScopeUnknown"
    assert change["claims"] is None
    assert "-> Correct the scope" in await person.fails(1, "diff", "-", text=text)


async def test_an_issuer_that_does_not_exist_is_an_obstacle(person: Person) -> None:
    person.cluster.issuer = "missing"
    change = await foreseen(person, manifest(person, runner("build")))
    assert change["obstacle"]["reason"] == "IssuerNotFound"


async def test_a_secret_of_somebody_else_is_an_obstacle(person: Person) -> None:
    await person.cluster.kubectl("create", "secret", "generic", "build-token")
    change = await foreseen(person, manifest(person, runner("build")))
    assert change["obstacle"]["reason"] == "SecretConflict"


async def test_what_the_api_server_refuses_is_told_beside_the_rest(
    person: Person, tmp_path: Any
) -> None:
    file = tmp_path / "two.yaml"
    bad = manifest(person, runner("bad"), tags=["a", "a"])
    file.write_text(f"{bad}---\n{manifest(person, runner('good'))}---\n")

    said = await person.fails(1, "diff", str(file))

    assert "refused: RunnerRegistration" in said
    assert "spec.tags: " in said
    assert "runnerregistration.mintmaster.dev/good" in said
    assert "token of revision 1 is issued" in said


async def test_a_revocation_and_a_caller_are_foreseen(person: Person) -> None:
    await person.cluster.ready_runner("build")
    change = await foreseen(person, manifest(person, runner("build"), revoked=True))
    assert change["outcome"].startswith("every token of it is inactive")

    held = {"delivery": "Caller", "token": {"format": "Opaque", "valueDigest": "A" * 43}}
    change = await foreseen(person, manifest(person, runner("held"), **held))
    assert change["claims"]["subject"] == f"runner:{person.cluster.namespace}:held"
    assert change["secret"] == {}


async def test_an_issuer_is_compared_and_nothing_is_foreseen_of_it(person: Person) -> None:
    body = issuer(person.cluster.issuer, person.cluster.namespace, deniedSubjects=["user:eve@*"])

    change = await foreseen(person, yaml.safe_dump(body))

    assert "+  - user:eve@*" in change["difference"]
    assert change["outcome"] == ""
    kept = await person.cluster.own_issuer()
    assert kept.spec.denied_subjects == ()


async def test_an_unready_resource_is_foreseen_to_stay_so(person: Person) -> None:
    await person.cluster.create_runner("bad", scopes=["unknown"])
    await person.cluster.runner_where(is_unready("ScopeUnknown"), "bad")

    mended = await foreseen(person, manifest(person, runner("bad"), scopes=[]))
    assert mended["outcome"].startswith("token of revision 1 is issued")


def headed(kind: str, metadata: str = "{name: a}") -> str:
    return f"apiVersion: mintmaster.dev/v1alpha1\nkind: {kind}\nmetadata: {metadata}\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "there is no resource of"),
        ("kind: Pod\napiVersion: v1\n", "there is no resource of"),
        ("{", "neither YAML nor JSON"),
        (headed("Runner"), "not one of our kinds"),
        (headed(TOKEN_ISSUER.kind, "{}"), "metadata.name"),
        (headed(RUNNER_REGISTRATION.kind, "[]"), "metadata.name"),
        (headed(RUNNER_REGISTRATION.kind, "{name: a, namespace: 1}"), "metadata.namespace"),
        (headed(RUNNER_REGISTRATION.kind, "{name: ..}"), "cannot be the name"),
    ],
)
async def test_what_cannot_be_compared_is_said(person: Person, text: str, said: str) -> None:
    assert said in await person.fails(1, "diff", "-", text=text)


async def test_a_file_that_is_not_there(person: Person) -> None:
    assert "No such file" in await person.fails(1, "diff", "/there/is/none.yaml")
