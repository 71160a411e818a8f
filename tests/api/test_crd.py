"""The generated CRDs: what is committed is what the models say, and every bound is there."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from api.api_server import CRDS
from mintmaster.api import crd
from mintmaster.api.kinds import ALL_KINDS
from mintmaster.api.schema import Model
from mintmaster.api.structural import schema_of

DEFINITIONS = [pytest.param(yaml.safe_load(text), id=name) for name, text in crd.render().items()]


def below(schema: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Walk over all schemas in a schema, with their paths."""
    yield path, schema
    for name, part in schema.get("properties", {}).items():
        yield from below(part, f"{path}.{name}")
    for keyword, step in (("items", "[]"), ("additionalProperties", "{}")):
        if keyword in schema:
            yield from below(schema[keyword], f"{path}{step}")


def root(definition: dict[str, Any]) -> dict[str, Any]:
    schema: dict[str, Any] = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return schema


def parts(definition: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Walk over the schemas of spec and status."""
    for part in ("spec", "status"):
        yield from below(root(definition)["properties"][part], part)


def test_the_committed_files_are_those_of_the_models() -> None:
    assert crd.main([str(CRDS), "--check"]) == 0


def test_check_names_changed_missing_and_surplus_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    crd.main([str(tmp_path)])
    (tmp_path / "runnerregistrations.yaml").write_text("edited")
    (tmp_path / "tokenissuers.yaml").unlink()
    (tmp_path / "old.yaml").touch()

    assert crd.main([str(tmp_path), "--check"]) == 1

    complaint = capsys.readouterr().err
    assert "runnerregistrations.yaml is not what the models say; run make crds" in complaint
    assert "tokenissuers.yaml is not what the models say; run make crds" in complaint
    assert "old.yaml belongs to no model" in complaint
    assert "useraccesstokens.yaml" not in complaint


def test_runs_as_a_program(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "mintmaster.api.crd", str(tmp_path)], check=True)

    assert crd.differences(tmp_path) == []


def test_single_letters_that_yaml_takes_for_booleans_are_quoted() -> None:
    text = crd.to_yaml({"n": "y", "N": ["Y", "no"]})

    assert text == "'n': 'y'\n'N':\n- 'Y'\n- 'no'\n"


@pytest.mark.parametrize("definition", DEFINITIONS)
def test_every_field_is_described(definition: dict[str, Any]) -> None:
    fields = [(path, schema) for path, schema in parts(definition) if path[-1] not in "]}"]

    assert [path for path, schema in fields if not schema.get("description")] == []


@pytest.mark.parametrize("definition", DEFINITIONS)
@pytest.mark.parametrize(("type_", "bound"), [("string", "maxLength"), ("array", "maxItems")])
def test_every_string_and_list_has_a_bound(
    definition: dict[str, Any], type_: str, bound: str
) -> None:
    unbounded = [
        path
        for path, schema in parts(definition)
        if schema["type"] == type_ and bound not in schema and "enum" not in schema
    ]

    assert unbounded == []


@pytest.mark.parametrize("definition", DEFINITIONS)
def test_every_map_has_a_bound(definition: dict[str, Any]) -> None:
    maps = [
        (path, schema) for path, schema in parts(definition) if "additionalProperties" in schema
    ]

    assert maps
    assert [path for path, schema in maps if "maxProperties" not in schema] == []


@pytest.mark.parametrize("definition", DEFINITIONS)
def test_every_list_says_how_it_is_merged(definition: dict[str, Any]) -> None:
    lists = [(path, schema) for path, schema in parts(definition) if schema["type"] == "array"]

    assert [path for path, schema in lists if "x-kubernetes-list-type" not in schema] == []


@pytest.mark.parametrize("definition", DEFINITIONS)
def test_conditions_are_merged_by_type_and_replaced_one_by_one(definition: dict[str, Any]) -> None:
    conditions = root(definition)["properties"]["status"]["properties"]["conditions"]

    assert conditions["x-kubernetes-list-map-keys"] == ["type"]
    assert conditions["items"]["x-kubernetes-map-type"] == "atomic"


@pytest.mark.parametrize("definition", DEFINITIONS)
def test_there_are_no_enums_in_a_status(definition: dict[str, Any]) -> None:
    status = below(root(definition)["properties"]["status"], "status")

    assert [path for path, schema in status if "enum" in schema] == []


@pytest.mark.parametrize("definition", DEFINITIONS)
def test_root_rules_are_few_since_they_are_never_ratcheted(definition: dict[str, Any]) -> None:
    assert len(root(definition)["x-kubernetes-validations"]) <= 2


def test_names_in_the_api_do_not_collide() -> None:
    names = [name for kind in ALL_KINDS for name in (kind.plural, kind.singular, kind.short_name)]
    categories = {category for kind in ALL_KINDS for category in kind.categories}

    assert len(set(names)) == len(names)
    # A category shadows a resource of the same name, as `tokens` would that of another product.
    assert categories == {"minted", "mintmaster"}


def test_a_type_without_counterpart_is_an_error() -> None:
    class Odd(Model, frozen=True, kw_only=True):
        ratio: float

    with pytest.raises(TypeError, match="no counterpart"):
        schema_of(Odd)
