"""Run the command line as `python -m mintmaster`."""

from mintmaster.cli.main import run

run()
