"""`mintmaster cluster`: a local Kubernetes control plane for the demo, the tests and a laptop."""

import dataclasses
import json
import shlex
import shutil
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from mintmaster.localcluster import backends, paths, programs, progress
from mintmaster.localcluster.cluster import ClusterStatus, LocalCluster, take_down
from mintmaster.localcluster.spec import DEFAULT_NAME, Backend, ClusterSpec, check_name

app = typer.Typer(
    help="A real Kubernetes control plane on this machine, without containers.",
    no_args_is_help=True,
    add_completion=False,
)


class ChosenBackend(StrEnum):
    """Backends to choose from by name; a context is chosen by naming it."""

    GO = Backend.GO
    ASSETS = Backend.ASSETS
    KIND = Backend.KIND


class Output(StrEnum):
    """How to print a result."""

    TABLE = "table"
    JSON = "json"


Name = Annotated[
    str, typer.Option("--name", help="Name of the cluster; several can be up side by side.")
]


@app.command()
def up(  # noqa: PLR0913, PLR0917 - each is an option of the command
    name: Name = DEFAULT_NAME,
    backend: Annotated[
        ChosenBackend | None,
        typer.Option(
            help="go: processes, built by Go the first time. assets: processes, from the folder "
            "$KUBEBUILDER_ASSETS. kind: containers.",
            show_default="assets if $KUBEBUILDER_ASSETS is set, else go",
        ),
    ] = None,
    context: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Use the existing cluster of this context of your kubeconfig. "
            "No other existing cluster is ever touched.",
        ),
    ] = None,
    apiserver_arg: Annotated[
        list[str] | None,
        typer.Option(metavar="--NAME=VALUE", help="Argument of kube-apiserver; repeatable."),
    ] = None,
    controller_manager_arg: Annotated[
        list[str] | None,
        typer.Option(
            metavar="--NAME=VALUE", help="Argument of kube-controller-manager; repeatable."
        ),
    ] = None,
    durable: Annotated[
        bool, typer.Option("--durable", help="Let the database survive a crash of the machine.")
    ] = False,
) -> None:
    """Bring a cluster up, and wait until it is ready. What died in it is started again.

    Standard output is for a shell: eval "$(mintmaster cluster up)"
    """
    spec = ClusterSpec(
        name=name,
        backend=None if backend is None else Backend(backend),
        context=context,
        apiserver_args=tuple(apiserver_arg or ()),
        controller_manager_args=tuple(controller_manager_arg or ()),
        durable=durable,
    )
    kubectl = programs.kubectl(progress.to_stderr)
    cluster = LocalCluster.up(spec, progress.to_stderr)
    _offer(kubectl)
    typer.echo(f"export KUBECONFIG={shlex.quote(str(cluster.kubeconfig))}")


@app.command()
def build() -> None:
    """Build now what `up` would build the first time: the control plane, and kubectl if there is none.

    Standard output is for a shell: eval "$(mintmaster cluster build)"
    """
    backends.maker(backends.choose(ClusterSpec())).prepare(progress.to_stderr)
    _offer(programs.kubectl(progress.to_stderr))


@app.command()
def down(name: Name = DEFAULT_NAME) -> None:
    """End a cluster and remove its data. A cluster named by --context is left as it is."""
    check_name(name)
    take_down(paths.ClusterPaths.of(name), progress.to_stderr)


@app.command()
def status(
    name: Name = DEFAULT_NAME,
    output: Annotated[Output, typer.Option("--output", "-o", help="How to print.")] = Output.TABLE,
) -> None:
    """Show a cluster and its processes; the exit code is 1 unless it is ready."""
    found = LocalCluster.find(name).status()
    if output is Output.JSON:
        typer.echo(json.dumps(dataclasses.asdict(found), indent=2))
    else:
        _print(found)
    raise typer.Exit(0 if found.ready else 1)


@app.command()
def kubeconfig(name: Name = DEFAULT_NAME) -> None:
    """Print the path of the cluster's kubeconfig, and nothing else."""
    typer.echo(LocalCluster.find(name).kubeconfig)


def _offer(kubectl: Path) -> None:
    """Put kubectl on the shell's PATH if there is none."""
    if shutil.which("kubectl") is None:
        typer.echo(f'export PATH={shlex.quote(str(kubectl.parent))}:"$PATH"')


def _print(found: ClusterStatus) -> None:
    console = Console(soft_wrap=True, highlight=False)
    state = "ready" if found.ready else f"not ready, missing: {found.missing}"
    for label, value in (
        ("cluster", f"{found.name} ({found.backend}), {state}"),
        ("server", f"{found.server} {found.version}".strip()),
        ("kubeconfig", found.kubeconfig),
    ):
        console.print(f"{label + ':':<12}{value}", markup=False)
    if found.components:
        console.print(f"{'logs:':<12}{Path(found.components[0].log).parent}", markup=False)
        console.print(_table(found))


def _table(found: ClusterStatus) -> Table:
    table = Table("component", "pid", "ready", box=None, pad_edge=False)
    for component in found.components:
        pid = "dead" if component.pid is None else str(component.pid)
        table.add_row(component.name, pid, "yes" if component.ready else "no")
    return table
