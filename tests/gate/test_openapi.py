"""Every endpoint answers what its OpenAPI description says, whatever schemathesis asks over a real socket."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from gate.minting_bench import APPLICATIONS, CLIENT_ID, MintingBench, basic
from gate.workbench import SERVICES
from mintmaster.gate.listening import bound
from mintmaster.gate.pages import description
from mintmaster.gate.server import Server
from mintmaster.gate.settings import HttpSettings, Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemathesis import Case
    from schemathesis.core.transport import Response

DESCRIBED = [status_code_conformance, content_type_conformance, response_schema_conformance]
CONFIG = SchemathesisConfig.from_dict({"generation": {"with-security-parameters": False}})
"""Callers show what the tests say, and nothing of schemathesis's own making."""
SCHEMA = schemathesis.openapi.from_dict(description(), config=CONFIG)
OPERATIONS = {
    f"{method.upper()} {path}": SCHEMA[path][method.upper()]
    for path, methods in description()["paths"].items()
    for method in methods
}
OF_THE_PROCESS = {"/healthz", "/readyz", "/metrics", "/docs", "/openapi.json"}
BASES = ("", APPLICATIONS, "/issuers/unheard-of")
"""An issuer that the operator signs, one that gates sign, and none."""

ANY_INPUT = settings(
    max_examples=30,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
    database=None,
)
"""Enough requests to every operation; all together take well under a minute."""


@dataclass
class Listening:
    """A gate behind a socket; the API server that it would ask is not there."""

    bench: MintingBench
    url: str
    session: requests.Session

    def ask(self, case: Case[Any], base: str, caller: str = "") -> Response:
        """Send a request as one of the callers, and hold the answer against the description."""
        return case.call_and_validate(
            base_url=self.url + base,
            session=self.session,
            headers=self.callers[caller],
            # Who is unknown here would be shown to the API server: 503 is the answer that they get.
            checks=DESCRIBED if caller == "stranger" else [not_a_server_error, *DESCRIBED],
        )

    @property
    def callers(self) -> dict[str, dict[str, str]]:
        """What callers show: nothing, a token or client secret that may introspect, or what nobody knows."""
        shown = {
            "service": f"Bearer {self.bench.asker}",
            "application": basic(CLIENT_ID, self.bench.client_secret)[1].decode(),
            "stranger": "Bearer stranger",
            "malformed": "Bearer a b",
        }
        return {"": {}} | {name: {"Authorization": value} for name, value in shown.items()}


def takes_a_body(name: str) -> bool:
    """Whether there is something that a request could get wrong; any text will do for a path or an entity tag."""
    method, path = name.split()
    return "requestBody" in description()["paths"][path][method.lower()]


CALLERS = ("", "service", "application", "stranger", "malformed")


@pytest.fixture(scope="module")
def listening(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listening]:
    bench = MintingBench(folder=tmp_path_factory.mktemp("keys"))
    with bound(Settings(listen="127.0.0.1:0")) as listener, requests.Session() as session:
        session.trust_env = False
        server = Server(bench.app, HttpSettings(), None)

        async def serve() -> None:
            async with bench.process.client:
                await server.serve(sockets=[listener])

        thread = Thread(target=asyncio.run, args=(serve(),))
        thread.start()
        yield Listening(bench, f"http://127.0.0.1:{listener.getsockname()[1]}", session)
        server.should_exit = True
        thread.join()


def answers_are_as_described(listening: Listening, name: str, mode: GenerationMode) -> None:
    """Ask an issuer that has the operation, or none, as any caller, for what the description allows or not."""
    operation = OPERATIONS[name]
    bases = ("",) if operation.path in OF_THE_PROCESS else BASES

    @given(operation.as_strategy(mode), st.sampled_from(bases), st.sampled_from(CALLERS))
    @ANY_INPUT
    def ask(case: Case[Any], base: str, caller: str) -> None:
        listening.ask(case, base, caller)

    ask()


@pytest.mark.parametrize("name", OPERATIONS)
def test_what_is_allowed_is_answered_as_described(listening: Listening, name: str) -> None:
    answers_are_as_described(listening, name, GenerationMode.POSITIVE)


@pytest.mark.parametrize("name", [name for name in OPERATIONS if takes_a_body(name)])
def test_what_is_not_allowed_is_answered_as_described(listening: Listening, name: str) -> None:
    answers_are_as_described(listening, name, GenerationMode.NEGATIVE)


def test_what_is_said_of_tokens_that_are_active_is_as_described(listening: Listening) -> None:
    token = listening.bench.issue()
    introspect = OPERATIONS["POST /oauth2/introspect"]
    said = listening.ask(introspect.Case(body={"token": token}), "", "service").json()
    assert said["active"] is True
    review: Any = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview"}
    asked: Any = review | {"spec": {"token": token, "audiences": [SERVICES]}}
    reviewed = listening.ask(OPERATIONS["POST /k8s/tokenreview"].Case(body=asked), "").json()
    assert reviewed["status"]["authenticated"] is True


def test_what_is_minted_is_as_described(listening: Listening) -> None:
    grant: Any = {"grant_type": "client_credentials", "scope": "api introspect"}
    case = OPERATIONS["POST /oauth2/token"].Case(body=grant)
    minted = listening.ask(case, APPLICATIONS, "application").json()
    introspect = OPERATIONS["POST /oauth2/introspect"].Case(body={"token": minted["access_token"]})
    said = listening.ask(introspect, APPLICATIONS, "application").json()
    assert (said["active"], said["scope"]) == (True, minted["scope"])
