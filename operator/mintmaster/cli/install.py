"""`mintmaster install` and `uninstall`: the CRDs and manifests of this version, and never what is the users'."""

import asyncio
import sys
import time
from datetime import timedelta
from typing import Annotated, Final

import typer

from mintmaster.api import names
from mintmaster.api.kinds import ALL_KINDS, TOKEN_ISSUER, TOKEN_KINDS
from mintmaster.cli import printing, shipped
from mintmaster.cli.exits import Exit, Failure
from mintmaster.cli.objects import Objects, UnknownKind, label
from mintmaster.cli.options import Output, Timeout, in_cluster
from mintmaster.cli.session import Object, Session
from mintmaster.kube.errors import NotFound, TooManyRequests
from mintmaster.kube.paths import collection_path

USERS_KINDS: Final = frozenset(kind.kind for kind in ALL_KINDS)
"""Kinds that people change after the installation, and that uninstalling leaves alone."""

PART_OF: Final = ("app.kubernetes.io/part-of", names.MANAGED_BY)
"""The label of everything that is installed."""

_PATIENCE: Final = timedelta(minutes=2)
_PAUSE: Final = 0.2
"""Seconds between looks at what the API server is about to serve or to remove."""


@in_cluster
async def install(  # noqa: PLR0913, PLR0917 - the options of the command
    session: Session,
    with_: Annotated[
        list[str] | None,
        typer.Option(
            "--with",
            metavar="COMPONENT",
            help="gate, network-policies or monitoring; repeatable.",
        ),
    ] = None,
    image: Annotated[
        str | None,
        typer.Option(help="Image of operator and gates, as registry.example.org/mintmaster:0.1.0."),
    ] = None,
    issuer_url: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=URL",
            help="URL of a shipped issuer, as default=https://tokens.example.org; it never changes. Repeatable.",
        ),
    ] = None,
    force_conflicts: Annotated[
        bool, typer.Option("--force-conflicts", help="Take over fields that others manage.")
    ] = False,
    print_: Annotated[
        bool,
        typer.Option("--print", help="Print what would be applied, as YAML, and apply nothing."),
    ] = False,
    timeout: Timeout = _PATIENCE,  # noqa: ASYNC109 - an option of the command
) -> None:
    """Install or upgrade: CRDs, RBAC, admission policies, operator, issuers, admin token.

    Issuers and tokens that exist already are left as they are: they are yours. Running it again changes nothing.

    Example: mintmaster install --issuer-url default=https://tokens.example.org --image example.org/mintmaster:0.1.0

    Example: mintmaster install --with gate --print | kubectl diff --server-side -f -
    """
    crds, manifests = shipped.crds(), shipped.manifests(*(with_ or ()), image=image)
    _set_urls(manifests, issuer_url or [])
    if print_:
        for body in (*crds, *manifests):
            typer.echo("---")
            printing.show_object(body, Output.YAML)
        return
    if image is None:
        typer.echo(
            f"note: the pods are made from {shipped.IMAGE}; name yours with --image", err=True
        )
    objects = Objects(session)
    for body in crds:
        await _apply(objects, body, force=force_conflicts)
    await _until_served(session, timeout)
    for body in manifests:
        await _apply(objects, body, force=force_conflicts)


@in_cluster
async def uninstall(
    session: Session,
    delete_resources: Annotated[
        bool,
        typer.Option(
            "--delete-resources",
            help="Delete the CRDs and our namespaces, too: every resource, its Secret, and all keys, for good.",
        ),
    ] = False,
    confirm: Annotated[
        str | None,
        typer.Option(
            metavar="GROUP",
            help=f"Say {names.GROUP} here, too, to have --delete-resources believed; a terminal is asked for it.",
        ),
    ] = None,
    timeout: Timeout = _PATIENCE,  # noqa: ASYNC109 - an option of the command
) -> None:
    """Remove operator, gates, RBAC and admission policies. Resources, Secrets, keys and CRDs stay.

    The Roles of listed namespaces go from every namespace that has them.

    Tokens then live until they expire, and nothing renews them. A later install takes everything up again.

    Example: mintmaster uninstall

    Example: mintmaster uninstall --delete-resources --confirm mintmaster.dev
    """
    objects = Objects(session)
    manifests = shipped.everything()
    if delete_resources:
        await _check_told_twice(session, confirm)
    for body in reversed(manifests):
        if body["kind"] not in {"Namespace", *USERS_KINDS}:
            await _delete(objects, body)
    for body in reversed(shipped.of_listed_namespaces()):
        for found in await objects.find_everywhere(body):
            await _delete_found(objects, found)
    if delete_resources:
        for body in (*shipped.crds(), *(it for it in manifests if it["kind"] == "Namespace")):
            await _delete(objects, body)
        await _until_gone(objects, timeout)


async def _apply(objects: Objects, body: Object, *, force: bool) -> None:
    if body["kind"] in USERS_KINDS and await objects.find(body) is not None:
        typer.echo(f"{label(body)} left as it is")
        return
    try:
        typer.echo(f"{label(body)} {await objects.apply(body, force=force)}")
    except UnknownKind as error:
        raise Failure(
            f"{label(body)}: {error}; install what brings that kind, or leave the component out"
        ) from error


async def _delete(objects: Objects, body: Object) -> None:
    """Delete an object of the installation; one of the same name without our label is somebody else's."""
    found = await objects.find(body)
    if found is not None:
        await _delete_found(objects, found)


async def _delete_found(objects: Objects, found: Object) -> None:
    key, value = PART_OF
    if found["metadata"].get("labels", {}).get(key) != value:
        typer.echo(
            f"{_placed(found)} left as it is: it does not have the label {key}={value}", err=True
        )
        return
    await objects.delete(found)
    typer.echo(f"{_placed(found)} deleted")


def _placed(found: Object) -> str:
    """An object, and where it is: those of listed namespaces have one name in all of them."""
    namespace = found["metadata"].get("namespace")
    return f"{label(found)} in {namespace}" if namespace else label(found)


def _set_urls(manifests: list[Object], urls: list[str]) -> None:
    issuers = {it["metadata"]["name"]: it for it in manifests if it["kind"] == TOKEN_ISSUER.kind}
    for said in urls:
        name, equals, url = said.partition("=")
        if not equals or name not in issuers:
            known = " or ".join(f"{it}=URL" for it in issuers)
            raise Failure(f"--issuer-url takes {known}, not {said!r}", Exit.USAGE)
        issuers[name]["spec"]["url"] = url


async def _until_served(session: Session, patience: timedelta) -> None:
    """Wait until our kinds can be created: an established CRD may answer 429 for a moment yet."""
    deadline = time.monotonic() + patience.total_seconds()
    for kind in ALL_KINDS:
        path = collection_path(names.API_VERSION, kind.plural)
        while True:
            try:
                await session.client.get(path, {"limit": "1"})
                break
            except (NotFound, TooManyRequests) as error:
                if time.monotonic() > deadline:
                    raise Failure(
                        f"{kind.kind} is not served yet: {error}", Exit.NOT_READY
                    ) from error
                await asyncio.sleep(_PAUSE)


async def _until_gone(objects: Objects, patience: timedelta) -> None:
    """Wait until the CRDs are gone, and with them the resources."""
    deadline = time.monotonic() + patience.total_seconds()
    for body in shipped.crds():
        while await objects.find(body) is not None:
            if time.monotonic() > deadline:
                raise Failure(f"{label(body)} is still being deleted", Exit.NOT_READY)
            await asyncio.sleep(_PAUSE)


async def _check_told_twice(session: Session, confirm: str | None) -> None:
    """Refuse to delete what is the users' unless it was said twice."""
    lost = ", ".join(await _counted(session)) or "no resources"
    warning = f"this deletes {lost}, their Secrets and the keys of all issuers, for good"
    if confirm is None and sys.stdin.isatty():
        confirm = typer.prompt(f"{warning}. To go on, type {names.GROUP}", err=True)
    if confirm != names.GROUP:
        raise Failure(f"{warning}; if you mean it, say --confirm {names.GROUP}, too", Exit.USAGE)


async def _counted(session: Session) -> list[str]:
    found = []
    for kind in (*TOKEN_KINDS, TOKEN_ISSUER):
        try:
            count = len(await session.find(kind, everywhere=True))
        except NotFound:
            continue
        if count:
            found.append(f"{count} {kind.kind}{'s' if count > 1 else ''}")
    return found
