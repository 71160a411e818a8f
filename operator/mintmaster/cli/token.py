"""`mintmaster token`: UserAccessTokens."""

from dataclasses import dataclass
from typing import Annotated, Final

import typer

from mintmaster.api import names
from mintmaster.api.kinds import USER_ACCESS_TOKEN
from mintmaster.api.token_spec import Delivery, Format
from mintmaster.cli import actions, creating, minted_commands
from mintmaster.cli.creating import Creation, Rights, Schedule, SecretOptions, TokenForm
from mintmaster.cli.minted_commands import Group, Name
from mintmaster.cli.options import PATIENCE, Timeout, Waiting, in_cluster
from mintmaster.cli.session import Object, Session

GROUP: Final = Group("token", "token", USER_ACCESS_TOKEN)

app = typer.Typer(help="Tokens that speak for users.", no_args_is_help=True, add_completion=False)


@dataclass(frozen=True, kw_only=True)
class UserOptions:
    """Who the token speaks for."""

    user: Annotated[
        str,
        typer.Option(
            metavar="EMAIL", help="Address of the user whom it speaks for.", show_default=False
        ),
    ]
    username: Annotated[str | None, typer.Option(help="Name that the user logs in with.")] = None
    full_name: Annotated[str | None, typer.Option(help="Name of the user, for people.")] = None
    description: Annotated[str | None, typer.Option(help="What the token is for.")] = None
    issuer: Annotated[str | None, typer.Option(help="The TokenIssuer; default by default.")] = None

    def spec(self) -> Object:
        """The part of the spec."""
        return {
            "user": {"email": self.user, "username": self.username, "fullName": self.full_name},
            "description": self.description,
            "issuerRef": {"name": self.issuer},
        }


async def create(  # noqa: PLR0913, PLR0917 - groups of the command's options
    session: Session,
    name: Name,
    user: UserOptions,
    rights: Rights,
    form: TokenForm,
    schedule: Schedule,
    secret: SecretOptions,
    creation: Creation,
    waiting: Waiting,
) -> None:
    """Create a token for a user. It comes into a Secret, or with --delivery caller to you, once.

    Example: mintmaster token create ada --user ada@example.org --scope read_api --wait

    Example: TOKEN=$(mintmaster token create ada --user ada@example.org --lifetime 24h --delivery caller)
    """
    spec = {
        **user.spec(),
        **rights.spec(),
        "token": {**form.spec(creation.delivery), **schedule.spec()},
        "secret": {"name": secret.secret, "tokenKey": secret.token_key},
    }
    await creating.create(session, GROUP, name, spec, creation=creation, waiting=waiting)


async def request(  # noqa: PLR0913, PLR0917 - groups of the command's options
    session: Session,
    name: Name,
    user: UserOptions,
    rights: Rights,
    lifetime: Annotated[
        str | None,
        typer.Option(
            metavar="DURATION",
            help="How long it lives, as 24h; without one it has no end, which takes a grant.",
            rich_help_panel=creating.TOKEN_PANEL,
        ),
    ] = None,
    timeout: Timeout = PATIENCE,  # noqa: ASYNC109 - an option of the command
) -> None:
    """Ask for a token that nobody has yet: it waits until somebody approves.

    Once `token grant` has approved it where the issuer wants that, `token rotate` hands it out, once.

    Example: mintmaster token request ada --user ada@example.org --scope read_api --lifetime 24h
    """
    spec = {
        **user.spec(),
        **rights.spec(),
        "delivery": Delivery.CALLER,
        "token": {"format": Format.OPAQUE, "lifetime": lifetime},
    }
    body = {
        "apiVersion": names.API_VERSION,
        "kind": GROUP.kind.kind,
        "metadata": {"name": name},
        "spec": creating.compact(spec),
    }
    created = await session.create(GROUP.kind, body)
    what = f"the operator has seen {created.label}"
    seen = await session.until(GROUP.kind, name, actions.has_been_seen, what=what, patience=timeout)
    actions.ready_or_stalled(seen.resource)
    typer.echo(f"{seen.label} {seen.resource.status.state.lower()}")


app.command()(in_cluster(create))
app.command()(in_cluster(request))
minted_commands.add_to(app, GROUP)
