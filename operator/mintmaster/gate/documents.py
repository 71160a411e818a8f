"""What an issuer publishes: its metadata (OpenID Connect Discovery 1.0, RFC 8414) and its keys (RFC 7517)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mintmaster.gate import client_credentials, token_exchange
from mintmaster.gate.client_secrets import AUTHENTICATION_METHODS
from mintmaster.gate.messages import Answer, encode

if TYPE_CHECKING:
    from mintmaster.gate.issuer import KnownIssuer
    from mintmaster.gate.messages import IssuerRequest
    from mintmaster.kube.clock import Clock

METADATA_AGE = 300
"""Seconds that the metadata may be kept."""

GRANT_TYPES = (client_credentials.GRANT_TYPE, token_exchange.GRANT_TYPE)

_CLAIMS = (
    "iss",
    "sub",
    "aud",
    "exp",
    "iat",
    "jti",
    "client_id",
    "scope",
    "roles",
    "projects",
    "email",
    "preferred_username",
    "act",
    "status",
    "mintmaster.dev",
)


@dataclass(frozen=True, slots=True)
class Jwks:
    """`GET /jwks`: all keys that verify, at the same place for ever."""

    clock: Clock

    async def __call__(self, request: IssuerRequest) -> Answer:
        """Publish the keys; an entity tag makes it cheap to ask often (RFC 9110, section 13.1.2)."""
        issuer = request.issuer
        keys = sorted(issuer.published(self.clock.now()), key=lambda key: key.kid)
        body = encode({"keys": [key.jwk() for key in keys]})
        tag = entity_tag(body)
        headers = (
            (b"cache-control", b"public, max-age=" + str(issuer.keys_age).encode()),
            (b"etag", tag),
        )
        if names(request, tag):
            return Answer(304, headers=headers)
        return Answer(200, body, b"application/jwk-set+json", headers)


@dataclass(frozen=True, slots=True)
class Metadata:
    """`GET /.well-known/openid-configuration` and `/.well-known/oauth-authorization-server`."""

    clock: Clock

    async def __call__(self, request: IssuerRequest) -> Answer:
        """Describe the issuer. All URLs are made from its own, never from what the request says (attacks 42)."""
        cache = (b"cache-control", b"public, max-age=" + str(METADATA_AGE).encode())
        algorithms = {key.algorithm.value for key in request.issuer.published(self.clock.now())}
        return Answer(200, encode(_metadata(request.issuer, algorithms)), headers=(cache,))


def _metadata(issuer: KnownIssuer, algorithms: set[str]) -> dict[str, object]:
    base = issuer.url.rstrip("/")
    members: dict[str, object] = {
        "issuer": issuer.url,
        "jwks_uri": f"{base}/jwks",
        "introspection_endpoint": f"{base}/oauth2/introspect",
        "introspection_endpoint_auth_methods_supported": ["Bearer", *AUTHENTICATION_METHODS],
        "revocation_endpoint": f"{base}/oauth2/revoke",
        "revocation_endpoint_auth_methods_supported": ["Bearer", *AUTHENTICATION_METHODS],
        # Both required members, as Kubernetes's own issuer has them: there is no authorization endpoint.
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        # RS256 has to be listed, says OpenID Connect Discovery 1.0, section 3, and clients check it.
        "id_token_signing_alg_values_supported": sorted(algorithms | {"RS256"}),
        "claims_supported": _CLAIMS,
    }
    if issuer.is_gate_signed:
        members |= {
            "token_endpoint": f"{base}/oauth2/token",
            "token_endpoint_auth_methods_supported": AUTHENTICATION_METHODS,
            "grant_types_supported": GRANT_TYPES,
        }
    if issuer.view.spec.scopes:
        members["scopes_supported"] = sorted(issuer.view.scope_names)
    return members


def entity_tag(body: bytes) -> bytes:
    """A strong entity tag (RFC 9110, section 8.8.3), the same at all gates."""
    return b'"' + hashlib.sha256(body).hexdigest()[:32].encode() + b'"'


def names(request: IssuerRequest, tag: bytes) -> bool:
    """Whether If-None-Match names the tag (RFC 9110, section 13.1.2: weakly compared)."""
    listed = b",".join(request.values(b"if-none-match")).split(b",")
    return any(it.strip().removeprefix(b"W/") in {tag, b"*"} for it in listed)
