"""The URL paths of the Kubernetes API (API concepts, "Resource URIs")."""

from __future__ import annotations

from urllib.parse import quote

__all__ = ["collection_path", "object_path", "route"]


def collection_path(api_version: str, plural: str, namespace: str | None = None) -> str:
    """Return the path of all objects of a resource, in a namespace or everywhere."""
    root = "/apis/" if "/" in api_version else "/api/"
    if namespace:
        return f"{root}{api_version}/namespaces/{_segment(namespace)}/{plural}"
    return f"{root}{api_version}/{plural}"


def object_path(
    api_version: str, plural: str, namespace: str | None, name: str, subresource: str | None = None
) -> str:
    """Return the path of one object, or of its subresource.

    Raises ValueError for a name that would lead elsewhere; an empty one is the worst, as DELETE
    would then mean the whole collection.
    """
    path = f"{collection_path(api_version, plural, namespace)}/{_segment(name)}"
    return f"{path}/{subresource}" if subresource else path


def route(path: str) -> tuple[str, bool]:
    """Return the resource of a path, as RBAC writes it (`pods/log`), and whether it names one."""
    parts = path.split("/")
    rest = parts[3:] if parts[1] == "api" else parts[4:]
    if len(rest) > 2 and rest[0] == "namespaces":
        rest = rest[2:]
    resource = "/".join((rest[0], *rest[2:])) if rest else ""
    return resource, len(rest) > 1


def _segment(name: str) -> str:
    if name in {"", ".", ".."}:
        raise ValueError(f"{name!r} cannot be the name of an object")
    return quote(name, safe="")
