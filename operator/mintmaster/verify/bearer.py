"""The credential of a request: a bearer token in the Authorization header, and nowhere else (RFC 6750, section 2.1)."""

import re
from collections.abc import Sequence

from mintmaster.tokens.jws import MAX_TOKEN_BYTES
from mintmaster.verify.refusals import CredentialMalformed, CredentialMissing

_B64TOKEN = re.compile(r"[A-Za-z0-9\-._~+/]+=*")


def bearer_token(authorization: Sequence[str]) -> str:
    """Read the token from all values of a request's Authorization header.

    Raises CredentialMissing where there is none, or one of another scheme; CredentialMalformed where there are two, or
    where it has another form or more than 4 KiB.
    """
    if not authorization:
        raise CredentialMissing
    if len(authorization) > 1:
        raise CredentialMalformed("there is more than one Authorization header")
    scheme, _, credential = authorization[0].partition(" ")
    if scheme.lower() != "bearer":
        raise CredentialMissing
    return checked(credential.strip(" "))


def checked(credential: str) -> str:
    """Return the credential; CredentialMalformed where it cannot be a bearer token of anybody."""
    if len(credential) > MAX_TOKEN_BYTES or _B64TOKEN.fullmatch(credential) is None:
        raise CredentialMalformed("the Authorization header is malformed")
    return credential
