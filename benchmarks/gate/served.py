"""The server that is measured, in a process of its own.

`python -m benchmarks.gate.served empty` or `... gate COUNT FILE`: prints the port it listens at; the gate first writes
COUNT tokens into FILE, one per line, and the asker's before them. `SIGTERM` ends it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any

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


def empty_app() -> Starlette:
    """An application whose one handler reads nothing and says nothing."""

    async def handle(_: object) -> Response:
        return Response()

    return Starlette(routes=[Route("/oauth2/introspect", handle, methods=["POST"])])


def gate_app(count: int, tokens: Path) -> App:
    """A gate that knows so many tokens; it asks no API server."""
    process = Process(Connection("http://127.0.0.1:1", ClientTLS()), Settings())
    population = Population.begin(process.knowledge)
    lines = [population.add(0, "introspect")]
    lines += [population.add(number) for number in range(1, count)]
    tokens.write_text("\n".join(lines))
    health = Health(unready=lambda: "", age=lambda: 0.0)
    return App(Routes(process.endpoints(), process.knowledge), health, process.metrics)


async def serve(app: Any) -> None:
    """Serve on a free port until SIGTERM."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Server(app, HttpSettings(), None)
        asyncio.get_running_loop().add_signal_handler(
            signal.SIGTERM, setattr, server, "should_exit", True
        )
        print(listener.getsockname()[1], flush=True)
        await server.serve(sockets=[listener])


if __name__ == "__main__":
    os.sched_setaffinity(0, {0})
    uvloop.run(
        serve(
            empty_app() if sys.argv[1] == "empty" else gate_app(int(sys.argv[2]), Path(sys.argv[3]))
        )
    )
