"""`mintmaster status`: from a resource over its Secret to the key, what is wrong and what to do."""

from typing import Annotated, Any

import typer

from mintmaster.api.kinds import TOKEN_ISSUER
from mintmaster.api.token_issuer import TokenIssuer
from mintmaster.api.token_spec import Delivery
from mintmaster.cli import findings, leader, naming
from mintmaster.cli.exits import Exit, Failure
from mintmaster.cli.findings import Finding
from mintmaster.cli.options import (
    OPERATOR_NAMESPACE,
    OperatorNamespace,
    Output,
    OutputOption,
    in_cluster,
)
from mintmaster.cli.session import Item, Session
from mintmaster.cli.walk import Gathered, Unknown, issuer_steps, walk
from mintmaster.kube.errors import Forbidden
from mintmaster.lifecycle import ownership
from mintmaster.lifecycle.secret_view import Reading


@in_cluster
async def status(
    session: Session,
    resource: Annotated[
        str,
        typer.Argument(
            metavar="KIND/NAME",
            help="As rr/build, token/ada or issuer/default.",
            show_default=False,
        ),
    ],
    operator_namespace: OperatorNamespace = OPERATOR_NAMESPACE,
    output: OutputOption = Output.TABLE,
) -> None:
    """Walk from a resource to its Secret and its key, and say what is wrong and what to do.

    The exit code is 1 where something is wrong.

    Example: mintmaster status rr/build -n ci
    """
    kind, name = naming.parse(resource)
    item = await session.get(kind, name)
    found = await _of_issuer(item) if kind is TOKEN_ISSUER else await _of_token(session, item)
    findings.report([*found, *await leader.look(session, operator_namespace)], output)


async def _of_issuer(item: Item[TokenIssuer]) -> list[Finding]:
    return list(issuer_steps(item.name, item.resource))


async def _of_token(session: Session, item: Item[Any]) -> list[Finding]:
    gathered = Gathered(
        kind=item.kind.kind,
        resource=item.resource,
        issuer=await _issuer(session, item.resource.spec.issuer_ref.name),
        reading=await _reading(session, item),
        now=session.clock.now(),
    )
    return list(walk(gathered))


async def _issuer(session: Session, name: str) -> TokenIssuer | Unknown | None:
    try:
        return (await session.get(TOKEN_ISSUER, name)).resource
    except Forbidden:
        return Unknown.FORBIDDEN
    except Failure as failure:
        if failure.code is not Exit.NOT_FOUND:
            raise
        return None


async def _reading(session: Session, item: Item[Any]) -> Reading | Unknown | None:
    if item.resource.spec.delivery == Delivery.CALLER:
        return None
    namespace, name = item.resource.metadata.namespace, ownership.secret_name(item.resource)
    try:
        return await session.secrets.read(namespace, name)
    except Forbidden:
        return Unknown.FORBIDDEN
