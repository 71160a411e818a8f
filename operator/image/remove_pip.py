"""Remove what only building needs from the interpreter that runs this: pip and its like, wherever they lie."""

import importlib.metadata
import importlib.util
import shutil
import sys
from pathlib import Path

PACKAGES = ("pip", "ensurepip", "setuptools", "pkg_resources", "wheel", "_distutils_hack")

HOOKS = {"setuptools": ("distutils-precedence.pth",)}
"""Files that would be run at every start of the interpreter, and miss what is gone."""


def main() -> None:
    """Remove the packages, what says that they are installed, and the commands that they brought."""
    for name in PACKAGES:
        spec = importlib.util.find_spec(name)
        for folder in (spec and spec.submodule_search_locations) or ():
            shutil.rmtree(folder)
    for found in importlib.metadata.distributions():
        if found.metadata["Name"] in PACKAGES:
            _remove(Path(str(found.locate_file(""))), found.metadata["Name"])
    for prefix in {sys.prefix, "/usr", "/usr/local"}:
        for command in Path(prefix, "bin").glob("pip*"):
            command.unlink()


def _remove(folder: Path, name: str) -> None:
    for pattern in (f"{name}-*.dist-info", f"{name}-*.egg-info", *HOOKS.get(name, ())):
        for record in folder.glob(pattern):
            shutil.rmtree(record) if record.is_dir() else record.unlink()


if __name__ == "__main__":
    main()
