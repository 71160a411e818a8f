"""Offering the names of resources to a shell that completes a command."""

import asyncio
import inspect
from collections.abc import Callable
from dataclasses import fields
from functools import partial
from typing import Annotated, Any, Final

import typer

from mintmaster.api.kinds import ResourceKind
from mintmaster.cli.options import Cluster, within
from mintmaster.cli.session import Session

PATIENCE: Final = 3.0
"""Seconds for which a shell is kept waiting at the most."""

SECTION: Final = 500
"""How many resources are looked at, so that a cluster with 100,000 answers, too; no person chooses among more."""


def name_of(kind: ResourceKind[Any], help_: str) -> Any:
    """Typer's argument for the name of a resource that there is."""
    return typer.Argument(help=help_, show_default=False, autocompletion=_offer(kind))


def offering(command: Callable[..., Any], kind: ResourceKind[Any]) -> Callable[..., Any]:
    """Have a command's `name` completed with the resources of a kind."""
    signature = inspect.signature(command)
    annotation = Annotated[str, name_of(kind, "Name of the resource.")]
    parameters = [
        it.replace(annotation=annotation) if it.name == "name" else it
        for it in signature.parameters.values()
    ]
    vars(command)["__signature__"] = signature.replace(parameters=parameters)
    return command


def _offer(kind: ResourceKind[Any]) -> Callable[[typer.Context, str], list[str]]:
    def offer(ctx: typer.Context, incomplete: str) -> list[str]:
        """Names in the namespace and the cluster that the options before it say; none where they can't be had."""
        cluster = Cluster(**{field.name: ctx.params.get(field.name) for field in fields(Cluster)})
        looking = within(cluster, partial(_names, kind=kind, beginning=incomplete))
        try:
            return asyncio.run(asyncio.wait_for(looking, PATIENCE))
        except Exception:  # noqa: BLE001 - whatever it is: the line that is being typed is no place to say it
            return []

    return offer


async def _names(session: Session, *, kind: ResourceKind[Any], beginning: str) -> list[str]:
    found = await session.find(kind, most=SECTION)
    return [item.name for item in found if item.name.startswith(beginning)]
