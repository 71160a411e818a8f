"""The root of the command line: groups of commands, `--version`, and how errors are shown."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from mintmaster import __version__
from mintmaster.cli import cluster
from mintmaster.cli.gate import gate
from mintmaster.cli.operator import operator
from mintmaster.gate.listening import InvalidListening
from mintmaster.kube.errors import KubeError
from mintmaster.localcluster.errors import ClusterError
from mintmaster.operator.probes import InvalidAddress

KNOWN_ERRORS: tuple[type[Exception], ...] = (
    ClusterError,
    InvalidAddress,
    InvalidListening,
    KubeError,
)
"""Errors whose text is for people; any other is a defect and shows its traceback."""

FAILED = 1
"""Exit code of a command that could not do its work; wrong usage is 2."""

app = typer.Typer(
    help="Tokens as custom resources: mint them, renew them, take them away.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(cluster.app, name="cluster")
app.command()(operator)
app.command()(gate)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"mintmaster {__version__}")
        raise typer.Exit


@app.callback()
def root(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """Tokens as custom resources: mint them, renew them, take them away."""


def run() -> None:
    """Run the command that the arguments name, and exit with its code."""
    try:
        app(prog_name=program_name(sys.argv[0]))
    except KNOWN_ERRORS as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(FAILED)


def program_name(called_as: str) -> str:
    """Give the name that people typed: as a plugin of kubectl we are called kubectl-mint."""
    return "kubectl mint" if Path(called_as).name == "kubectl-mint" else "mintmaster"
