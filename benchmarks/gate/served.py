"""The server that is measured, in a process of its own.

`python -m benchmarks.gate.served empty` or `... gate COUNT FOLDER`: prints the port it listens at. The gate first
writes into FOLDER what to ask it with: into `tokens` COUNT tokens, one per line, with the asker's before them, into
`client` id and secret of an application. `SIGTERM` ends it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from pathlib import Path

import uvicorn
import uvloop
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from benchmarks.gate.population import Population
from mintmaster.gate.app import App, Health
from mintmaster.gate.process import Process
from mintmaster.gate.routes import Routes
from mintmaster.gate.server import Server
from mintmaster.gate.settings import HttpSettings, Settings
from mintmaster.kube.config import Connection
from mintmaster.kube.tls import ClientTLS

PATHS = ("/oauth2/introspect", "/issuers/applications/oauth2/token")


def empty_app() -> Starlette:
    """An application whose one handler reads nothing and says nothing."""

    async def handle(_: object) -> Response:
        return Response()

    return Starlette(routes=[Route(path, handle, methods=["POST"]) for path in PATHS])


def gate_app(count: int, folder: Path) -> App:
    """A gate that knows so many tokens and can mint others; it asks no API server."""
    settings = Settings(signing_keys=folder)
    process = Process(Connection("http://127.0.0.1:1", ClientTLS()), settings)
    population = Population.begin(process.knowledge)
    (folder / f"{population.key.kid}.pem").write_bytes(population.key.to_pem())
    process.signing_keys.open()
    (folder / "client").write_text("\n".join(population.add_application()))
    lines = [population.add(0, "introspect")]
    lines += [population.add(number) for number in range(1, count)]
    (folder / "tokens").write_text("\n".join(lines))
    health = Health(unready=lambda: "", age=lambda: 0.0)
    return App(Routes(process.endpoints(), process.knowledge), health, process.metrics)


def empty_server() -> uvicorn.Server:
    """The same server without anything of ours, and what it can leave out switched off."""
    config = uvicorn.Config(
        empty_app(),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
    )
    return uvicorn.Server(config)


def gate_server(count: int, folder: Path) -> Server:
    """A gate as it is served."""
    return Server(gate_app(count, folder), HttpSettings(), None)


async def serve(server: uvicorn.Server) -> None:
    """Serve on a free port until SIGTERM."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        asyncio.get_running_loop().add_signal_handler(
            signal.SIGTERM, setattr, server, "should_exit", True
        )
        print(listener.getsockname()[1], flush=True)
        await server.serve(sockets=[listener])


if __name__ == "__main__":
    os.sched_setaffinity(0, {0})
    uvloop.run(
        serve(
            empty_server()
            if sys.argv[1] == "empty"
            else gate_server(int(sys.argv[2]), Path(sys.argv[3]))
        )
    )
