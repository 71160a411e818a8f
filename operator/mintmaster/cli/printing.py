"""How resources are printed: as a table with kubectl's columns, as YAML or JSON, or by name alone."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import typer
from rich.console import Console
from rich.text import Text

from mintmaster.api.crd import to_yaml
from mintmaster.api.names import GROUP
from mintmaster.api.reasons import State
from mintmaster.cli.options import Output

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import timedelta

    from mintmaster.api.kinds import Column
    from mintmaster.cli.session import Item, Object

STYLES: Final[dict[str, str]] = {
    State.ACTIVE: "green",
    State.REQUESTED: "yellow",
    State.PENDING: "yellow",
    State.SUSPENDED: "yellow",
    State.EXPIRED: "red",
    State.FAILED: "red",
    State.REVOKED: "dim",
}
"""Colours of states, on terminals that want them."""

_CONDITION: Final = re.compile(r'conditions\[\?\(@\.type=="(\w+)"\)\]\.(\w+)$')
_NOISE: Final = ("managedFields",)
"""Metadata that says nothing to people."""


def out() -> Console:
    """The console for results: no colours unless it is a terminal, none with NO_COLOR, and no line is broken."""
    return Console(soft_wrap=True, highlight=False, markup=False, emoji=False)


def show_items(
    items: Sequence[Item[Any]], output: Output, *, with_namespace: bool = False, empty: str = ""
) -> None:
    """Print a list of resources; `empty` is what to tell people, on standard error, when there is none."""
    match output:
        case Output.JSON | Output.YAML:
            bodies = [readable(item.raw) for item in items]
            show_object({"apiVersion": "v1", "kind": "List", "items": bodies}, output)
        case Output.NAME:
            for item in items:
                typer.echo(item.label)
        case _ if items:
            show_table(*_table(items, wide=output is Output.WIDE, with_namespace=with_namespace))
        case _:
            typer.echo(empty, err=True)


def show_item(item: Item[Any], output: Output) -> None:
    """Print one resource."""
    if output in {Output.JSON, Output.YAML}:
        show_object(readable(item.raw), output)
    else:
        show_items([item], output)


def show_object(body: Object, output: Output) -> None:
    """Print any object as JSON or YAML."""
    if output is Output.JSON:
        typer.echo(json.dumps(body, indent=2, ensure_ascii=False))
    else:
        typer.echo(to_yaml(body), nl=False)


def readable(body: Object) -> Object:
    """An object without the metadata that is noise to people."""
    metadata = {key: value for key, value in body["metadata"].items() if key not in _NOISE}
    return {**body, "metadata": metadata}


def show_table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print columns as kubectl does, three blanks between them."""
    lines = [tuple(headers), *(tuple(row) for row in rows)]
    widths = [max(len(line[number]) for line in lines) for number in range(len(headers))]
    console = out()
    for line in lines:
        text = Text()
        for cell, width in zip(line[:-1], widths, strict=False):
            text.append(cell.ljust(width + 3), style=STYLES.get(cell, ""))
        text.append(line[-1], style=STYLES.get(line[-1], ""))
        console.print(text)


def show_fields(fields: Iterable[tuple[str, str]]) -> None:
    """Print what is known of one thing: a label and a value on each line; further lines are indented."""
    known = [(label, value) for label, value in fields if value]
    width = max((len(label) for label, _ in known), default=0) + 3
    console = out()
    for label, value in known:
        text = Text.assemble((f"{label}:".ljust(width), "bold"))
        text.append(value.replace("\n", "\n" + " " * width), style=STYLES.get(value, ""))
        console.print(text)


def duration(delta: timedelta) -> str:
    """Write a length of time as kubectl does: the finer the shorter it is (`100s`, `5m12s`, `42m`, `33h`, `3d4h`)."""
    seconds = int(abs(delta.total_seconds()))
    for limit, unit, size, finer, finer_size in _DURATIONS:
        if seconds < limit:
            count, rest = divmod(seconds, size)
            parts = rest // finer_size if finer else 0
            return f"{count}{unit}{parts}{finer}" if parts else f"{count}{unit}"
    return f"{seconds // _DAY}d"


_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_DURATIONS: Final = (
    (2 * _MINUTE, "s", 1, "", 1),
    (10 * _MINUTE, "m", _MINUTE, "s", 1),
    (3 * _HOUR, "m", _MINUTE, "", 1),
    (8 * _HOUR, "h", _HOUR, "m", _MINUTE),
    (48 * _HOUR, "h", _HOUR, "", 1),
    (8 * _DAY, "d", _DAY, "h", _HOUR),
)
"""Up to how many seconds which units are shown (apimachinery, `duration.HumanDuration`)."""


def moment(instant: datetime | None, now: datetime) -> str:
    """Write an instant, and how far away it is; empty for none."""
    if instant is None:
        return ""
    written = instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    distance = duration(instant - now)
    return f"{written} ({f'in {distance}' if instant > now else f'{distance} ago'})"


def _table(
    items: Sequence[Item[Any]], *, wide: bool, with_namespace: bool
) -> tuple[list[str], list[list[str]]]:
    columns = [it for it in items[0].kind.columns if wide or not it.wide]
    front = ["NAMESPACE", "NAME"] if with_namespace else ["NAME"]
    rows = []
    for item in items:
        meta = item.raw["metadata"]
        names = [meta.get("namespace", ""), meta["name"]] if with_namespace else [meta["name"]]
        rows.append([*names, *(_cell(item.raw, column) for column in columns)])
    return front + [column.name.upper() for column in columns], rows


def _cell(body: Object, column: Column) -> str:
    found = _at(body, column.json_path)
    if found is None:
        return "<none>"
    if column.type == "date":
        return duration(datetime.now(UTC) - datetime.fromisoformat(found))
    return ",".join(map(str, found)) if isinstance(found, list) else str(found)


def _at(body: Any, path: str) -> Any:
    """Look up the path of a column: names, or one field of the condition of a type."""
    condition = _CONDITION.search(path)
    if condition:
        type_, name = condition.groups()
        conditions = body.get("status", {}).get("conditions", [])
        return next((it.get(name) for it in conditions if it["type"] == type_), None)
    for name in path.removeprefix(".").split("."):
        body = body.get(name) if isinstance(body, dict) else None
    return body


_CLAIMS: Final = {
    "iss": "Issuer",
    "sub": "Subject",
    "aud": "Audiences",
    "client_id": "Client",
    "scope": "Scopes",
    "roles": "Roles",
    "projects": "Projects",
    "email": "Email",
    "username": "Username",
    "preferred_username": "Username",
    "iat": "Issued",
    "exp": "Expires",
    "jti": "Id",
}
"""Claims that people look for, and what they are called."""


def claim_fields(claims: Object) -> list[tuple[str, str]]:
    """The claims of a token as fields; ours about the resource comes last."""
    now = datetime.now(UTC)
    shown = [
        (label, _claim(name, claims[name], now))
        for name, label in _CLAIMS.items()
        if name in claims
    ]
    resource = claims.get(GROUP)
    if isinstance(resource, dict):
        about = "{kind} {namespace}/{name}, revision {revision}"
        shown.append(("Resource", about.format_map({**_NO_RESOURCE, **resource})))
    return shown


_NO_RESOURCE: Final = dict.fromkeys(("kind", "namespace", "name", "revision"), "?")


def _claim(name: str, value: Any, now: datetime) -> str:
    if name in {"iat", "exp"} and isinstance(value, int):
        return moment(datetime.fromtimestamp(value, UTC), now)
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
