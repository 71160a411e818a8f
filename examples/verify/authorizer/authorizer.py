"""Tells a proxy whether a request may pass: for Envoy's ext_authz, nginx's auth_request, Traefik's forwardAuth.

    ISSUER=https://tokens.example.org AUDIENCE=https://services.example.org CREDENTIAL=/run/secrets/gate/token \
        uvicorn --factory authorizer:create --port 9001

It answers any method and path: 200 with the fields `X-Token-Subject` and `X-Token-Scopes`, which the proxy passes on to
the service; 401 or 403 with a challenge; or 503 while nothing can be said. ISSUER_CA is as for the Starlette example.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mintmaster.verify import BearerToken, Guard, Introspection, Verifier, token_of

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


def create() -> Starlette:
    """Make the application from the environment."""
    authority = os.environ.get("ISSUER_CA")
    verifier = Verifier(
        os.environ["ISSUER"],
        audience=os.environ["AUDIENCE"],
        authority=Path(authority) if authority else None,
        introspection=Introspection(
            credential=BearerToken.from_file(Path(os.environ["CREDENTIAL"]))
        ),
    )

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with verifier:
            yield

    return Starlette(
        routes=[Route("/{path:path}", allow, methods=METHODS)],
        middleware=[Middleware(Guard, verifier=verifier)],
        lifespan=lifespan,
    )


async def allow(request: Request) -> Response:
    """Say who asks; a subject may have characters that a header field may not."""
    token = token_of(request.scope)
    fields = {
        "X-Token-Subject": quote(token.subject, safe=":@/+"),
        "X-Token-Scopes": " ".join(sorted(token.scopes)),
    }
    return Response(headers=fields)
