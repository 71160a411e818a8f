"""A service on Starlette that serves who has a token for it. With FastAPI it is the same: both are ASGI.

    ISSUER=https://tokens.example.org AUDIENCE=https://services.example.org uvicorn --factory service:create

ISSUER_CA names a PEM file where the issuer's certificate is not from a CA that the system trusts. CREDENTIAL names a
file with a token that may introspect: with it revocations are seen within seconds, and opaque tokens are accepted.
"""

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route

from mintmaster.verify import BearerToken, Guard, Introspection, Verifier, token_of


def create() -> Starlette:
    """Make the application from the environment."""
    verifier = verifier_from(os.environ)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with verifier:
            yield

    return Starlette(
        routes=[
            Route("/healthz", healthz),
            Route("/whoami", whoami),
            Route("/jobs/{project}", start_job, methods=["POST"]),
        ],
        middleware=[Middleware(Guard, verifier=verifier, open_paths={"/healthz"})],
        lifespan=lifespan,
    )


def verifier_from(environment: Mapping[str, str]) -> Verifier:
    """Make the verifier, which introspects if there is a credential for it."""
    authority = environment.get("ISSUER_CA")
    credential = environment.get("CREDENTIAL")
    introspection = None
    if credential:
        introspection = Introspection(credential=BearerToken.from_file(Path(credential)))
    return Verifier(
        environment["ISSUER"],
        audience=environment["AUDIENCE"],
        authority=Path(authority) if authority else None,
        introspection=introspection,
    )


async def healthz(_: Request) -> PlainTextResponse:
    """Answer anybody."""
    return PlainTextResponse("ok\n")


async def whoami(request: Request) -> JSONResponse:
    """Tell who asks. That there is a good token is certain here: the guard saw to it."""
    token = token_of(request.scope)
    return JSONResponse({"subject": token.subject, "scopes": sorted(token.scopes)})


async def start_job(request: Request) -> JSONResponse:
    """Do what takes a scope, in a project that the token covers; the guard answers 403 if either is lacking."""
    token = token_of(request.scope)
    project = request.path_params["project"]
    token.require(scopes={"api"}, project=project)
    return JSONResponse({"started_by": token.subject, "project": project}, status_code=201)
