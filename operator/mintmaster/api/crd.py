"""Generates `crds/` from the models: `python -m mintmaster.api.crd DIR [--check]`."""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from mintmaster.api.kinds import ALL_KINDS, Column, Resource, ResourceKind
from mintmaster.api.names import GROUP, VERSION
from mintmaster.api.structural import Schema, schema_of

_HEADER: Final = "# Generated from operator/mintmaster/api by `make crds`; do not edit.\n"

_OBJECT_PROPERTIES: Final[Schema] = {
    "apiVersion": {"description": "Group and version of the resource.", "type": "string"},
    "kind": {"description": "Kind of the resource.", "type": "string"},
}
# Kubernetes' own affair; a schema may say no more about it.
_METADATA: Final[Schema] = {"type": "object"}


class _Dumper(yaml.SafeDumper):
    """Writes YAML that parsers of YAML 1.1 and 1.2 read alike."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - PyYAML's signature
        """Repeat values rather than refer to them: people read these files."""
        return True


def _represent_str(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    # PyYAML leaves these unquoted, and the API server reads them as booleans.
    style = "'" if text in {"y", "Y", "n", "N"} else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_str)


def to_yaml(document: Mapping[str, Any]) -> str:
    """Return a document as YAML, with keys in their order."""
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=100, allow_unicode=True)


def definition(kind: ResourceKind[Resource]) -> dict[str, Any]:
    """Return the CustomResourceDefinition of a kind."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{kind.plural}.{GROUP}",
            "labels": {"app.kubernetes.io/part-of": "mintmaster"},
        },
        "spec": {
            "group": GROUP,
            "names": _names(kind),
            "scope": "Namespaced" if kind.namespaced else "Cluster",
            "versions": [_version(kind)],
        },
    }


def _names(kind: ResourceKind[Resource]) -> dict[str, Any]:
    return {
        "kind": kind.kind,
        "listKind": f"{kind.kind}List",
        "plural": kind.plural,
        "singular": kind.singular,
        "shortNames": [kind.short_name],
        "categories": list(kind.categories),
    }


def _version(kind: ResourceKind[Resource]) -> dict[str, Any]:
    return {
        "name": VERSION,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "additionalPrinterColumns": [_column(column) for column in kind.columns],
        "selectableFields": [{"jsonPath": path} for path in kind.selectable],
        "schema": {"openAPIV3Schema": _root_schema(kind)},
    }


def _column(column: Column) -> dict[str, Any]:
    written = {"name": column.name, "type": column.type, "jsonPath": column.json_path}
    return {**written, "priority": 1} if column.wide else written


def _root_schema(kind: ResourceKind[Resource]) -> Schema:
    """Return the schema of the whole object."""
    schema = schema_of(kind.model)
    return {
        "description": kind.model.__doc__,
        **schema,
        "required": [name for name in schema["required"] if name != "metadata"],
        "properties": {**_OBJECT_PROPERTIES, **schema["properties"], "metadata": _METADATA},
    }


def render() -> dict[str, str]:
    """Return all CRDs: file name to YAML."""
    return {f"{kind.plural}.yaml": _HEADER + to_yaml(definition(kind)) for kind in ALL_KINDS}


def differences(folder: Path) -> list[str]:
    """Return a sentence for each file of the folder that is not what `render` returns."""
    expected = render()
    found = {path.name: path.read_text("utf-8") for path in folder.glob("*.yaml")}
    changed = [
        f"{folder / name} is not what the models say"
        for name in expected
        if found.get(name) != expected[name]
    ]
    return changed + [f"{folder / name} belongs to no model" for name in found.keys() - expected]


def main(arguments: list[str] | None = None) -> int:
    """Write the CRDs, or with --check compare them; 1 if they differ."""
    parser = argparse.ArgumentParser(prog="python -m mintmaster.api.crd", description=__doc__)
    parser.add_argument("folder", type=Path, help="folder of the CRDs, as crds/")
    parser.add_argument("--check", action="store_true", help="write nothing, fail on a difference")
    options = parser.parse_args(arguments)
    if not options.check:
        _write(options.folder)
        return 0
    found = differences(options.folder)
    sys.stderr.writelines(f"{line}; run make crds\n" for line in found)
    return 1 if found else 0


def _write(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in render().items():
        (folder / name).write_text(text, "utf-8")


if __name__ == "__main__":
    sys.exit(main())
