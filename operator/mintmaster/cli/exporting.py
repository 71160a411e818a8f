"""`mintmaster export`: what was asked for, as manifests for Git or for another cluster; no token is in them."""

from enum import StrEnum
from typing import Annotated, Any

import typer

from mintmaster.api.crd import to_yaml
from mintmaster.api.kinds import TOKEN_ISSUER, TOKEN_KINDS, ResourceKind
from mintmaster.cli import documents, printing
from mintmaster.cli.exits import Exit, Failure
from mintmaster.cli.naming import WORDS
from mintmaster.cli.options import AllNamespaces, Output, OutputOption, Selector, in_cluster
from mintmaster.cli.session import Object, Session


class Word(StrEnum):
    """The words by which kinds are named, as in the groups of commands."""

    RUNNER = "runner"
    TOKEN = "token"  # noqa: S105 - the name of a kind
    APPLICATION = "application"
    ISSUER = "issuer"


@in_cluster
async def export(
    session: Session,
    kind: Annotated[
        list[Word] | None,
        typer.Option(
            help="Only of this kind; repeatable. By default all kinds; issuers, which have no namespace, with -A alone."
        ),
    ] = None,
    all_namespaces: AllNamespaces = False,
    selector: Selector = None,
    output: OutputOption = Output.YAML,
) -> None:
    """Print resources as manifests: what was asked for, without status, and without any token.

    Applied or imported elsewhere, Secrets get tokens of their own there. What callers hold goes on being good, since
    its digest is in the manifest. Keys of issuers are not exported.

    Example: mintmaster export -A -o json >mintmaster.json

    Example: mintmaster export --kind runner -n ci >runners.yaml
    """
    if output not in {Output.JSON, Output.YAML}:
        raise Failure("-o: manifests are yaml or json", Exit.USAGE)
    found: list[Object] = []
    for chosen in _kinds(kind, everywhere=all_namespaces):
        items = await session.find(chosen, everywhere=all_namespaces, labels=selector)
        found += [documents.portable(it.raw) for it in items if _stays(it.raw)]
    if not found:
        typer.echo("There is nothing to export.", err=True)
    if output is Output.JSON:
        printing.show_object({"apiVersion": "v1", "kind": "List", "items": found}, output)
    else:
        for body in found:
            typer.echo(f"---\n{to_yaml(body)}", nl=False)


def _kinds(words: list[Word] | None, *, everywhere: bool) -> list[ResourceKind[Any]]:
    """The kinds to export; issuers first, as the others need them."""
    if not words:
        return [*([TOKEN_ISSUER] if everywhere else []), *TOKEN_KINDS]
    chosen = [WORDS[word] for word in words]
    return [kind for kind in (TOKEN_ISSUER, *TOKEN_KINDS) if kind in chosen]


def _stays(body: Object) -> bool:
    return "deletionTimestamp" not in body["metadata"]
