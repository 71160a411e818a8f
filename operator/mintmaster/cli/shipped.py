"""The manifests and CRDs of this version: read from the package, or from the checkout that it runs in.

Of kustomize just that is understood which the shipped folders use: resources, components, labels and namespace. What
is not understood is refused, never passed over.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
import yaml

import mintmaster
from mintmaster.api import crd
from mintmaster.cli.exits import Failure
from mintmaster.kube.yaml_loader import LOADER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mintmaster.cli.session import Object

_PACKAGE: Final = Path(mintmaster.__file__).parent
IMAGE: Final = "mintmaster:dev"
"""The image in the manifests, which is nobody's: it is replaced by the one that is named."""
_HEAD: Final = frozenset({"apiVersion", "kind"})
_UNDERSTOOD: Final = _HEAD | {"resources", "components", "labels", "namespace"}


def crds() -> list[Object]:
    """The CustomResourceDefinitions, made from the models of this very version."""
    return [msgspec.yaml.decode(text) for text in crd.render().values()]


def manifests(*components: str, image: str | None = None) -> list[Object]:
    """All objects of `manifests/base` and of these components, in their order."""
    folder = _folder()
    objects = _built(folder / "base")
    for name in components:
        objects += _built(folder / "components" / name)
    if image is not None:
        for body in objects:
            _name_image(body, image)
    return objects


def everything() -> list[Object]:
    """All objects that any shipped folder makes, as names to delete them by; what patches say of them is left out."""
    folder = _folder()
    found = manifests()
    for file in sorted((folder / "components").glob("*/kustomization.yaml")):
        said = msgspec.yaml.decode(file.read_text("utf-8"))
        found += [
            body for name in said.get("resources", ()) for body in _resource(file.parent / name)
        ]
    return found


def of_listed_namespaces() -> list[Object]:
    """All objects that are made in each namespace that is listed; which namespaces these are, nothing shipped says."""
    return _built(_folder() / "namespace")


def components() -> list[str]:
    """The names of the components that can be added here: those that need no more of kustomize than is understood."""
    files = sorted((_folder() / "components").glob("*/kustomization.yaml"))
    return [
        file.parent.name
        for file in files
        if msgspec.yaml.decode(file.read_text("utf-8")).keys() <= _UNDERSTOOD
    ]


def _folder() -> Path:
    """Where the manifests lie: in an installed package within it, in a checkout at its top."""
    for folder in (_PACKAGE / "shipped" / "manifests", _PACKAGE.parents[1] / "manifests"):
        if folder.is_dir():
            return folder
    raise Failure(
        "this installation has no manifests: reinstall mintmaster, or use kubectl apply -k"
    )


def _built(folder: Path) -> list[Object]:
    """Build one kustomization."""
    file = folder / "kustomization.yaml"
    if not file.is_file():
        raise Failure(f"there is no component {folder.name!r}; there are {', '.join(components())}")
    said: Object = msgspec.yaml.decode(file.read_text("utf-8"))
    if strange := said.keys() - _UNDERSTOOD:
        raise Failure(f"{file}: {', '.join(sorted(strange))}: apply it with kubectl apply -k")
    objects = [
        body
        for name in (*said.get("resources", ()), *said.get("components", ()))
        for body in _resource(folder / name)
    ]
    for body in objects:
        if "namespace" in said:
            body["metadata"]["namespace"] = said["namespace"]
    for labels in said.get("labels", ()):
        for body in objects:
            _label(file, body, labels)
    return objects


def _resource(path: Path) -> Iterator[Object]:
    if path.is_dir():
        yield from _built(path)
    else:
        yield from yaml.load_all(path.read_text("utf-8"), LOADER)


def _label(file: Path, body: Object, labels: Object) -> None:
    """Label an object, but not what it selects or makes."""
    if labels.keys() != {"pairs"}:
        raise Failure(f"{file}: labels beyond their pairs: apply it with kubectl apply -k")
    metadata = body["metadata"]
    metadata["labels"] = {**metadata.get("labels", {}), **labels["pairs"]}


def _name_image(body: Object, image: str) -> None:
    """Put an image in the place of ours, in the pods that an object makes."""
    template: Any = body.get("spec", {}).get("template", {})
    for container in template.get("spec", {}).get("containers", ()):
        if container["image"] == IMAGE:
            container["image"] = image
