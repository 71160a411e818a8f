"""`mintmaster application`: ClientApplications."""

from dataclasses import dataclass
from typing import Annotated, Final

import typer

from mintmaster.api.kinds import CLIENT_APPLICATION
from mintmaster.cli import creating, minted_commands
from mintmaster.cli.creating import Creation, Rights, Schedule
from mintmaster.cli.minted_commands import Group, Name
from mintmaster.cli.options import Waiting, in_cluster
from mintmaster.cli.session import Object, Session

GROUP: Final = Group("application", "application", CLIENT_APPLICATION)

app = typer.Typer(
    help="Machine clients of OAuth 2.0, and their client secrets.",
    no_args_is_help=True,
    add_completion=False,
)


@dataclass(frozen=True, kw_only=True)
class ApplicationOptions:
    """What the application is."""

    client_id: Annotated[
        str | None, typer.Option(help="Its client id; NAMESPACE.NAME by default.")
    ] = None
    description: Annotated[str | None, typer.Option(help="What it is, for people.")] = None
    disabled: Annotated[
        bool, typer.Option("--disabled", help="Have gates refuse it until it is enabled.")
    ] = False
    access_token_lifetime: Annotated[
        str | None,
        typer.Option(metavar="DURATION", help="How long its access tokens live, as 1h."),
    ] = None
    issuer: Annotated[
        str | None, typer.Option(help="The TokenIssuer; applications by default.")
    ] = None
    secret: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="The Secret that client id and client secret come into; NAME-token by default.",
        ),
    ] = None

    def spec(self) -> Object:
        """The part of the spec."""
        return {
            "clientId": self.client_id,
            "description": self.description,
            "enabled": False if self.disabled else None,
            "accessTokenLifetime": self.access_token_lifetime,
            "issuerRef": {"name": self.issuer},
            "secret": {"name": self.secret},
        }


async def create(  # noqa: PLR0913, PLR0917 - groups of the command's options
    session: Session,
    name: Name,
    application: ApplicationOptions,
    rights: Rights,
    schedule: Schedule,
    creation: Creation,
    waiting: Waiting,
) -> None:
    """Create an application. Its client secret comes into a Secret, or with --delivery caller to you, once.

    Example: mintmaster application create ci --role Researcher --project alpha --wait

    Example: mintmaster application create ci --delivery caller -o json
    """
    spec = {**application.spec(), **rights.spec(), "clientSecret": schedule.spec()}
    await creating.create(session, GROUP, name, spec, creation=creation, waiting=waiting)


app.command()(in_cluster(create))
minted_commands.add_to(app, GROUP)
