"""`mintmaster verify`: is this token good? By the keys of an issuer, or by asking a gate."""

import asyncio
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from mintmaster.api.kinds import TOKEN_ISSUER
from mintmaster.api.token_issuer import TokenIssuer
from mintmaster.cli import presented, printing
from mintmaster.cli.exits import Exit, Failure
from mintmaster.cli.option_groups import expanded
from mintmaster.cli.options import Cluster, Output, OutputOption, within
from mintmaster.cli.presented import Presented
from mintmaster.cli.session import Session
from mintmaster.gate.issuer import known_issuer
from mintmaster.tokens import strict_json
from mintmaster.tokens.keys import KeyDamaged, PublicKey
from mintmaster.tokens.verifier import InvalidToken, Verifier
from mintmaster.verify.credentials import BearerToken
from mintmaster.verify.fetching import Fetcher, check_url
from mintmaster.verify.refusals import VerificationUnavailable

_OFFLINE = "Offline: a revocation, the end of an overlap and shrunk rights are not seen; --introspect asks a gate."


@dataclass(frozen=True)
class Verdict:
    """What was found out about a token."""

    valid: bool
    how: str
    reason: str = ""
    claims: dict[str, Any] | None = None


@dataclass(frozen=True, kw_only=True)
class Keys:
    """Whose keys a token has to be signed with."""

    issuer: Annotated[
        str | None,
        typer.Option(
            help="TokenIssuer of the cluster; by default the one whose URL the token names."
        ),
    ] = None
    jwks: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Verify without a cluster, by the keys in this file (mintmaster issuer keys NAME --jwks).",
        ),
    ] = None
    issuer_url: Annotated[
        str | None, typer.Option(metavar="URL", help="With --jwks: what iss has to be.")
    ] = None
    audience: Annotated[
        list[str] | None,
        typer.Option(
            metavar="AUDIENCE", help="The service that it has to be meant for; repeatable."
        ),
    ] = None


@dataclass(frozen=True, kw_only=True)
class Gate:
    """The gate to ask."""

    introspect: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="Ask this introspection endpoint of a gate instead (RFC 7662)."
        ),
    ] = None
    credential_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="With --introspect: file with the bearer token that shows who asks, as kubectl create token makes it.",
        ),
    ] = None
    cacert: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="With --introspect: PEM file of the CA that the gate's certificate is from.",
        ),
    ] = None


@expanded
def verify(
    token: Annotated[
        str,
        typer.Argument(
            help="The token, or - to read it from standard input, which keeps it out of the shell's history.",
            show_default=False,
        ),
    ],
    keys: Keys,
    gate: Gate,
    cluster: Cluster,
    output: OutputOption = Output.TABLE,
) -> None:
    """Say whether a token is good, and for what. The exit code is 1 where it is not.

    Example: kubectl mint runner show build --print-token | mintmaster verify -

    Example: mintmaster verify - --introspect https://tokens.example.org/oauth2/introspect --credential-file me <token
    """
    shown = presented.read(token)
    if gate.introspect is not None:
        verdict = asyncio.run(_introspected(shown, gate))
    elif keys.jwks is not None:
        verdict = _verdict(shown, _verifier_of_file(keys), f"by the keys in {keys.jwks}")
    else:
        _check_form(shown)
        verdict = asyncio.run(within(cluster, lambda session: _by_cluster(session, shown, keys)))
    _show(verdict, output)


async def _by_cluster(session: Session, shown: Presented, keys: Keys) -> Verdict:
    """Verify by the keys that stand in the status of an issuer."""
    issuer = await _issuer(session, shown, keys.issuer)
    verifier = replace(known_issuer(issuer).verifier, audiences=tuple(keys.audience or ()))
    return _verdict(shown, verifier, f"by the published keys of TokenIssuer {issuer.metadata.name}")


async def _issuer(session: Session, shown: Presented, name: str | None) -> TokenIssuer:
    if name is not None:
        return (await session.get(TOKEN_ISSUER, name)).resource
    if not shown.issuer:
        raise Failure("the token names no issuer (claim iss), so it is none of ours")
    items = await session.find(TOKEN_ISSUER, fields=f"spec.url={shown.issuer}")
    if not items:
        raise Failure(f"no TokenIssuer of this cluster has the URL {shown.issuer!r}")
    oldest = min(items, key=lambda it: it.raw["metadata"]["creationTimestamp"])
    return oldest.resource


def _verifier_of_file(keys: Keys) -> Verifier:
    if keys.jwks is None or keys.issuer_url is None:
        raise Failure("--jwks needs --issuer-url: what the claim iss has to be", Exit.USAGE)
    try:
        found = strict_json.parse_object(keys.jwks.read_bytes())["keys"]
        read = [PublicKey.from_jwk(jwk) for jwk in msgspec.convert(found, list[dict[str, Any]])]
    except OSError as error:
        raise Failure(f"--jwks {keys.jwks}: {error.strerror}") from error
    except (KeyError, ValueError, KeyDamaged) as error:
        raise Failure(f"--jwks {keys.jwks}: not a JWK Set of usable keys") from error
    audiences = tuple(keys.audience or ())
    return Verifier(keys.issuer_url, {key.kid: key for key in read}, audiences=audiences)


def _verdict(shown: Presented, verifier: Verifier, how: str) -> Verdict:
    _check_form(shown)
    try:
        claims = verifier.verify(shown.text, datetime.now(UTC))
    except InvalidToken as invalid:
        return Verdict(False, how, presented.REASONS[invalid.code])
    return Verdict(True, f"{how}. {_OFFLINE}", claims=msgspec.to_builtins(claims))


def _check_form(shown: Presented) -> None:
    """An opaque token says nothing by itself."""
    if not shown.is_jwt:
        what = "an opaque token of ours" if shown.is_opaque else "no JWT"
        raise Failure(
            f"it is {what}, which nobody can verify offline: ask a gate with --introspect URL"
        )


async def _introspected(shown: Presented, gate: Gate) -> Verdict:
    """Ask the gate (RFC 7662, section 2)."""
    if gate.introspect is None or gate.credential_file is None:
        raise Failure(
            "--introspect needs --credential-file: a gate tells only those who may know", Exit.USAGE
        )
    answer = await _asked(check_or_fail(gate.introspect), shown, gate.credential_file, gate.cacert)
    how = f"by the gate at {gate.introspect}"
    if answer.get("active") is not True:
        why = "it is not active, or whoever asks may not know of it"
        return Verdict(False, how, why)
    return Verdict(True, how, claims={key: answer[key] for key in answer if key != "active"})


async def _asked(
    url: str, shown: Presented, credential: Path, authority: Path | None
) -> dict[str, Any]:
    try:
        fetcher = Fetcher(authority, timedelta(seconds=10))
        await fetcher.open()
        try:
            authorization = BearerToken.from_file(credential).authorization()
            body = await fetcher.post(url, {"token": shown.text}, authorization)
        finally:
            await fetcher.close()
        return strict_json.parse_object(body)
    except OSError as error:
        raise Failure(f"--cacert {authority}: {error.strerror}") from error
    except VerificationUnavailable as error:
        raise Failure(str(error)) from error
    except ValueError as error:
        raise Failure(f"{url}: not an answer of a gate") from error


def check_or_fail(url: str) -> str:
    """Return a URL that tokens may be sent to; Failure for any other."""
    try:
        return check_url(url)
    except ValueError as error:
        raise Failure(str(error), Exit.USAGE) from error


def _show(verdict: Verdict, output: Output) -> None:
    if output in {Output.JSON, Output.YAML}:
        printing.show_object(asdict(verdict), output)
    else:
        said = "valid" if verdict.valid else f"NOT valid: {verdict.reason}"
        printing.show_fields(
            [
                ("Token", said),
                ("Verified", verdict.how),
                *printing.claim_fields(verdict.claims or {}),
            ]
        )
    if not verdict.valid:
        raise typer.Exit(Exit.FAILED)
