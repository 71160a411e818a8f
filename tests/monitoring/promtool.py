"""Prometheus' own promtool, built from its Go module once and kept in the user's cache, as the control plane is."""

import subprocess
from pathlib import Path
from typing import Any

import yaml

from mintmaster.localcluster import build
from mintmaster.localcluster.progress import silent
from mintmaster.localcluster.versions import MINIMUM_GO, GoModule, Program

RULES = Path(__file__).parents[2] / "manifests" / "monitoring" / "rules.yaml"

_MODULE = GoModule(
    name="promtool",
    path="github.com/prometheus/prometheus",
    version="0.316.0",
    language=".".join(str(it) for it in (*MINIMUM_GO, 0)),
    tags=(
        "remove_all_sd",
    ),  # without the clients of all clouds, which take longer to build than the rest
)
_PROGRAM = Program("promtool", _MODULE, "github.com/prometheus/prometheus/cmd/promtool", minutes=2)


def run(*arguments: str, text: str | None = None) -> "subprocess.CompletedProcess[str]":
    """Run promtool; a failure is for the caller to judge."""
    program = build.ensure([_PROGRAM], silent)[_PROGRAM.name]
    return subprocess.run(
        [str(program), *arguments],
        input=text,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def check_unit(folder: Path, **test: Any) -> None:
    """Evaluate our rules over the series of a unit test of promtool; what it expects must come out."""
    file = folder / "unit.yaml"
    whole = {"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": [test]}
    file.write_text(yaml.safe_dump(whole))
    done = run("test", "rules", str(file))
    assert done.returncode == 0, done.stdout + done.stderr
