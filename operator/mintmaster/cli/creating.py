"""The options of the commands that create a resource, and the spec and manifest that they make."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any

import typer

from mintmaster.api import names
from mintmaster.api.token_spec import Delivery, Format
from mintmaster.cli import actions, printing
from mintmaster.cli.exits import Exit, Failure
from mintmaster.cli.minted_commands import Group, hand_out, show_created
from mintmaster.cli.options import Output, Waiting
from mintmaster.cli.session import Object, Session

TOKEN_PANEL = "The token"  # noqa: S105 - a heading
SECRET_PANEL = "Its Secret"  # noqa: S105 - a heading


@dataclass(frozen=True, kw_only=True)
class Rights:
    """What the token may do."""

    scope: Annotated[
        list[str], typer.Option(metavar="SCOPE", help="A scope of the issuer; repeatable.")
    ] = field(default_factory=list)
    role: Annotated[
        list[str], typer.Option(metavar="ROLE", help="A role of the issuer; repeatable.")
    ] = field(default_factory=list)
    project: Annotated[
        list[str],
        typer.Option(metavar="PROJECT", help="A project that the rights hold in; repeatable."),
    ] = field(default_factory=list)

    def spec(self) -> Object:
        """The part of the spec."""
        return {"scopes": self.scope, "roles": self.role, "projects": self.project}


@dataclass(frozen=True, kw_only=True)
class TokenForm:
    """What the token is like."""

    format: Annotated[
        Format | None,
        typer.Option(
            case_sensitive=False,
            help="JWT, which services verify by themselves, or Opaque; JWT unless a caller gets it.",
            rich_help_panel=TOKEN_PANEL,
        ),
    ] = None
    prefix: Annotated[
        str | None,
        typer.Option(
            help="What an Opaque token begins with, as glrt-.", rich_help_panel=TOKEN_PANEL
        ),
    ] = None
    audience: Annotated[
        list[str],
        typer.Option(
            metavar="AUDIENCE",
            help="A service that it is for; repeatable; the issuer's by default.",
            rich_help_panel=TOKEN_PANEL,
        ),
    ] = field(default_factory=list)

    def spec(self, delivery: Delivery) -> Object:
        """The part of `spec.token`; a caller's token has to be said to be opaque."""
        form = Format.OPAQUE if delivery is Delivery.CALLER else self.format
        if delivery is Delivery.CALLER and self.format is Format.JWT:
            raise Failure("--delivery caller hands out Opaque tokens, not JWTs", Exit.USAGE)
        return {"format": form, "prefix": self.prefix, "audiences": self.audience}


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """When what is issued ends and is renewed."""

    lifetime: Annotated[
        str | None,
        typer.Option(
            metavar="DURATION",
            help="How long it lives, as 24h; the issuer's by default, for a caller without end, if granted.",
            rich_help_panel=TOKEN_PANEL,
        ),
    ] = None
    renew_before: Annotated[
        str | None,
        typer.Option(
            metavar="DURATION",
            help="How long before its end it is renewed; a third of the lifetime by default.",
            rich_help_panel=TOKEN_PANEL,
        ),
    ] = None
    overlap: Annotated[
        str | None,
        typer.Option(
            metavar="DURATION",
            help="How long a superseded one stays active; 5m by default.",
            rich_help_panel=TOKEN_PANEL,
        ),
    ] = None

    def spec(self) -> Object:
        """The part of `spec.token`, or of `spec.clientSecret`."""
        return {
            "lifetime": self.lifetime,
            "renewBefore": self.renew_before,
            "overlap": self.overlap,
        }


@dataclass(frozen=True, kw_only=True)
class SecretOptions:
    """Which Secret the token comes into."""

    secret: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Its name; NAME-token by default.", rich_help_panel=SECRET_PANEL
        ),
    ] = None
    token_key: Annotated[
        str | None,
        typer.Option(help="The key that holds it.", rich_help_panel=SECRET_PANEL),
    ] = None


@dataclass(frozen=True, kw_only=True)
class Creation:
    """What becomes of the new resource."""

    delivery: Annotated[
        Delivery,
        typer.Option(
            case_sensitive=False,
            help="Secret: into a Secret, renewed by the operator. Caller: printed here, once, and kept nowhere.",
        ),
    ] = Delivery.SECRET
    manifest: Annotated[
        bool, typer.Option("--manifest", help="Print the manifest, for Git; create nothing.")
    ] = False
    output: Annotated[
        Output | None, typer.Option("--output", "-o", help="Print the resource so.")
    ] = None


def compact(spec: Object) -> Object:
    """A spec without what was not said."""
    found: Object = {}
    for key, value in spec.items():
        part: Any = compact(value) if isinstance(value, dict) else _plain(value)
        if part is not None and part not in ({}, [], ""):
            found[key] = part
    return found


def _plain(value: Any) -> Any:
    """A value as JSON and YAML know it."""
    return value.value if isinstance(value, StrEnum) else value


async def create(  # noqa: PLR0913 - what is created, and how
    session: Session, group: Group, name: str, spec: Object, *, creation: Creation, waiting: Waiting
) -> None:
    """Create a resource, or print its manifest; a caller gets the token once it is active."""
    caller = creation.delivery is Delivery.CALLER
    body = {
        "apiVersion": names.API_VERSION,
        "kind": group.kind.kind,
        "metadata": {"name": name, "namespace": session.namespace},
        "spec": compact({**spec, "delivery": Delivery.CALLER if caller else None}),
    }
    if creation.manifest:
        _print_manifest(body, creation)
    elif caller:
        made = await actions.create_for_caller(session, group.kind, body, waiting.timeout)
        hand_out(made, creation.output)
    else:
        created = await session.create(group.kind, body)
        await show_created(session, created, waiting, creation.output)


def _print_manifest(body: Object, creation: Creation) -> None:
    if creation.delivery is Delivery.CALLER:
        raise Failure(
            "--manifest makes no token, so there is none for a caller: leave out --delivery",
            Exit.USAGE,
        )
    form = Output.JSON if creation.output is Output.JSON else Output.YAML
    printing.show_object(body, form)
