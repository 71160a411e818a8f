"""`mintmaster admin`: REANA's administrator commands, so that scripts go on when only the command's name changes.

Options, tables and messages are REANA's. What fails exits with 1, where some of the originals exit with 0.
"""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Final, NoReturn

import typer

from mintmaster.api.user_access_token import User
from mintmaster.cli import reana_import
from mintmaster.cli.exits import Exit, Failure
from mintmaster.cli.options import OPERATOR_NAMESPACE, OperatorNamespace, in_cluster
from mintmaster.cli.reana_granting import Account, brought, create, grant
from mintmaster.cli.reana_office import KIND, Office, opened
from mintmaster.cli.reana_roster import MASK, NONE, Person, Row, people, person, rows
from mintmaster.cli.session import Session
from mintmaster.gate.compat.reana.accounts import AccessTokenStatus, default_user_id
from mintmaster.kube.errors import AlreadyExists, ApiError
from mintmaster.tokens import opaque
from mintmaster.tokens.digests import digest

HEADERS: Final = ("id", "email", "access_token", "access_token_status")

app = typer.Typer(
    help="REANA's users and their tokens, with the commands of reana-admin.",
    no_args_is_help=True,
    add_completion=False,
)

Id = Annotated[str | None, typer.Option("--id", help="The id of the user.")]
Email = Annotated[str | None, typer.Option("--email", "-e", help="The email of the user.")]
UserToken = Annotated[str | None, typer.Option(help="The access token of the user.")]


@dataclass(frozen=True, kw_only=True)
class Admin:
    """Who administers, and which issuer's users."""

    admin_access_token: Annotated[
        str,
        typer.Option(
            envvar="REANA_ADMIN_ACCESS_TOKEN",
            help="The access token of an administrator.",
            show_default=False,
        ),
    ]
    issuer: Annotated[str, typer.Option(help="The TokenIssuer whose users they are.")] = "default"
    operator_namespace: OperatorNamespace = OPERATOR_NAMESPACE

    async def office(self, session: Session) -> Office:
        """Look whether the token is an administrator's."""
        return await opened(session, self.issuer, self.operator_namespace, self.admin_access_token)


@dataclass(frozen=True, kw_only=True)
class Criteria:
    """Which users."""

    id: Id = None
    email: Email = None
    user_access_token: UserToken = None

    def hold(self, candidate: Person) -> bool:
        """Whether it is one of them."""
        token = self.user_access_token
        return (
            (self.id is None or candidate.id == self.id)
            and (self.email is None or candidate.email == self.email.lower())
            and (token is None or candidate.holds(digest(token)))
        )


async def user_list(
    session: Session,
    admin: Admin,
    criteria: Criteria,
    as_json: Annotated[bool, typer.Option("--json", help="Get output in JSON format.")] = False,
) -> None:
    """List users according to the search criteria.

    A token is shown where it lies in a Secret that you may read, else as ********.

    Example: mintmaster admin user-list --admin-access-token $REANA_ACCESS_TOKEN
    """
    office = await admin.office(session)
    found = [it for it in people(office) if criteria.hold(it)]
    listed = [row.cells for row in await rows(office, found)]
    if as_json:
        typer.echo(json.dumps([dict(zip(HEADERS, cells, strict=True)) for cells in listed]))
    else:
        _table(HEADERS, listed)


async def user_create(
    session: Session,
    admin: Admin,
    email: Annotated[
        str, typer.Option("--email", "-e", help="The email of the user.", show_default=False)
    ],
    user_access_token: UserToken = None,
) -> None:
    """Create a new user, with an access token, which is shown this once.

    Example: mintmaster admin user-create --email ada@example.org
    """
    _check_email(email)
    office = await admin.office(session)
    if person(office, None, email) is not None:
        _fail("User could not be created: \n" + _TAKEN)
    account = Account(User(email=email.lower()))
    try:
        value = brought(user_access_token) if user_access_token else opaque.mint()
        granted = await create(office, account, value)
    except AlreadyExists:
        _fail("User could not be created: \n" + _TAKEN)
    except (ValueError, Failure, ApiError) as error:
        _fail(f"User could not be created: \n{error}")
    typer.secho("User was successfully created.", fg="green")
    own_id = default_user_id(office.issuer.url, account.user.email)
    _table(HEADERS[:3], [(own_id, account.user.email, granted.token)])


async def user_export(session: Session, admin: Admin) -> None:
    """Export all users as CSV: id, email, access_token, username, full_name.

    Tokens that cannot be shown are ********; importing such a row works where the user is there already.

    Example: mintmaster admin user-export > users.csv
    """
    office = await admin.office(session)
    found = await rows(office, people(office))
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(map(_exported, found))
    typer.echo(text.getvalue(), nl=False)
    masked = sum(row.token == MASK for row in found)
    if masked:
        typer.secho(f"{masked} access tokens are not known here: {MASK}", fg="yellow", err=True)


async def user_import(
    session: Session,
    admin: Admin,
    file: Annotated[
        typer.FileText,
        typer.Option(
            "--file",
            "-f",
            encoding="utf-8",
            help="A CSV file containing a list of REANA users.",
            show_default=False,
        ),
    ],
) -> None:
    """Import users from a file. Nothing is written unless every row is in order; run it again to go on.

    Example: mintmaster admin user-import --file users.csv
    """
    office = await admin.office(session)
    try:
        wanted = reana_import.read(file)
        left = reana_import.missing(office, wanted)
        await reana_import.create(office, left, reana_import.unfinished(office, wanted))
    except (Failure, ApiError) as error:
        _fail(f"Something went wrong while importing users:\n{error}")
    typer.secho("Users successfully imported.", fg="green")


async def token_grant(session: Session, admin: Admin, id_: Id = None, email: Email = None) -> None:
    """Grant a token to the selected user. It is shown this once.

    Example: mintmaster admin token-grant --email ada@example.org
    """
    office = await admin.office(session)
    found = _selected(office, id_, email)
    named = f"User {found.id} ({found.email})"
    if found.is_active:
        _refuse(f"{named} has already an active access token.")
    if found.status is AccessTokenStatus.REVOKED:
        question = f"{named} access token status is {found.status}, do you want to proceed?"
        if not typer.confirm(question):
            typer.echo("Grant token aborted.")
            return
    try:
        granted = await grant(office, found)
    except (Failure, ApiError) as error:
        _fail(f"Something went wrong while granting token:\n{error}")
    typer.secho(
        f"Token for user {found.id} ({found.email}) granted.\n\nToken: {granted.token}", fg="green"
    )


async def token_revoke(session: Session, admin: Admin, id_: Id = None, email: Email = None) -> None:
    """Revoke the selected user's token.

    Example: mintmaster admin token-revoke --email ada@example.org
    """
    office = await admin.office(session)
    found = _selected(office, id_, email)
    if not found.is_active:
        _refuse(f"User {found.id} ({found.email}) does not have an active access token.")
    shown = (await rows(office, [found]))[0].token
    there = replace(office.session, namespace=found.item.resource.metadata.namespace)
    try:
        await there.patch(KIND, found.item.name, {"spec": {"revoked": True}})
    except ApiError as error:
        _fail(f"Something went wrong while revoking token:\n{error}")
    typer.secho(f"User token {shown} ({found.email}) was successfully revoked.", fg="green")


_TAKEN: Final = "Could not create user, possible constraint violation"


def _selected(office: Office, id_: str | None, email: str | None) -> Person:
    found = person(office, id_, email)
    if found is None:
        _refuse(f"User {id_ or email} does not exist.")
    return found


def _exported(row: Row) -> tuple[str, str, str, str, str]:
    user = row.person.item.resource.spec.user
    token = "" if row.token == NONE else row.token
    return row.person.id, user.email, token, user.username, user.full_name


def _check_email(email: str) -> None:
    if not reana_import.is_email(email):
        _refuse("Invalid email format")


def _table(headers: tuple[str, ...], body: Sequence[tuple[str, ...]]) -> None:
    """Print a table as reana-commons does: every column padded, the last one, too."""
    lines = [tuple(header.upper() for header in headers), *body]
    widths = [max(len(line[number]) for line in lines) for number in range(len(headers))]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        typer.echo("   ".join(cells))


def _refuse(message: str) -> NoReturn:
    """What the originals say on standard output."""
    typer.secho(f"ERROR: {message}", fg="red")
    raise typer.Exit(Exit.FAILED)


def _fail(message: str) -> NoReturn:
    """What the originals say on standard error."""
    typer.secho(message, fg="red", err=True)
    raise typer.Exit(Exit.FAILED)


app.command("user-list")(in_cluster(user_list))
app.command("user-create")(in_cluster(user_create))
app.command("user-export")(in_cluster(user_export))
app.command("user-import")(in_cluster(user_import))
app.command("token-grant")(in_cluster(token_grant))
app.command("token-revoke")(in_cluster(token_revoke))
