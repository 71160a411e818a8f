"""What is in the image, and what is not."""

import json
import os
import subprocess
from pathlib import Path

import mintmaster
from e2e.images import Images

MOST_ADDED = 100_000_000
"""Bytes that we add to the base image."""

WITHOUT_SHELLS = """\
for shell in sh dash bash; do mount --bind /dev/null "$1/usr/bin/$shell"; done
shift
exec chroot --userspec=65532:65532 "$@"
"""


def test_it_says_what_it_is_and_whom_it_runs_as(images: Images) -> None:
    configuration = json.loads(images.configuration.read_text())["OCIv1"]["config"]

    assert configuration["User"] == "65532:65532"
    assert configuration["Entrypoint"] == ["mintmaster"]
    assert configuration["Labels"]["org.opencontainers.image.title"] == "Mintmaster"
    assert len(configuration["Labels"]["org.opencontainers.image.revision"]) == 40


def test_it_has_no_tools_that_build_and_no_tests_of_ours(images: Images) -> None:
    names = {path.name for path in _everything(images.root.resolve())}

    assert not names & {"pip", "pip3", "ensurepip", "hatchling", "gcc", "git", "go", "node", "uv"}
    assert not names & {"pytest", "mypy", "conftest.py", "requirements-dev.txt"}
    assert "mintmaster" in names


def test_its_bill_of_materials_lists_what_is_installed(images: Images) -> None:
    bill = json.loads((images.root / "opt/mintmaster/sbom.cdx.json").read_text())
    installed = (images.root / "opt/mintmaster/lib").glob("python3*/site-packages/*.dist-info")

    listed = {(it["name"], it["version"]) for it in bill["components"] if "purl" in it}
    product = bill["metadata"]["component"]
    assert (product["name"], product["version"]) == ("mintmaster", mintmaster.__version__)
    assert listed | {("mintmaster", mintmaster.__version__)} == {
        (name.lower().replace("_", "-").replace(".", "-"), version)
        for name, version in (it.name.removesuffix(".dist-info").split("-") for it in installed)
    }


def test_it_runs_without_a_shell(images: Images) -> None:
    assert _run_without_shells(images, "/bin/sh", "-c", "true").returncode != 0

    done = _run_without_shells(images, "/opt/mintmaster/bin/mintmaster", "--version")

    assert (done.returncode, done.stderr) == (0, "")
    assert mintmaster.__version__ in done.stdout


def test_it_is_small(images: Images) -> None:
    ours = _everything(images.root.resolve() / "opt")

    assert sum(path.lstat().st_size for path in ours) < MOST_ADDED


def _run_without_shells(images: Images, *command: str) -> "subprocess.CompletedProcess[str]":
    root = str(images.root.resolve())
    return subprocess.run(
        ["unshare", "--mount", "sh", "-euc", WITHOUT_SHELLS, "sh", root, root, *command],
        capture_output=True,
        text=True,
        check=False,
    )


def _everything(top: Path) -> list[Path]:
    return [
        Path(folder, name) for folder, folders, files in os.walk(top) for name in [*folders, *files]
    ]
