"""Files with resources of ours: manifests as YAML or JSON, one after the other or as a List."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
import yaml

from mintmaster.api import names
from mintmaster.api.kinds import ALL_KINDS
from mintmaster.cli.exits import Failure
from mintmaster.kube.yaml_loader import LOADER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mintmaster.api.kinds import ResourceKind
    from mintmaster.cli.session import Object

STDIN: Final = "-"

_LISTS: Final = frozenset({"List", *(f"{kind.kind}List" for kind in ALL_KINDS)})

_BOOKS: Final = frozenset(
    {
        "creationTimestamp",
        "deletionGracePeriodSeconds",
        "deletionTimestamp",
        "finalizers",
        "generateName",
        "generation",
        "managedFields",
        "ownerReferences",
        "resourceVersion",
        "selfLink",
        "uid",
    }
)
"""Metadata that is true of one life of a resource in one cluster."""

_BY_TOOLS: Final = frozenset(
    {"kubectl.kubernetes.io/last-applied-configuration", names.ANNOTATION_ROTATE}
)


def read(file: str) -> list[Object]:
    """The resources of ours in a file; Failure for what cannot be read, and where there is none."""
    try:
        text = sys.stdin.read() if file == STDIN else Path(file).read_text("utf-8")
        found = [it for it in _parsed(text) if it is not None]
    except OSError as error:
        raise Failure(f"{file}: {error.strerror}") from error
    except (yaml.YAMLError, RecursionError, UnicodeDecodeError) as error:
        raise Failure(f"{file}: neither YAML nor JSON: {_where(error)}") from error
    ours = [it for it in _items(found) if it.get("apiVersion") == names.API_VERSION]
    if not ours:
        raise Failure(f"{file}: there is no resource of {names.API_VERSION} in it")
    return ours


def kind_of(document: Object) -> ResourceKind[Any]:
    """The kind of a document; Failure for one that is none of ours."""
    found = next((kind for kind in ALL_KINDS if kind.kind == document.get("kind")), None)
    if found is None:
        raise Failure(f"{document.get('kind')!r} is not one of our kinds")
    return found


def name_of(document: Object, namespace: str) -> tuple[str, str]:
    """Name and namespace of a document, by default this one; Failure where they are no text."""
    metadata = document.get("metadata")
    found = metadata if isinstance(metadata, dict) else {}
    name, namespace = found.get("name"), found.get("namespace", namespace)
    if not isinstance(name, str) or not isinstance(namespace, str):
        raise Failure(f"{document['kind']}: metadata.name and metadata.namespace have to be text")
    return name, namespace


def portable(document: Object) -> Object:
    """What somebody asked for, without what is true in one cluster alone: status, UIDs, books of tools.

    Of who asked over HTTP the name stays. The token that they showed means nothing elsewhere, so that nobody can look
    at it again: whoever imports answers for it, which takes the verb `deliver`.
    """
    metadata = {
        key: value for key, value in document["metadata"].items() if key not in _BOOKS and value
    }
    annotations = {
        key: value for key, value in metadata.pop("annotations", {}).items() if key not in _BY_TOOLS
    }
    if annotations:
        metadata["annotations"] = annotations
    spec = dict(document.get("spec") or {})
    if isinstance(asked := spec.get("requestedBy"), dict):
        spec["requestedBy"] = {"subject": asked.get("subject")}
    head = {key: document[key] for key in ("apiVersion", "kind")}
    return {**head, "metadata": metadata, "spec": spec}


def repeated(labels: list[str]) -> list[str]:
    """Those that stand there more than once."""
    return [label for label, count in Counter(labels).items() if count > 1]


def _where(error: Exception) -> str:
    """What a parser found wrong and where, in one line; its own text names a file that nobody has."""
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        return " ".join(str(error).split())
    return f"line {mark.line + 1}, column {mark.column + 1}: {getattr(error, 'problem', error)}"


def _parsed(text: str) -> Iterator[Any]:
    """All documents; a file that is JSON as a whole is read as JSON, which takes a hundredth of the time."""
    try:
        yield msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        yield from yaml.load_all(text, LOADER)


def _items(found: list[Any]) -> Iterator[Object]:
    for document in found:
        if not isinstance(document, dict):
            continue
        if document.get("kind") in _LISTS and isinstance(items := document.get("items"), list):
            yield from (it for it in items if isinstance(it, dict))
        else:
            yield document
