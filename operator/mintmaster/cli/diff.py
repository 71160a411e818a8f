"""`mintmaster diff`: what applying a file would change, and what tokens would come of it. Nothing is minted."""

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from rich.text import Text

from mintmaster.api import names
from mintmaster.api.crd import to_yaml
from mintmaster.api.kinds import TOKEN_ISSUER
from mintmaster.cli import documents, findings, printing
from mintmaster.cli.exits import Exit, Failure
from mintmaster.cli.explaining import explain
from mintmaster.cli.foreseeing import Foreseen, foresee
from mintmaster.cli.options import Output, OutputOption, in_cluster
from mintmaster.cli.session import Item, Object, Session
from mintmaster.kube.errors import Conflict, Forbidden, Invalid, NotFound
from mintmaster.kube.paths import object_path

_LEFT_OUT = frozenset(
    {"creationTimestamp", "generation", "managedFields", "resourceVersion", "uid"}
)
"""Metadata that says nothing about what was asked for."""
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"

_STYLES = {"+": "green", "-": "red", "@": "cyan"}


@dataclass(frozen=True, slots=True)
class Change:
    """One document of the file, and what would come of it."""

    label: str
    difference: tuple[str, ...] = ()
    """Lines of a unified diff; none where nothing changes."""
    refusal: str = ""
    """Why the API server would not take it."""
    foreseen: Foreseen | None = None

    @property
    def is_refused(self) -> bool:
        """Whether what is asked for cannot be had."""
        return bool(self.refusal) or (
            self.foreseen is not None and self.foreseen.obstacle is not None
        )


@in_cluster
async def diff(
    session: Session,
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE",
            help="Manifests to be applied; - reads standard input.",
            show_default=False,
        ),
    ],
    field_manager: Annotated[
        str,
        typer.Option(
            help="Who would apply it: fields that this manager applied before, and leaves out now, go."
        ),
    ] = "kubectl",
    output: OutputOption = Output.TABLE,
) -> None:
    """Show what applying a file would change, what its tokens would say, and what keeps them from being issued.

    The API server is asked without anything being stored; nothing is minted. The exit code is 1 where something
    would be refused.

    Example: mintmaster diff runner.yaml
    """
    changes = [await _change(session, document, field_manager) for document in documents.read(file)]
    if output in {Output.JSON, Output.YAML}:
        printing.show_object({"changes": [_plain(change) for change in changes]}, output)
    else:
        for change in changes:
            _print(change)
    if any(change.is_refused for change in changes):
        raise typer.Exit(Exit.FAILED)


async def _change(session: Session, document: Object, manager: str) -> Change:
    kind = documents.kind_of(document)
    name, namespace = documents.name_of(document, session.namespace)
    label = f"{kind.singular}.{names.GROUP}/{name}"
    try:
        path = object_path(
            names.API_VERSION, kind.plural, namespace if kind.namespaced else None, name
        )
    except ValueError as error:
        raise Failure(f"metadata: {error}") from error
    before = await _present(session, path)
    try:
        after = await session.apply(path, document, manager=manager, force=True, dry_run=True)
    except (Forbidden, Invalid, Conflict) as error:
        return Change(label, refusal=explain(error)[0])
    difference = tuple(_difference(before, after))
    item: Item[Any] = Item(kind, after)
    foreseen = None if kind is TOKEN_ISSUER else await foresee(session, item)
    return Change(label, difference, foreseen=foreseen)


async def _present(session: Session, path: str) -> Object | None:
    try:
        return await session.read(path)
    except NotFound:
        return None


def _difference(before: Object | None, after: Object) -> Iterator[str]:
    old = _lines(before) if before else []
    names_ = ("present", "applied") if before else ("(none)", "applied")
    yield from difflib.unified_diff(old, _lines(after), *names_, lineterm="")


def _lines(body: Object) -> list[str]:
    """What was asked for, without what the API server and the operator add."""
    metadata = {key: value for key, value in body["metadata"].items() if key not in _LEFT_OUT}
    annotations = {**metadata.pop("annotations", {})}
    annotations.pop(_LAST_APPLIED, None)
    if annotations:
        metadata["annotations"] = annotations
    return to_yaml({"metadata": metadata, "spec": body["spec"]}).splitlines()


def _print(change: Change) -> None:
    console = printing.out()
    console.print(Text(change.label, style="bold"))
    for line in change.difference:
        console.print(Text(f"  {line}", style=_STYLES.get(line[:1], "")))
    if change.refusal:
        text = change.refusal.replace("\n", "\n  ")
        console.print(Text.assemble(("  refused: ", "bold red"), text))
    elif not change.difference:
        console.print(Text("  unchanged"))
    if change.foreseen is not None:
        _print_foreseen(change.foreseen)


def _print_foreseen(foreseen: Foreseen) -> None:
    console = printing.out()
    console.print(Text(f"  then: {foreseen.outcome}"))
    if foreseen.obstacle is not None:
        reason, message = foreseen.obstacle.reason, foreseen.obstacle.message
        console.print(Text.assemble((f"  {reason}: ", "bold red"), message))
        console.print(Text(f"  -> {findings.advice(reason)}"))
    if foreseen.voided:
        console.print(Text(f"  tokens that become inactive at once: {foreseen.voided}"))
    if foreseen.blind:
        console.print(
            Text("  its Secret cannot be read with these credentials: taken to be in order")
        )
    says = "claims" if foreseen.claims and "iss" in foreseen.claims else "rights"
    for title, content in ((says, foreseen.claims), ("secret", foreseen.secret)):
        if content:
            console.print(Text(f"  {title}:"))
            for line in to_yaml(content).splitlines():
                console.print(Text(f"    {line}"))


def _plain(change: Change) -> Object:
    foreseen = change.foreseen
    obstacle = foreseen.obstacle if foreseen else None
    return {
        "resource": change.label,
        "difference": list(change.difference),
        "refusal": change.refusal,
        "outcome": foreseen.outcome if foreseen else "",
        "obstacle": {"reason": obstacle.reason.value, "message": obstacle.message}
        if obstacle
        else None,
        "claims": foreseen.claims if foreseen else None,
        "secret": foreseen.secret if foreseen else {},
        "voided": foreseen.voided if foreseen else 0,
    }
