"""The root of the command line: groups of commands, `--version`, and how errors are shown."""

import sys
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from mintmaster import __version__
from mintmaster.cli.deferred import Deferred, DeferringGroup

KNOWN_ERRORS: Final = frozenset(
    {
        "mintmaster.api.decoding.MalformedResource",
        "mintmaster.cli.exits.Failure",
        "mintmaster.gate.listening.InvalidListening",
        "mintmaster.gate.signing_keys.InvalidSigningKeys",
        "mintmaster.kube.errors.KubeError",
        "mintmaster.kube.trace_sending.TracingUnavailable",
        "mintmaster.localcluster.errors.ClusterError",
        "mintmaster.operator.probes.InvalidAddress",
    }
)
"""Errors whose text is for people, by name, so that none is imported; any other is a defect and shows its traceback."""

PROCESSES: Final = "Processes"
RESOURCES: Final = "Resources"
LOOKING: Final = "Looking into things"
INSTALLING: Final = "Installing and moving"

COMMANDS: Final = (
    Deferred(
        "runner",
        "mintmaster.cli.runner:app",
        "Runners, and the tokens that they authenticate with.",
        RESOURCES,
    ),
    Deferred("token", "mintmaster.cli.token:app", "Tokens that speak for users.", RESOURCES),
    Deferred(
        "application",
        "mintmaster.cli.application:app",
        "Machine clients of OAuth 2.0, and their client secrets.",
        RESOURCES,
    ),
    Deferred("issuer", "mintmaster.cli.issuer:app", "Issuers and their keys.", RESOURCES),
    Deferred(
        "admin",
        "mintmaster.cli.reana:app",
        "REANA's users and their tokens, with the commands of reana-admin.",
        RESOURCES,
    ),
    Deferred(
        "doctor",
        "mintmaster.cli.doctor:doctor",
        "Look at the whole installation: CRDs, rights, clocks, leader, issuers, keys, admission policies, resources.",
        LOOKING,
    ),
    Deferred(
        "status",
        "mintmaster.cli.status:status",
        "Walk from a resource to its Secret and its key, and say what is wrong and what to do.",
        LOOKING,
    ),
    Deferred(
        "diff",
        "mintmaster.cli.diff:diff",
        "Show what applying a file would change, what its tokens would say, and what keeps them from being issued.",
        LOOKING,
    ),
    Deferred(
        "verify",
        "mintmaster.cli.verify:verify",
        "Say whether a token is good, and for what. The exit code is 1 where it is not.",
        LOOKING,
    ),
    Deferred(
        "inspect",
        "mintmaster.cli.inspect:inspect",
        "Decode a token, or a Secret's tokens, and say what they are. Nothing is verified; no token is printed.",
        LOOKING,
    ),
    Deferred(
        "install",
        "mintmaster.cli.install:install",
        "Install or upgrade: CRDs, RBAC, admission policies, operator, issuers, admin token.",
        INSTALLING,
    ),
    Deferred(
        "uninstall",
        "mintmaster.cli.install:uninstall",
        "Remove operator, gates, RBAC and admission policies. Resources, Secrets, keys and CRDs stay.",
        INSTALLING,
    ),
    Deferred(
        "export",
        "mintmaster.cli.exporting:export",
        "Print resources as manifests: what was asked for, without status, and without any token.",
        INSTALLING,
    ),
    Deferred(
        "import",
        "mintmaster.cli.importing:import_",
        "Create the resources of a file. What is there already is left, so that it can be run again to go on.",
        INSTALLING,
    ),
    Deferred(
        "operator",
        "mintmaster.cli.operator:operator",
        "Run the operator: it leads if it gets the Lease, and stands by if it does not.",
        PROCESSES,
    ),
    Deferred(
        "gate",
        "mintmaster.cli.gate:gate",
        "Run a gate: it says which tokens are active. Any number of them can run.",
        PROCESSES,
    ),
    Deferred(
        "cluster",
        "mintmaster.cli.cluster:app",
        "A real Kubernetes control plane on this machine, without containers.",
        PROCESSES,
    ),
)


class Root(DeferringGroup):
    """The group of all commands; what goes wrong in any of them is told here."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands.update({command.name: command for command in COMMANDS if command.name})

    def invoke(self, ctx: Any) -> Any:
        """Run a command; a known error becomes a sentence on standard error and an exit code."""
        try:
            return super().invoke(ctx)
        except Exception as error:
            if not is_known(error):
                raise
            from mintmaster.cli.explaining import explain  # noqa: PLC0415 - only for failures

            text, code = explain(error)
            typer.echo(f"error: {text}", err=True)
            raise typer.Exit(code) from error


app = typer.Typer(
    cls=Root,
    help="Tokens as custom resources: mint them, renew them, take them away.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


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
    app(prog_name=program_name(sys.argv[0]))


def is_known(error: Exception) -> bool:
    """Whether the error's text is for people."""
    kinds = (f"{kind.__module__}.{kind.__qualname__}" for kind in type(error).__mro__)
    return not KNOWN_ERRORS.isdisjoint(kinds)


def program_name(called_as: str) -> str:
    """Give the name that people typed: as a plugin of kubectl we are called kubectl-mint."""
    return "kubectl mint" if Path(called_as).name == "kubectl-mint" else "mintmaster"
