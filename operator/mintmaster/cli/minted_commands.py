"""The commands that runners, tokens and applications have in common, made once for all three."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias

import typer

from mintmaster.api.kinds import ResourceKind, TokenResource
from mintmaster.api.reasons import ConditionType, Reason, State
from mintmaster.api.token_spec import Delivery
from mintmaster.cli import actions, describing, printing
from mintmaster.cli.exits import Failure
from mintmaster.cli.offering import offering
from mintmaster.cli.options import (
    AllNamespaces,
    Output,
    OutputOption,
    Selector,
    Waiting,
    Yes,
    confirm,
    in_cluster,
)
from mintmaster.cli.session import Item, Session
from mintmaster.lifecycle.conditions import find

Name: TypeAlias = Annotated[str, typer.Argument(help="Name of the resource.", show_default=False)]
Message: TypeAlias = Annotated[
    str, typer.Option("--message", "-m", help="Why; it stands in the status of the resource.")
]


@dataclass(frozen=True)
class Group:
    """One group of commands."""

    word: str
    """The word of the command line: `mintmaster <word> list`."""
    noun: str
    kind: ResourceKind[Any]


def add_to(app: typer.Typer, group: Group) -> None:
    """Add the commands that all groups have; their docstrings are the help, put into the words of the group."""
    for make in (_list, _show, _rotate, _revoke, _delete, _grant, _deny):
        command = make(group)
        text = inspect.cleandoc(command.__doc__ or "").format(word=group.word, noun=group.noun)
        named = in_cluster(offering(command, group.kind))
        app.command(make.__name__.removeprefix("_"), help=text)(named)


def _list(group: Group) -> Callable[..., Any]:
    async def list_(
        session: Session,
        all_namespaces: AllNamespaces = False,
        selector: Selector = None,
        state: Annotated[
            State | None, typer.Option(help="Only in this state.", case_sensitive=False)
        ] = None,
        output: OutputOption = Output.TABLE,
    ) -> None:
        """List {noun}s.

        Example: mintmaster {word} list -A --state Failed
        """
        fields = f"status.state={state}" if state else None
        found = await session.find(
            group.kind, everywhere=all_namespaces, labels=selector, fields=fields
        )
        where = "anywhere" if all_namespaces else f"in namespace {session.namespace!r}"
        printing.show_items(
            found, output, with_namespace=all_namespaces, empty=f"No {group.noun}s {where}."
        )

    return list_


def _show(group: Group) -> Callable[..., Any]:
    async def show(
        session: Session,
        name: Name,
        output: Annotated[
            Output | None, typer.Option("--output", "-o", help="Print the resource so.")
        ] = None,
        print_token: Annotated[
            bool,
            typer.Option(
                "--print-token",
                help="Print the token alone, read from its Secret; it takes the right to read that Secret.",
            ),
        ] = False,
    ) -> None:
        """Show one {noun}: state, rights, tokens on record.

        Example: mintmaster {word} show NAME -n team
        """
        item = await session.get(group.kind, name)
        if print_token:
            typer.echo(await actions.token_of(session, item))
        elif output is not None:
            printing.show_item(item, output)
        else:
            now = session.clock.now()
            printing.show_fields(describing.of_token_resource(group.kind.kind, item.resource, now))

    return show


def _rotate(group: Group) -> Callable[..., Any]:
    async def rotate(
        session: Session,
        name: Name,
        waiting: Waiting,
        output: Annotated[
            Output | None,
            typer.Option("--output", "-o", help="Print what a caller gets as json or yaml."),
        ] = None,
    ) -> None:
        """Have another token issued now; the present one keeps its overlap.

        Where only a caller holds the token, another is handed out here, once.

        Example: mintmaster {word} rotate NAME --wait
        """
        item = await session.get(group.kind, name)
        if item.resource.spec.revoked:
            raise Failure(f"{item.label} is revoked; what is revoked gets no other token")
        if item.resource.spec.delivery == Delivery.CALLER:
            hand_out(await actions.rotate_for_caller(session, item, waiting.timeout), output)
            return
        await actions.ask_for_rotation(session, item, waiting.patience)
        typer.echo(f"{item.label} {'rotated' if waiting.wait else 'is asked for another token'}")

    return rotate


def _revoke(group: Group) -> Callable[..., Any]:
    async def revoke(session: Session, name: Name, waiting: Waiting, yes: Yes = False) -> None:
        """Make every token of one {noun} inactive and remove its Secret. It cannot be taken back.

        Example: mintmaster {word} revoke NAME --wait
        """
        item = await session.get(group.kind, name)
        confirm(f"Revoke {item.label}? It cannot be taken back.", yes=yes)
        await actions.revoke(session, item, waiting.patience)
        typer.echo(f"{item.label} revoked")

    return revoke


def _delete(group: Group) -> Callable[..., Any]:
    async def delete(session: Session, name: Name, waiting: Waiting, yes: Yes = False) -> None:
        """Delete one {noun}, and so its tokens and its Secret.

        Example: mintmaster {word} delete NAME
        """
        item = await session.get(group.kind, name)
        confirm(f"Delete {item.label}, its tokens and its Secret?", yes=yes)
        uid = item.resource.metadata.uid
        await session.delete(group.kind, name, uid)
        if waiting.wait:
            await session.until_gone(group.kind, name, uid, patience=waiting.timeout)
        typer.echo(f"{item.label} deleted")

    return delete


def _grant(group: Group) -> Callable[..., Any]:
    async def grant(
        session: Session, name: Name, waiting: Waiting, message: Message = "Approved."
    ) -> None:
        """Approve the rights that one {noun} asks for, where the issuer wants approval.

        The approval is bound to the rights as they are now: changed ones ask anew.

        Example: mintmaster {word} grant NAME -m "for the nightly report"
        """
        item = await session.get(group.kind, name)
        _say_if_nothing_waits(item)
        await actions.decide(session, item, approved=True, message=message)
        if waiting.wait:
            await actions.wait_ready(session, item, waiting.timeout)
        typer.echo(f"{item.label} approved")

    return grant


def _deny(group: Group) -> Callable[..., Any]:
    async def deny(session: Session, name: Name, message: Message = "Denied.") -> None:
        """Refuse the rights that one {noun} asks for.

        Example: mintmaster {word} deny NAME -m "ask for less"
        """
        item = await session.get(group.kind, name)
        _say_if_nothing_waits(item)
        await actions.decide(session, item, approved=False, message=message)
        typer.echo(f"{item.label} denied")

    return deny


def _say_if_nothing_waits(item: Item[TokenResource]) -> None:
    conditions = item.resource.status.conditions
    waits = any(
        condition.reason in {Reason.AWAITING_APPROVAL, Reason.DENIED} for condition in conditions
    )
    ready = find(conditions, ConditionType.READY)
    if not waits and ready is not None:
        typer.echo(
            f"note: {item.label} does not wait for an approval; it is Ready={ready.status}: {ready.reason}",
            err=True,
        )


def hand_out(made: actions.HandedOut, output: Output | None = None) -> None:
    """Print a token to its caller, alone on standard output unless a form is asked for: this is the one time."""
    item = made.item
    if output in {Output.JSON, Output.YAML}:
        meta = item.resource.metadata
        body = {"kind": item.kind.kind, "namespace": meta.namespace, "name": meta.name}
        printing.show_object({**body, **_client_id(item), "token": made.token}, output)
        return
    for label, value in _client_id(item).items():
        typer.echo(f"{label}: {value}", err=True)
    typer.echo(made.token)
    typer.echo(
        f"{item.label} is active. The token is not shown again; rotate makes another.", err=True
    )


def _client_id(item: Item[Any]) -> dict[str, str]:
    client_id = getattr(item.resource, "client_id", "")
    return {"clientId": client_id} if client_id else {}


async def show_created(
    session: Session, item: Item[TokenResource], waiting: Waiting, output: Output | None
) -> None:
    """Say what was created; with --wait, once its token is there."""
    if waiting.wait:
        item = await actions.wait_ready(session, item, waiting.timeout)
    if output is not None:
        printing.show_item(item, output)
    else:
        typer.echo(f"{item.label} created{' and ready' if waiting.wait else ''}")
