"""What a new CRD may not do to objects that an old one took: lose a field, or allow less than before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

Schema = dict[str, Any]

_UPPER = ("maxLength", "maxItems", "maxProperties", "maximum")
_LOWER = ("minLength", "minItems", "minProperties", "minimum")
_SAME = (
    "type",
    "pattern",
    "format",
    "default",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-map-type",
    "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-int-or-string",
)


def breaks(old: Schema, new: Schema) -> list[str]:
    """What is tighter or gone in the CRD, one line each: the path of the field, and what about it."""
    return sorted(_of_definition(old["spec"], new["spec"]))


def _of_definition(old: Schema, new: Schema) -> Iterator[str]:
    for field in ("group", "scope"):
        if old[field] != new[field]:
            yield f"{field} changed"
    for field in ("kind", "plural", "singular"):
        if old["names"].get(field) != new["names"].get(field):
            yield f"names.{field} changed"
    for name in set(old["names"].get("shortNames", ())) - set(new["names"].get("shortNames", ())):
        yield f"short name {name} is gone"
    present = {version["name"]: version for version in new["versions"]}
    for version in old["versions"]:
        follower = present.get(version["name"])
        if follower is None or not follower["served"]:
            yield f"version {version['name']} is not served any more"
            continue
        yield from _of_version(version, follower)


def _of_version(old: Schema, new: Schema) -> Iterator[str]:
    if set(old.get("subresources", ())) - set(new.get("subresources", ())):
        yield f"{old['name']}: a subresource is gone"
    selectable = {item["jsonPath"] for item in new.get("selectableFields", ())}
    for item in old.get("selectableFields", ()):
        if item["jsonPath"] not in selectable:
            yield f"{old['name']}: {item['jsonPath']} cannot be selected any more"
    yield from _of_schema("", old["schema"]["openAPIV3Schema"], new["schema"]["openAPIV3Schema"])


def _of_schema(path: str, old: Schema, new: Schema) -> Iterator[str]:
    yield from _of_constraints(path, old, new)
    for name, schema in old.get("properties", {}).items():
        follower = new.get("properties", {}).get(name)
        if follower is None:
            yield f"{path}.{name} is gone"
        else:
            yield from _of_schema(f"{path}.{name}", schema, follower)
    for part in ("items", "additionalProperties"):
        below, follower = old.get(part), new.get(part)
        if isinstance(below, dict) and isinstance(follower, dict):
            yield from _of_schema(f"{path}[]", below, follower)
        elif below != follower:
            yield f"{path}: {part} changed"


def _of_constraints(path: str, old: Schema, new: Schema) -> Iterator[str]:
    for name in _SAME:
        if old.get(name) != new.get(name) and not (name == "pattern" and name not in new):
            yield f"{path}: {name} changed"
    for name in _UPPER:
        if name in new and new[name] < old.get(name, float("inf")):
            yield f"{path}: {name} is lower"
    for name in _LOWER:
        if name in new and new[name] > old.get(name, float("-inf")):
            yield f"{path}: {name} is higher"
    yield from _of_values(path, old, new)


def _of_values(path: str, old: Schema, new: Schema) -> Iterator[str]:
    for name in sorted(set(new.get("required", ())) - set(old.get("required", ()))):
        yield f"{path}.{name} is required now"
    if "enum" in new and set(old.get("enum", ("anything",))) - set(new["enum"]):
        yield f"{path}: enum allows less"
    rules = {rule["rule"] for rule in old.get("x-kubernetes-validations", ())}
    for rule in new.get("x-kubernetes-validations", ()):
        if rule["rule"] not in rules:
            yield f"{path}: new rule: {rule.get('message', rule['rule'])}"
