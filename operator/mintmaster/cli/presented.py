"""A token that somebody shows us: where it is read from, and what can be told from its text alone."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import Any

from mintmaster.cli.exits import Exit, Failure
from mintmaster.tokens import base64url, opaque, strict_json
from mintmaster.tokens.digests import digest
from mintmaster.tokens.invalid_token import InvalidTokenCode

STDIN = "-"
"""Stands for standard input: a token there gets neither into the shell's history nor into the list of processes."""

MAX_INPUT_BYTES = 64 * 1024
"""More than any header field of HTTP holds, ours or another's."""

_OPAQUE_LENGTH = len(opaque.mint())

REASONS: dict[str, str] = {
    InvalidTokenCode.TOO_LARGE: "it is larger than any token of ours",
    InvalidTokenCode.MALFORMED: "it is no JWT in its one canonical form",
    InvalidTokenCode.HEADER: "its header cannot be read, or changes what is signed",
    InvalidTokenCode.TYPE: "its header does not say that it is an access token (typ: at+jwt)",
    InvalidTokenCode.KEY_UNKNOWN: "it names a key that the issuer does not publish: withdrawn, retired, or another's",
    InvalidTokenCode.ALGORITHM: "its algorithm is not that of its key",
    InvalidTokenCode.SIGNATURE: "the signature does not hold: it was changed, or somebody else made it",
    InvalidTokenCode.CLAIMS: "a claim is missing or malformed",
    InvalidTokenCode.ISSUER: "it is of another issuer",
    InvalidTokenCode.AUDIENCE: "it is meant for another service",
    InvalidTokenCode.EXPIRED: "it has expired",
    InvalidTokenCode.NOT_YET_VALID: "it was issued in the future: is the clock of this machine right?",
    InvalidTokenCode.LIFETIME: "it lives longer than the issuer ever mints",
    InvalidTokenCode.KEY_INACTIVE: "its key did not sign yet, or is retired for good",
}
"""Why a token is not accepted, for people."""


@dataclass(frozen=True, slots=True)
class Presented:
    """What the text of a token says; nothing of it is verified."""

    text: str = field(repr=False)
    header: dict[str, Any]
    claims: dict[str, Any]

    @property
    def is_jwt(self) -> bool:
        """Whether it is a JWT, ours or another's."""
        return bool(self.header)

    @property
    def is_opaque(self) -> bool:
        """Whether it has the form of our opaque tokens, and its check characters are right."""
        prefix = self.text[:-_OPAQUE_LENGTH]
        try:
            return len(self.text) >= _OPAQUE_LENGTH and opaque.checks_out(self.text, prefix)
        except ValueError:
            return False

    @property
    def prefix(self) -> str:
        """What an opaque token begins with."""
        return self.text[:-_OPAQUE_LENGTH]

    @property
    def digest(self) -> str:
        """By which statuses know the token."""
        return digest(self.text)

    @property
    def issuer(self) -> str:
        """The claim `iss`; empty without one."""
        found = self.claims.get("iss")
        return found if isinstance(found, str) else ""


def read(argument: str) -> Presented:
    """Take the token of an argument, or of standard input. Failure where there is none."""
    text = (_standard_input() if argument == STDIN else argument).strip()
    if not text:
        raise Failure("there is no token on standard input", Exit.USAGE)
    return of(text)


def _standard_input() -> str:
    octets = sys.stdin.buffer.read(MAX_INPUT_BYTES + 1)
    if len(octets) > MAX_INPUT_BYTES:
        raise Failure(
            f"more than {MAX_INPUT_BYTES} bytes on standard input are no token", Exit.USAGE
        )
    return octets.decode("utf-8", "replace")


def of(text: str) -> Presented:
    """Look at a token, leniently: also at one that no verifier would accept."""
    parts = text.split(".")
    if len(parts) != 3:
        return Presented(text, {}, {})
    header, claims = (_object(part) for part in parts[:2])
    return Presented(text, header, claims)


def _object(part: str) -> dict[str, Any]:
    try:
        return strict_json.parse_object(base64url.decode(part.encode("ascii", "replace")))
    except ValueError:
        return {}
