"""Tokens for applications, in every spelling that Run:ai has asked for them in over the years.

Clients of all ages get the same access token. Where they expect an ID token beside it they get it twice: manuals
contradict each other about which of the two is to be sent, so both have to be good.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mintmaster.gate.client_secrets import shown
from mintmaster.gate.compat.fields import body_fields, text
from mintmaster.gate.compat.runai import answers
from mintmaster.gate.forms import Parameters, parameters
from mintmaster.gate.messages import Refused, oauth_error
from mintmaster.gate.minting import response
from mintmaster.gate.narrowing import narrowed

if TYPE_CHECKING:
    from collections.abc import Callable

    from mintmaster.gate.clients import Client
    from mintmaster.gate.compat.runai.homes import Homes
    from mintmaster.gate.issuer import KnownIssuer
    from mintmaster.gate.messages import Answer, IssuerRequest

_CLIENT_CREDENTIALS = "client_credentials"
_APPLICATION_GRANTS = frozenset({"app_token", _CLIENT_CREDENTIALS})
"""Values of `grantType` that mean an application."""

_OF_OPENID = ("openid", "profile", "email")
"""Scopes that ask for an ID token and what stands in it, rather than for rights."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """Answers applications that ask for tokens."""

    homes: Homes

    async def realm(self, request: IssuerRequest, _realm: str) -> Answer:
        """`POST /auth/realms/{realm}/protocol/openid-connect/token`: as Keycloak answers."""
        home = self.homes.home(request.issuer)
        if home is None:
            raise answers.keycloak(404, "Realm does not exist")
        # Where there is no body, clients name no type of it either.
        form = parameters(request) if request.body else Parameters({}, ())
        grant = form.get("grant_type")
        if grant is None:
            raise answers.keycloak(400, "invalid_request", "Missing form parameter: grant_type")
        if grant != _CLIENT_CREDENTIALS:
            raise answers.keycloak(400, "unsupported_grant_type", "Unsupported grant_type")
        client = _or_invalid_client(lambda: self._of_form(request, home))
        asked = (form.get("scope") or "").split(" ")
        rights = narrowed(client.record.rights, home.view, _of_rights(asked), ())
        minted = self.homes.minted(home, client, rights)
        scopes = (
            *(it for it in _OF_OPENID if it in asked and it not in rights.scopes),
            *rights.scopes,
        )
        body = {
            "access_token": minted.token,
            "expires_in": minted.lifetime,
            "refresh_expires_in": 0,
            "token_type": "bearer",
            "id_token": minted.token,
            "not-before-policy": 0,
            "scope": " ".join(scopes),
        }
        return answers.answer(200, body)

    async def first(self, request: IssuerRequest) -> Answer:
        """`POST /api/v1/token`: JSON in four spellings. A wrong secret gets 400, since clients repeat what gets 401."""
        found = {name.lower(): value for name, value in body_fields(request).items()}
        if text(found, "granttype") not in _APPLICATION_GRANTS:
            raise answers.error(400, "grantType has to be app_token or client_credentials")
        client_id = text(found, "appid") or text(found, "clientid")
        secret = text(found, "appsecret") or text(found, "clientsecret")
        token = self._token(request.issuer, client_id, secret)
        return answers.answer(200, {"accessToken": token, "idToken": token})

    async def second(self, request: IssuerRequest) -> Answer:
        """`POST /api/v2/token`: a form, and answers as RFC 6749 has them."""
        home = self.homes.home(request.issuer)
        if home is None:
            raise oauth_error(404, "not_found", "the issuer mints no tokens over HTTP")
        grant = parameters(request).required("grant_type")
        if grant != _CLIENT_CREDENTIALS:
            raise oauth_error(400, "unsupported_grant_type", "there is no such grant")
        client = _or_invalid_client(lambda: self._of_form(request, home))
        asked = (parameters(request).get("scope") or "").split(" ")
        rights = narrowed(client.record.rights, home.view, _of_rights(asked), ())
        return response(self.homes.minted(home, client, rights), rights)

    async def oldest(self, request: IssuerRequest) -> Answer:
        """`POST /v1/k8s/auth/oauth/apptoken`: JSON with the application's name and secret."""
        found = body_fields(request)
        token = self._token(request.issuer, text(found, "name"), text(found, "secret"))
        return answers.answer(200, {"access_token": token, "id_token": token})

    def _token(self, issuer: KnownIssuer, client_id: str, secret: str) -> str:
        home = self.homes.home(issuer)
        if home is None:
            raise answers.error(404)
        try:
            return self.homes.minted(home, self.homes.client(home, client_id, secret)).token
        except Refused as refused:
            if refused.answer.status in {400, 401}:
                raise answers.error(400, "the application or its secret is not accepted") from None
            raise

    def _of_form(self, request: IssuerRequest, home: KnownIssuer) -> Client:
        credentials = shown(request, parameters(request))
        if credentials is None:
            raise answers.invalid_client()
        return self.homes.client(home, credentials.client_id, credentials.client_secret)


def _of_rights(asked: list[str]) -> str | None:
    """The scopes that ask for rights, as a request names them; None for all that there are."""
    return " ".join(it for it in asked if it not in _OF_OPENID).strip() or None


def _or_invalid_client(authenticated: Callable[[], Client]) -> Client:
    """Say so as Keycloak does where the client is none."""
    try:
        return authenticated()
    except Refused as refused:
        if refused.answer.status == 401:
            raise answers.invalid_client() from None
        raise
