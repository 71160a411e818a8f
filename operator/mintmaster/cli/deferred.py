"""Commands that are imported when they are called: nobody waits for, or fails with, what another command needs."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command


class Deferred(TyperCommand):
    """Stands for a command in help and completion until it is called."""

    def __init__(self, name: str, target: str, summary: str, panel: str | None = None) -> None:
        """Stand for `target`, the `module:attribute` of a Typer app or of a command's function."""
        super().__init__(name, help=summary, rich_help_panel=panel)
        self.target = target

    def load(self) -> Any:
        """Import the command; the type of Typer's commands is private to it."""
        module, _, attribute = self.target.partition(":")
        found = getattr(import_module(module), attribute)
        command = get_command(found if isinstance(found, typer.Typer) else _alone(found))
        command.name = self.name
        return command


class DeferringGroup(TyperGroup):
    """A group whose commands may be deferred."""

    # The types of the context and of the result are private to Typer, too.
    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command that the arguments name, imported."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, command.load() if isinstance(command, Deferred) else command, rest


def _alone(function: Any) -> typer.Typer:
    app = typer.Typer(add_completion=False)
    app.command()(function)
    return app
