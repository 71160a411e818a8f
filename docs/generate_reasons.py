"""Generates docs/reasons.md from the reasons of the API: `python docs/generate_reasons.py [--check]`."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from mintmaster.api.reasons import REASONS, Reason, ReasonDoc

PAGE = Path(__file__).with_name("reasons.md")

INTRODUCTION = """\
<!-- Generated from operator/mintmaster/api/reasons.py by `make crds`; do not edit. -->
# Reasons

What the conditions of our resources, and the Events about them, give as their reason. A reason that is *stalled* sets
the condition `Stalled`, too: nothing happens until somebody changes the spec, the issuer or the Secret, and then it is
looked at again. With the others the operator goes on by itself.
"""


def render() -> str:
    """Return the page: a section for each reason, by name."""
    sections = (_section(reason, REASONS[reason]) for reason in sorted(Reason))
    return "\n".join((INTRODUCTION, *(line for lines in sections for line in lines)))


def _section(reason: Reason, doc: ReasonDoc) -> Iterator[str]:
    yield f"## {reason}{' (stalled)' if doc.stalled else ''}"
    yield doc.meaning
    yield f"\n**What to do:** {doc.action}\n"


def main() -> int:
    """Write the page, or with --check compare it; 1 if it differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, fail on a difference")
    if not parser.parse_args().check:
        PAGE.write_text(render(), "utf-8")
        return 0
    if PAGE.read_text("utf-8") == render():
        return 0
    sys.stderr.write(f"{PAGE} is not what the models say; run make crds\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
