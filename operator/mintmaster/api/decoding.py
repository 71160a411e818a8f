"""Reads resources into their models and writes them out again."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from mintmaster.api.kinds import ALL_KINDS, M_co, ResourceKind
from mintmaster.api.names import API_VERSION
from mintmaster.api.schema import Model

_DECODERS: Final[dict[type[Model], msgspec.json.Decoder[Any]]] = {
    kind.model: msgspec.json.Decoder(kind.model) for kind in ALL_KINDS
}


class MalformedResource(ValueError):
    """An object that does not fit its model; `field` is the path of what does not fit."""

    def __init__(self, kind: str, field: str, problem: str) -> None:
        super().__init__(f"{kind}: {field}: {problem}")
        self.kind = kind
        self.field = field
        self.problem = problem


def decode(kind: ResourceKind[M_co], raw: bytes | msgspec.Raw | Mapping[str, Any]) -> M_co:
    """Read an object of the API server, from JSON or already parsed.

    Unknown fields are ignored, and constraints of the CRD are not checked again, so that objects
    of older and newer versions can be read. Raises MalformedResource where types do not fit.
    """
    try:
        if isinstance(raw, bytes | msgspec.Raw):
            resource: M_co = _DECODERS[kind.model].decode(raw)
            return resource
        return msgspec.convert(raw, type=kind.model)
    except msgspec.ValidationError as error:
        problem, _, path = str(error).partition(" - at `$")
        field = path.removesuffix("`").removeprefix(".") or "object"
        raise MalformedResource(kind.kind, field, problem) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedResource(kind.kind, "object", str(error)) from error


def encode(kind: ResourceKind[M_co], resource: Model) -> bytes:
    """Return the object as JSON, with `apiVersion` and `kind`, without fields at their defaults."""
    head = {"apiVersion": API_VERSION, "kind": kind.kind}
    return msgspec.json.encode({**head, **msgspec.to_builtins(resource)})
