"""`mintmaster runner`: RunnerRegistrations."""

from dataclasses import dataclass, field
from typing import Annotated, Final

import typer

from mintmaster.api.kinds import RUNNER_REGISTRATION
from mintmaster.api.runner_registration import AccessLevel, RunnerType
from mintmaster.cli import creating, minted_commands
from mintmaster.cli.creating import Creation, Schedule, SecretOptions, TokenForm
from mintmaster.cli.minted_commands import Group, Name
from mintmaster.cli.options import Waiting, in_cluster
from mintmaster.cli.session import Object, Session

GROUP: Final = Group("runner", "runner", RUNNER_REGISTRATION)

app = typer.Typer(
    help="Runners, and the tokens that they authenticate with.",
    no_args_is_help=True,
    add_completion=False,
)


@dataclass(frozen=True, kw_only=True)
class RunnerOptions:
    """What the runner is."""

    type: Annotated[
        RunnerType | None,
        typer.Option(
            case_sensitive=False,
            help="Whose jobs it takes; as --project or --group says, else Instance.",
        ),
    ] = None
    project: Annotated[str | None, typer.Option(help="The one project whose jobs it takes.")] = None
    group: Annotated[str | None, typer.Option(help="The group whose jobs it takes.")] = None
    description: Annotated[str | None, typer.Option(help="What it is, for people.")] = None
    tag: Annotated[
        list[str], typer.Option(metavar="TAG", help="Tag of the jobs that it takes; repeatable.")
    ] = field(default_factory=list)
    run_untagged: Annotated[bool, typer.Option(help="Take jobs without tags, too.")] = True
    locked: Annotated[bool, typer.Option("--locked", help="Stay with the present project.")] = False
    paused: Annotated[bool, typer.Option("--paused", help="Take no new jobs for now.")] = False
    access_level: Annotated[
        AccessLevel | None,
        typer.Option(case_sensitive=False, help="Which refs it takes jobs of."),
    ] = None
    maximum_timeout: Annotated[
        str | None, typer.Option(metavar="DURATION", help="Longest time that a job may take.")
    ] = None
    scope: Annotated[
        list[str],
        typer.Option(metavar="SCOPE", help="Scope beyond what every runner may do; repeatable."),
    ] = field(default_factory=list)
    issuer: Annotated[str | None, typer.Option(help="The TokenIssuer; default by default.")] = None

    def spec(self) -> Object:
        """The part of the spec; what is the default is left out."""
        return {
            "type": self.type or self._implied_type(),
            "project": self.project,
            "group": self.group,
            "description": self.description,
            "tags": self.tag,
            "runUntagged": None if self.run_untagged else False,
            "locked": self.locked or None,
            "paused": self.paused or None,
            "accessLevel": self.access_level,
            "maximumTimeout": self.maximum_timeout,
            "scopes": self.scope,
            "issuerRef": {"name": self.issuer},
        }

    def _implied_type(self) -> RunnerType:
        if self.project is not None:
            return RunnerType.PROJECT
        return RunnerType.INSTANCE if self.group is None else RunnerType.GROUP


async def create(  # noqa: PLR0913, PLR0917 - groups of the command's options
    session: Session,
    name: Name,
    runner: RunnerOptions,
    form: TokenForm,
    schedule: Schedule,
    secret: SecretOptions,
    creation: Creation,
    waiting: Waiting,
) -> None:
    """Register a runner; its token comes into a Secret.

    Example: mintmaster runner create build --project 3 --tag linux --wait

    Example: mintmaster runner create build --delivery caller --prefix glrt- >token.txt
    """
    spec = {
        **runner.spec(),
        "token": {**form.spec(creation.delivery), **schedule.spec()},
        "secret": {"name": secret.secret, "tokenKey": secret.token_key},
    }
    await creating.create(session, GROUP, name, spec, creation=creation, waiting=waiting)


app.command()(in_cluster(create))
minted_commands.add_to(app, GROUP)
