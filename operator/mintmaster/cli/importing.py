"""`mintmaster import`: create what manifests ask for, thousands of them, and go on after an interruption."""

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import Annotated, Any

import typer
from rich.progress import Progress

from mintmaster.api import decoding, names
from mintmaster.api.kinds import TOKEN_ISSUER, ResourceKind
from mintmaster.api.reasons import ConditionType, Reason
from mintmaster.cli import bulk, documents
from mintmaster.cli.exits import Exit, Failure
from mintmaster.cli.explaining import explain
from mintmaster.cli.objects import Objects, label
from mintmaster.cli.options import Waiting, in_cluster
from mintmaster.cli.session import Object, Session
from mintmaster.kube.backoff import Backoff
from mintmaster.kube.errors import AlreadyExists, Forbidden, Invalid, NotFound
from mintmaster.kube.paths import collection_path, object_path
from mintmaster.lifecycle.conditions import find

_TOLD = 20
"""Resources that are told by name; of a file with more faults nobody wants to read all."""

_FIRST_LOOK, _LONGEST_PAUSE = 0.2, 5.0
"""Seconds between looks at thousands of resources."""


@dataclass(frozen=True)
class Document:
    """One resource of the file."""

    kind: ResourceKind[Any]
    namespace: str | None
    body: Object = field(repr=False)

    @property
    def label(self) -> str:
        """As people name it."""
        where = f" -n {self.namespace}" if self.namespace else ""
        return f"{label(self.body)}{where}"

    @property
    def path(self) -> str:
        """Where it stands on the API server; Failure for what cannot be a name."""
        name = self.body["metadata"]["name"]
        try:
            return object_path(names.API_VERSION, self.kind.plural, self.namespace, name)
        except ValueError as error:
            raise Failure(f"{label(self.body)}: metadata: {error}") from error


@dataclass
class Outcome:
    """What came of the file."""

    created: int = 0
    changed: int = 0
    unchanged: int = 0
    different: list[str] = field(default_factory=list)
    """Resources that are there and ask for something else; they were left as they are."""
    refused: list[str] = field(default_factory=list)

    def tell(self) -> None:
        """Say so; Exit with FAILED where anything of the file is not as it asks for."""
        counted = f"{self.created} created, {self.changed} changed, {self.unchanged} unchanged"
        typer.echo(counted)
        for title, lines in (
            (
                "left as they are, though the file asks for something else (--overwrite)",
                self.different,
            ),
            ("refused", self.refused),
        ):
            if lines:
                typer.echo(f"{len(lines)} {title}:", err=True)
                for line in _first(lines):
                    typer.echo(f"  {line}", err=True)
        if self.different or self.refused:
            raise typer.Exit(Exit.FAILED)


@in_cluster
async def import_(
    session: Session,
    waiting: Waiting,
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE",
            help="Manifests, as mintmaster export or kubectl get print them; - reads standard input.",
            show_default=False,
        ),
    ],
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite", help="Change resources that are there and ask for something else."
        ),
    ] = False,
) -> None:
    """Create the resources of a file. What is there already is left, so that it can be run again to go on.

    Nothing is written unless the whole file can be read. Status, UIDs and the like in it are left out.

    Example: mintmaster import mintmaster.json --wait --timeout 10m
    """
    found = _read(session, file)
    outcome = Outcome()
    with bulk.shown() as progress:
        # Issuers first: without them the others would only be told that there is none.
        for part in (
            [it for it in found if it.kind is TOKEN_ISSUER],
            [it for it in found if it.kind is not TOKEN_ISSUER],
        ):
            put = partial(_put, session, outcome, overwrite=overwrite)
            await bulk.each(part, put, progress=progress, doing="importing", things="resources")
        if waiting.wait:
            await _until_ready(session, found, progress, waiting.timeout)
    outcome.tell()


def _read(session: Session, file: str) -> list[Document]:
    """The documents of the file, each checked as far as that goes without writing; Failure that names all faults."""
    found, faults = [], []
    for body in documents.read(file):
        kind = documents.kind_of(body)
        name, namespace = documents.name_of(body, session.namespace)
        try:
            _ = decoding.decode(kind, body)
            own = documents.portable(body)
        except decoding.MalformedResource as error:
            faults.append(f"{kind.kind} {name!r}: {error.field}: {error.problem}")
            continue
        if kind.namespaced:
            own["metadata"]["namespace"] = namespace
        found.append(Document(kind, namespace if kind.namespaced else None, own))
    paths = [it.path for it in found]
    faults += [f"{path} stands there more than once" for path in documents.repeated(paths)]
    if faults:
        raise Failure(f"{file}: nothing was written:\n" + "\n".join(_first(faults)))
    return found


async def _put(session: Session, outcome: Outcome, document: Document, *, overwrite: bool) -> None:
    path = collection_path(names.API_VERSION, document.kind.plural, document.namespace)
    try:
        await bulk.patiently(lambda: session.client.create(path, document.body, strict=True))
        outcome.created += 1
    except AlreadyExists:
        await _compare(session, outcome, document, overwrite=overwrite)
    except (Forbidden, Invalid, NotFound) as error:
        _refuse(outcome, document, error)


async def _compare(
    session: Session, outcome: Outcome, document: Document, *, overwrite: bool
) -> None:
    """See whether what is there asks for the same; the API server fills in defaults, so it is the one to say so."""
    path = document.path
    try:
        present = documents.portable(await session.read(path))
        wanted = documents.portable(
            await session.apply(path, document.body, force=True, dry_run=True)
        )
        if wanted == present:
            outcome.unchanged += 1
        elif overwrite:
            await Objects(session).apply(document.body, force=True)
            outcome.changed += 1
        else:
            outcome.different.append(document.label)
    except (Forbidden, Invalid, NotFound) as error:
        _refuse(outcome, document, error)


def _refuse(outcome: Outcome, document: Document, error: Exception) -> None:
    outcome.refused.append(f"{document.label}: {explain(error)[0]}")


async def _until_ready(
    session: Session, found: list[Document], progress: Progress, patience: timedelta
) -> None:
    """Wait until all are ready; Failure that names those for which somebody has to do something first."""
    waiting = {it.path: it for it in found}
    task = progress.add_task("waiting until they are ready", total=len(found))
    deadline = time.monotonic() + patience.total_seconds()
    stalled: list[str] = []
    for pause in Backoff(first=_FIRST_LOOK, cap=_LONGEST_PAUSE):
        for (kind, namespace), there in _collections(waiting.values()).items():
            for item in await replace(session, namespace=namespace or "").find(kind):
                document = there.get(item.name)
                if document is not None and (said := _settled(item.resource)) is not None:
                    del waiting[document.path]
                    stalled += [f"{document.label}: {said}"] if said else []
        progress.update(task, completed=len(found) - len(waiting))
        if not waiting:
            break
        if time.monotonic() > deadline:
            left = "\n".join(_first([it.label for it in waiting.values()]))
            raise Failure(
                f"not ready yet, though waited for (does the operator run? mintmaster doctor):\n{left}",
                Exit.NOT_READY,
            )
        await asyncio.sleep(pause)
    if stalled:
        raise Failure("not ready:\n" + "\n".join(_first(stalled)), Exit.NOT_READY)


def _collections(
    documents_: Iterable[Document],
) -> dict[tuple[ResourceKind[Any], str | None], dict[str, Document]]:
    """The documents by the list that they stand in, and by name."""
    found: dict[tuple[ResourceKind[Any], str | None], dict[str, Document]] = {}
    for document in documents_:
        own = found.setdefault((document.kind, document.namespace), {})
        own[document.body["metadata"]["name"]] = document
    return found


def _settled(resource: Any) -> str | None:
    """Empty for what is in order, why for what waits for somebody; None while more will come of it."""
    conditions, generation = resource.status.conditions, resource.metadata.generation
    for type_ in (ConditionType.REVOKED, ConditionType.STALLED, ConditionType.READY):
        condition = find(conditions, type_)
        if condition is None or condition.observed_generation != generation:
            continue
        if condition.status == "True":
            return (
                f"{condition.reason}: {condition.message}" if type_ == ConditionType.STALLED else ""
            )
        if type_ == ConditionType.READY and condition.reason == Reason.AWAITING_APPROVAL:
            return f"{condition.reason}: {condition.message}"
    return None


def _first(lines: list[str]) -> list[str]:
    more = len(lines) - _TOLD
    return lines[:_TOLD] + ([f"and {more} more"] if more > 0 else [])
