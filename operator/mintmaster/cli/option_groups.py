"""Options that several commands share: a parameter that is a dataclass stands for the options that are its fields."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from typing import TYPE_CHECKING, Any, get_type_hints

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def expanded(command: Callable[..., Any]) -> Callable[..., Any]:
    """Return the command with each group of options in its signature spelled out, as Typer reads it."""
    given = inspect.signature(command, eval_str=True).parameters.values()
    groups: dict[str, Any] = {
        it.name: it.annotation for it in given if dataclasses.is_dataclass(it.annotation)
    }

    @functools.wraps(command)
    def run(**options: Any) -> Any:
        for name, group in groups.items():
            own = {field.name: options.pop(field.name) for field in dataclasses.fields(group)}
            options[name] = group(**own)
        return command(**options)

    parameters = [option for it in given for option in _spelled_out(it)]
    # Typer reads these two; without them it would see those of the command itself.
    vars(run)["__signature__"] = inspect.Signature(parameters)
    run.__annotations__ = {it.name: it.annotation for it in parameters}
    return run


def _spelled_out(parameter: inspect.Parameter) -> Iterator[inspect.Parameter]:
    if not dataclasses.is_dataclass(parameter.annotation):
        yield parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        return
    group: Any = parameter.annotation
    hints = get_type_hints(group, include_extras=True)
    for field in dataclasses.fields(group):
        yield inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=_default(field),
            annotation=hints[field.name],
        )


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return inspect.Parameter.empty if field.default is dataclasses.MISSING else field.default
