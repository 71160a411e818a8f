"""`mintmaster issuer`: TokenIssuers and their keys."""

import secrets
from typing import Annotated, Any, TypeAlias

import typer

from mintmaster.api import names
from mintmaster.api.kinds import TOKEN_ISSUER
from mintmaster.api.token_issuer import KeyState, TokenIssuer
from mintmaster.cli import describing, printing
from mintmaster.cli.exits import Exit, Failure
from mintmaster.cli.offering import name_of
from mintmaster.cli.options import Output, OutputOption, Waiting, Yes, confirm, in_cluster
from mintmaster.cli.session import Item, Session
from mintmaster.lifecycle import rfc3339

app = typer.Typer(help="Issuers and their keys.", no_args_is_help=True, add_completion=False)

Name: TypeAlias = Annotated[str, name_of(TOKEN_ISSUER, "Name of the issuer.")]


async def list_(session: Session, output: OutputOption = Output.TABLE) -> None:
    """List issuers.

    Example: mintmaster issuer list -o wide
    """
    printing.show_items(
        await session.find(TOKEN_ISSUER),
        output,
        empty="No issuers. mintmaster install brings two along.",
    )


async def show(
    session: Session,
    name: Name,
    output: Annotated[
        Output | None, typer.Option("--output", "-o", help="Print the resource so.")
    ] = None,
) -> None:
    """Show one issuer: URL, limits, scopes, roles, keys.

    Example: mintmaster issuer show default
    """
    item = await session.get(TOKEN_ISSUER, name)
    if output is not None:
        printing.show_item(item, output)
    else:
        printing.show_fields(describing.of_issuer(item.resource, session.clock.now()))


async def keys(
    session: Session,
    name: Name,
    jwks: Annotated[
        bool,
        typer.Option(
            "--jwks", help="Print the published keys as a JWK Set (RFC 7517), to verify with."
        ),
    ] = False,
) -> None:
    """Show the keys of an issuer.

    Example: mintmaster issuer keys default --jwks >keys.json
    """
    issuer = (await session.get(TOKEN_ISSUER, name)).resource
    if jwks:
        printing.show_object({"keys": published(issuer)}, Output.JSON)
        return
    rows = list(describing.key_rows(issuer, session.clock.now()))
    if rows:
        printing.show_table(("KEY", "ALGORITHM", "STATE", "SIGNS FROM", "ENDS"), rows)
    else:
        typer.echo(f"Issuer {name!r} has no keys (yet).", err=True)


async def rotate_key(session: Session, name: Name, waiting: Waiting) -> None:
    """Have the next key made now. It signs once it was published for `signing.publishBefore`.

    No token is issued anew for that. If a key has leaked, withdraw it instead.

    Example: mintmaster issuer rotate-key default --wait
    """
    item = await session.get(TOKEN_ISSUER, name)
    following = [key for key in item.resource.status.keys if key.state == KeyState.NEXT]
    if following:
        typer.echo(f"key {following[0].id} is next already; it signs from {_begins(following[0])}")
        return
    wish = f"{rfc3339.format(session.clock.now())}-{secrets.token_hex(4)}"
    annotated = {"metadata": {"annotations": {names.ANNOTATION_ROTATE: wish}}}
    await session.patch(TOKEN_ISSUER, name, annotated)
    if not waiting.wait:
        typer.echo(f"{item.label} is asked for another key")
        return
    known = {key.id for key in item.resource.status.keys}
    found = await session.until(
        TOKEN_ISSUER,
        name,
        lambda issuer: any(key.id not in known for key in issuer.status.keys),
        what=f"{item.label} publishes another key",
        patience=waiting.timeout,
    )
    key = next(key for key in found.resource.status.keys if key.id not in known)
    typer.echo(f"key {key.id} is published; it signs from {_begins(key)}")


async def withdraw_key(
    session: Session,
    name: Name,
    key: Annotated[str, typer.Argument(help="Id of the key.", show_default=False)],
    waiting: Waiting,
    yes: Yes = False,
) -> None:
    """Make a leaked key count no longer: everything that it signed is void at once and issued anew.

    Example: mintmaster issuer withdraw-key default KEY --wait
    """
    item = await session.get(TOKEN_ISSUER, name)
    _check_known(item, key)
    confirm(
        f"Withdraw key {key} of issuer {name!r}? Every token that it signed is void at once.",
        yes=yes,
    )
    await _withdraw(session, item, key)
    if waiting.wait:
        await session.until(
            TOKEN_ISSUER,
            name,
            lambda issuer: key not in {jwk["kid"] for jwk in published(issuer)},
            what=f"key {key} is withdrawn",
            patience=waiting.timeout,
        )
    typer.echo(f"key {key} of {item.label} withdrawn")


def published(issuer: TokenIssuer) -> list[dict[str, str]]:
    """The public keys that verifiers honour, as JWKs."""
    return [
        key.public_jwk
        for key in issuer.status.keys
        if key.state != KeyState.WITHDRAWN and key.public_jwk
    ]


async def _withdraw(session: Session, item: Item[TokenIssuer], key: str) -> None:
    """Add the key to those withdrawn; on the version that was read, lest another's entry is lost."""
    withdrawn = [*item.resource.spec.withdrawn_keys]
    if key in withdrawn:
        return
    version = item.resource.metadata.resource_version
    await session.patch(
        TOKEN_ISSUER,
        item.name,
        {"metadata": {"resourceVersion": version}, "spec": {"withdrawnKeys": [*withdrawn, key]}},
    )


def _check_known(item: Item[TokenIssuer], key: str) -> None:
    known = [record.id for record in item.resource.status.keys]
    if key not in known:
        listed = "\n".join(f"  {id_}" for id_ in known) or "  none"
        raise Failure(
            f"issuer {item.name!r} has no key {key!r}; its keys are\n{listed}", Exit.NOT_FOUND
        )


def _begins(key: Any) -> str:
    return rfc3339.format(key.not_before) if key.not_before else "now"


app.command("list")(in_cluster(list_))
for command in (show, keys, rotate_key, withdraw_key):
    app.command()(in_cluster(command))
