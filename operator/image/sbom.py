"""Write the software bill of materials of a Python environment: CycloneDX 1.6, of what is installed there.

    python3 operator/image/sbom.py FOLDER > sbom.cdx.json

FOLDER is the environment's site-packages. The same packages give the same text: it names no time, and its serial
number is made of what it lists. https://cyclonedx.org/docs/1.6/json/
"""

import json
import platform
import sys
import uuid
from collections.abc import Iterable
from importlib.metadata import Distribution, distributions
from typing import Any

NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "sbom.mintmaster.dev")
PRODUCT = "mintmaster"


def bill(installed: Iterable[Distribution]) -> dict[str, Any]:
    """List distributions by name; Mintmaster itself is what the list is about."""
    components = sorted((_component(it) for it in installed), key=lambda it: str(it["name"]))
    product = [it for it in components if it["name"] == PRODUCT]
    parts = [it for it in components if it["name"] != PRODUCT] + [_interpreter()]
    serial = uuid.uuid5(NAMESPACE, json.dumps(components))
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{serial}",
        "version": 1,
        "metadata": {"component": product[0] | {"type": "application"}} if product else {},
        "components": parts,
    }


def _component(found: Distribution) -> dict[str, Any]:
    name = found.metadata["Name"].lower().replace("_", "-").replace(".", "-")
    identity = f"pkg:pypi/{name}@{found.version}"
    component = {
        "type": "library",
        "bom-ref": identity,
        "name": name,
        "version": found.version,
        "purl": identity,
    }
    if "License-Expression" not in found.metadata:
        return component
    return component | {"licenses": [{"expression": found.metadata["License-Expression"]}]}


def _interpreter() -> dict[str, Any]:
    return {"type": "platform", "name": "python", "version": platform.python_version()}


def main(folder: str) -> None:
    """Print the bill of the environment in `folder`."""
    json.dump(bill(distributions(path=[folder])), sys.stdout, indent=1)


if __name__ == "__main__":
    main(*sys.argv[1:])
