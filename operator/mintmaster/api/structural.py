"""Turns a model into the structural OpenAPI v3 schema of a CRD.

https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias, cast

import msgspec
from msgspec import inspect

from mintmaster.api.schema import RULES_KEYWORD, Model

Schema: TypeAlias = dict[str, Any]

_MAX_INSTANT_LENGTH: Final = len("2026-01-01T00:00:00.000000000+00:00")

_FIRST: Final = ("description", "default", "type")
_LAST: Final = ("required", "properties", "items", "additionalProperties", RULES_KEYWORD)


def schema_of(model: type[Model]) -> Schema:
    """Return the schema of a model: fields, defaults, descriptions, bounds and rules.

    Raises TypeError for a type that a structural schema cannot express.
    """
    return _schema(inspect.type_info(model))


def _schema(node: inspect.Type) -> Schema:
    translate = _TRANSLATIONS.get(type(node))
    if translate is None:
        raise TypeError(f"{node!r} has no counterpart in a structural schema")
    return _ordered(translate(node))


def _ordered(schema: Schema) -> Schema:
    """Sort keywords as people read them: what it is, its bounds, its content, its rules."""
    bounds = [key for key in schema if key not in {*_FIRST, *_LAST}]
    return {key: schema[key] for key in (*_FIRST, *bounds, *_LAST) if key in schema}


def _annotated(node: inspect.Metadata) -> Schema:
    """Add the keywords of an annotation; rules of a type stand beside those of its use."""
    inner = _schema(node.type)
    outer: Schema = dict(node.extra_json_schema or {})
    rules = [*outer.pop(RULES_KEYWORD, ()), *inner.pop(RULES_KEYWORD, ())]
    return {**inner, **outer, **({RULES_KEYWORD: rules} if rules else {})}


def _optional(node: inspect.UnionType) -> Schema:
    """Translate `X | None`, a field that may be left out; any other union is a ValueError."""
    (inner,) = (item for item in node.types if not isinstance(item, inspect.NoneType))
    return _schema(inner)


def _struct(node: inspect.StructType) -> Schema:
    required = [field.encode_name for field in node.fields if field.required]
    rules = [rule.to_schema() for rule in cast("type[Model]", node.cls).RULES]
    return {
        "type": "object",
        **({"required": required} if required else {}),
        "properties": {field.encode_name: _property(field) for field in node.fields},
        **({RULES_KEYWORD: rules} if rules else {}),
    }


def _property(field: inspect.Field) -> Schema:
    default = _default(field)
    schema = _schema(field.type)
    return schema if default is None else _ordered({**schema, "default": default})


def _default(field: inspect.Field) -> Any:
    """Return the default that the API server fills in, or None for none.

    Zero values are what absence means anyway, but for false, which rules read. The default of an
    object is spelled out: an empty one would be filled in only after the rules have read it.
    """
    annotation = field.type
    if isinstance(annotation, inspect.Metadata):
        if not (annotation.extra or {}).get("defaulted", True):
            return None
        annotation = annotation.type
    if isinstance(annotation, inspect.StructType) and not field.required:
        inner = {part.encode_name: _default(part) for part in annotation.fields}
        return {name: value for name, value in inner.items() if value is not None} or None
    if field.default is msgspec.NODEFAULT:
        return None
    return msgspec.to_builtins(field.default) if field.default or field.default is False else None


_TRANSLATIONS: Final[Mapping[type[inspect.Type], Callable[[Any], Schema]]] = {
    inspect.Metadata: _annotated,
    inspect.UnionType: _optional,
    inspect.StructType: _struct,
    inspect.StrType: lambda _: {"type": "string"},
    inspect.BoolType: lambda _: {"type": "boolean"},
    inspect.IntType: lambda _: {"type": "integer", "format": "int64"},
    inspect.DateTimeType: lambda _: {
        "type": "string",
        "format": "date-time",
        "maxLength": _MAX_INSTANT_LENGTH,
    },
    inspect.EnumType: lambda node: {"type": "string", "enum": [item.value for item in node.cls]},
    inspect.VarTupleType: lambda node: {"type": "array", "items": _schema(node.item_type)},
    inspect.DictType: lambda node: {
        "type": "object",
        "additionalProperties": _schema(node.value_type),
    },
}
