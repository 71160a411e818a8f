"""`mintmaster inspect`: what is this token, or what is in this Secret? Nothing of it is printed itself."""

import asyncio
import re
from collections.abc import Mapping
from typing import Annotated

import typer

from mintmaster.api import names
from mintmaster.api.schema import DNS_SUBDOMAIN
from mintmaster.cli import presented, printing
from mintmaster.cli.exits import Exit, Failure
from mintmaster.cli.naming import TOKEN_KINDS_BY_NAME
from mintmaster.cli.option_groups import expanded
from mintmaster.cli.options import Cluster, Output, OutputOption, within
from mintmaster.cli.presented import STDIN, Presented
from mintmaster.cli.session import Object, Session
from mintmaster.kube.errors import Forbidden
from mintmaster.lifecycle import ownership
from mintmaster.lifecycle.ownership import Holder

Fields = list[tuple[str, str]]

_NAME = re.compile(f"(secret/)?{DNS_SUBDOMAIN.removeprefix('^')}")


@expanded
def inspect(
    what: Annotated[
        str,
        typer.Argument(
            metavar="TOKEN|SECRET|-",
            help="A token, the name of a Secret (or secret/NAME), or - for a token on standard input, which keeps it "
            "out of the shell's history.",
            show_default=False,
        ),
    ],
    cluster: Cluster,
    output: OutputOption = Output.TABLE,
) -> None:
    """Decode a token, or a Secret's tokens, and say what they are. Nothing is verified; no token is printed.

    Example: mintmaster inspect build-token -n ci

    Example: mintmaster inspect - <token
    """
    if what != STDIN and _NAME.match(what):
        name = what.removeprefix("secret/")
        found = asyncio.run(within(cluster, lambda session: _look_into(session, name)))
        fields = _secret_fields(found)
    else:
        found = look_at(presented.read(what))
        fields = _token_fields(found)
    if output in {Output.JSON, Output.YAML}:
        printing.show_object(found, output)
    else:
        printing.show_fields(fields)


def look_at(shown: Presented) -> Object:
    """What a token says of itself, and the digest by which statuses know it; never the token."""
    if shown.is_jwt:
        said: Object = {"format": "JWT", "header": shown.header, "claims": shown.claims}
    elif shown.is_opaque:
        said = {"format": "Opaque", "prefix": shown.prefix}
    else:
        said = {"format": "unknown", "bytes": len(shown.text.encode())}
    return {**said, "digest": shown.digest}


async def _look_into(session: Session, name: str) -> Object:
    """What is in a Secret, and what is on record of its tokens."""
    reading = await session.secrets.read(session.namespace, name)
    if reading is None:
        raise Failure(
            f"there is no Secret {name!r} in namespace {session.namespace!r} (name another with -n)",
            Exit.NOT_FOUND,
        )
    view = reading.view
    holder = ownership.holder_of(view)
    recorded = await _recorded(session, holder)
    keys = {
        key: _with_record(look_at(presented.of(value.decode("utf-8", "replace"))), recorded)
        for key, value in sorted(reading.data.items())
    }
    return {
        "secret": name,
        "namespace": session.namespace,
        "belongsTo": f"{holder.kind} {holder.name}" if holder else None,
        "revision": view.metadata.annotations.get(names.ANNOTATION_REVISION),
        "expires": view.metadata.annotations.get(names.ANNOTATION_EXPIRES_AT),
        "edited": holder is not None and not view.untouched,
        "keys": keys,
    }


async def _recorded(session: Session, holder: Holder | None) -> dict[str, str]:
    """The digests that the Secret's resource has on record, and what each is."""
    kind = TOKEN_KINDS_BY_NAME.get(holder.kind) if holder else None
    if holder is None or kind is None:
        return {}
    try:
        status = (await session.get(kind, holder.name)).resource.status
    except (Forbidden, Failure):
        return {}
    current = f"current, revision {status.revision}"
    return {
        token.digest: current
        if token.revision == status.revision
        else f"superseded, revision {token.revision}"
        for token in status.tokens
    }


def _with_record(found: Object, recorded: Mapping[str, str]) -> Object:
    """Add what is on record of a token; other data has no record."""
    known = recorded.get(found["digest"])
    if known is None and found["format"] == "unknown":
        return found
    return {**found, "recorded": known}


def _token_fields(found: Object) -> Fields:
    digest = ("Digest", f"{found['digest']} (as in status.tokens)")
    match found["format"]:
        case "JWT":
            header = ", ".join(f"{key} {value}" for key, value in found["header"].items())
            claims = printing.claim_fields(found["claims"])
            return [
                ("Token", f"{_sort_of_jwt(found)}; not verified"),
                ("Header", header),
                *claims,
                digest,
            ]
        case "Opaque":
            text = "opaque, in the form of ours, and its check characters are right"
            return [("Token", text), ("Prefix", found["prefix"]), digest]
        case _:
            return [("Token", "neither a JWT nor an opaque token of ours"), digest]


def _sort_of_jwt(found: Object) -> str:
    ours = found["header"].get("typ") == "at+jwt" and names.GROUP in found["claims"]
    return "JWT in the form of ours" if ours else "JWT of others"


def _secret_fields(found: Object) -> Fields:
    edited = "its data is not what the operator wrote"
    return [
        ("Secret", found["secret"]),
        ("Namespace", found["namespace"]),
        ("Belongs to", found["belongsTo"] or "not ours: it lacks our labels"),
        ("Revision", found["revision"] or ""),
        ("Expires", found["expires"] or ""),
        ("Edited", edited if found["edited"] else ""),
        *((f"Key {key}", _key_text(value)) for key, value in found["keys"].items()),
    ]


def _key_text(value: Object) -> str:
    """What lies under one key, without its value."""
    if "recorded" not in value:
        return f"{value['bytes']} bytes of other data"
    record = value["recorded"] or "none: who asks is told that it is inactive"
    lines = [*_token_fields(value), ("On record", record)]
    return "\n".join(f"{label}: {text}" for label, text in lines if text)
