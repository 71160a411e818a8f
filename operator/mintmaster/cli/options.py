"""Options that mean the same wherever they stand."""

import asyncio
import inspect
import re
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from functools import partial, wraps
from typing import Annotated, Any, Final, TypeAlias, TypeVar

import typer

from mintmaster.api import durations
from mintmaster.cli.option_groups import expanded
from mintmaster.cli.session import Session, opened
from mintmaster.kube import config
from mintmaster.kube.scope import Scope

T = TypeVar("T")

CLUSTER_PANEL: Final = "Which cluster"

Kubeconfig: TypeAlias = Annotated[
    str | None,
    typer.Option(
        help="Path of a kubeconfig; by default KUBECONFIG, then the pod's service account, then ~/.kube/config.",
        rich_help_panel=CLUSTER_PANEL,
    ),
]
Context: TypeAlias = Annotated[
    str | None, typer.Option(help="Context of the kubeconfig.", rich_help_panel=CLUSTER_PANEL)
]


OperatorNamespace: TypeAlias = Annotated[
    str,
    typer.Option(
        envvar="MINTMASTER_NAMESPACE",
        help="Namespace of the operator's Lease and of the issuers' keys.",
    ),
]
TracingOption: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--tracing",
        help="Send traces by OTLP over HTTP; the variables OTEL_* say where to, and switch it on, too.",
    ),
]
OPERATOR_NAMESPACE: Final = "mintmaster-system"

Namespaces: TypeAlias = Annotated[
    str,
    typer.Option(
        envvar="MINTMASTER_NAMESPACES",
        metavar="NAME,...",
        help="Serve these namespaces and --namespace, and read nothing of others; by default all are served.",
        show_default=False,
    ),
]
_NAMESPACE: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", re.ASCII)


def scope(namespaces: str, home: str) -> Scope:
    """The namespaces that a process serves; BadParameter for what can be no name of one."""
    listed = [name.strip() for name in namespaces.split(",") if name.strip()]
    for name in listed:
        # fullmatch, since `$` alone would let a trailing newline pass.
        if _NAMESPACE.fullmatch(name) is None:
            raise typer.BadParameter(
                f"{name[:80]!r} is no namespace: give names of lower-case letters, digits and '-', 63 characters at the"
                " most, with commas between them; patterns are not understood",
                param_hint="--namespaces",
            )
    return Scope.of(listed, home)


class Output(StrEnum):
    """How to print resources."""

    TABLE = "table"
    WIDE = "wide"
    JSON = "json"
    YAML = "yaml"
    NAME = "name"


OutputOption: TypeAlias = Annotated[
    Output, typer.Option("--output", "-o", help="How to print.", show_default=True)
]
AllNamespaces: TypeAlias = Annotated[
    bool, typer.Option("--all-namespaces", "-A", help="In all namespaces.")
]
Selector: TypeAlias = Annotated[
    str | None, typer.Option("--selector", "-l", help="Only with these labels, as in team=a.")
]
Yes: TypeAlias = Annotated[
    bool, typer.Option("--yes", "-y", help="Do not ask; without a terminal nothing is asked.")
]


def duration(given: str | timedelta) -> timedelta:
    """Read what was given; the default passes here, too."""
    try:
        return given if isinstance(given, timedelta) else durations.parse(given)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


Timeout: TypeAlias = Annotated[
    timedelta,
    typer.Option(
        parser=duration,
        metavar="DURATION",
        help="How long to wait, as in 90s or 5m.",
        show_default="1m",
    ),
]
PATIENCE: Final = timedelta(seconds=60)
"""How long is waited where nothing else is said: far longer than an operator at work needs."""


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """Whether and how long to wait for what a command asked for."""

    wait: Annotated[bool, typer.Option("--wait", help="Wait until it is done.")] = False
    timeout: Timeout = PATIENCE

    @property
    def patience(self) -> timedelta | None:
        """How long to wait; None: not at all."""
        return self.timeout if self.wait else None


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """Where to work, and as whom."""

    namespace: Annotated[
        str | None,
        typer.Option(
            "--namespace",
            "-n",
            help="Namespace; by default the context's.",
            rich_help_panel=CLUSTER_PANEL,
        ),
    ] = None
    context: Context = None
    kubeconfig: Kubeconfig = None


def in_cluster(command: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Give a command a session as its first argument, and the options that say with which cluster."""

    def run(*, cluster: Cluster, **options: Any) -> None:
        asyncio.run(within(cluster, partial(command, **options)))

    wraps(command)(run)
    parameters = [
        parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for parameter in inspect.signature(command, eval_str=True).parameters.values()
        if parameter.annotation is not Session
    ]
    parameters.append(
        inspect.Parameter("cluster", inspect.Parameter.KEYWORD_ONLY, annotation=Cluster)
    )
    vars(run)["__signature__"] = inspect.Signature(parameters)
    return expanded(run)


async def within(cluster: Cluster, command: Callable[[Session], Awaitable[T]]) -> T:
    """Run something with a session of that cluster."""
    connection = config.load(cluster.kubeconfig, cluster.context)
    async with opened(connection, cluster.namespace) as session:
        return await command(session)


def confirm(question: str, *, yes: bool) -> None:
    """Ask before what cannot be taken back. Only a person at a terminal is asked; a no ends the command."""
    if not yes and sys.stdin.isatty() and sys.stderr.isatty():
        typer.confirm(question, abort=True, err=True)
