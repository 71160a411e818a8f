"""`kubectl_complete-mint`: what kubectl runs to complete `kubectl mint ...` (kubectl 1.26 and newer)."""

from __future__ import annotations

import os
import shlex
import sys
from typing import Final

from mintmaster.cli.main import app

NO_FILES: Final = ":4"
"""The directive by which the shell does not offer files (Cobra, `ShellCompDirectiveNoFileComp`)."""


def complete() -> None:
    """Print what may stand for the last argument, one on each line, and the directive that kubectl expects."""
    words = ["mintmaster", *sys.argv[1:]]
    # As bash would ask; Typer's own completion answers.
    os.environ |= {
        "_MINTMASTER_COMPLETE": "complete_bash",
        "COMP_WORDS": shlex.join(words),
        "COMP_CWORD": str(len(words) - 1),
    }
    try:
        app(prog_name="mintmaster")
    finally:
        sys.stdout.write(f"{NO_FILES}\n")
