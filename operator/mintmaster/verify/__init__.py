"""For services that receive tokens: is this token good, who asks, and what may they do?

    verifier = Verifier("https://tokens.example.org", audience="https://services.example.org")
    async with verifier:
        token = await verifier.authenticate(request.headers.getlist("authorization"))
        token.require(scopes={"read_api"})

It needs nothing of Kubernetes, and of Mintmaster only `mintmaster.tokens`.
"""

from mintmaster.tokens.invalid_token import InvalidTokenCode
from mintmaster.verify.access_token import AccessToken
from mintmaster.verify.credentials import BearerToken, ClientSecret, Credential
from mintmaster.verify.guard import Guard, token_of
from mintmaster.verify.introspection import Introspection
from mintmaster.verify.refusals import (
    Cause,
    CredentialMalformed,
    CredentialMissing,
    Refused,
    RightsInsufficient,
    TokenNotAccepted,
    VerificationUnavailable,
)
from mintmaster.verify.settings import Settings
from mintmaster.verify.status_lists import StatusLists
from mintmaster.verify.verifier import Verifier

__all__ = [
    "AccessToken",
    "BearerToken",
    "Cause",
    "ClientSecret",
    "Credential",
    "CredentialMalformed",
    "CredentialMissing",
    "Guard",
    "Introspection",
    "InvalidTokenCode",
    "Refused",
    "RightsInsufficient",
    "Settings",
    "StatusLists",
    "TokenNotAccepted",
    "VerificationUnavailable",
    "Verifier",
    "token_of",
]
