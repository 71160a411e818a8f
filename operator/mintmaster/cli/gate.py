"""`mintmaster gate`: run a gate from a shell or as a container's command."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import Annotated

import typer
import uvloop

from mintmaster.cli.options import (  # noqa: TC001 - typer reads the annotations
    Namespaces,
    TracingOption,
    scope,
)
from mintmaster.gate.process import Process
from mintmaster.gate.settings import Settings
from mintmaster.kube import config
from mintmaster.kube.trace_sending import opened
from mintmaster.operator.logs import LogFormat, configure


def gate(  # noqa: PLR0913 - the options of the command
    *,
    listen: Annotated[
        str,
        typer.Option(
            envvar="MINTMASTER_LISTEN", help="HOST:PORT to serve at; port 0 takes a free one."
        ),
    ] = "127.0.0.1:8080",
    tls_cert: Annotated[
        Path | None,
        typer.Option(help="PEM file of the certificate; it is read again when it changes."),
    ] = None,
    tls_key: Annotated[Path | None, typer.Option(help="PEM file of its key.")] = None,
    insecure_http: Annotated[
        bool,
        typer.Option(help="Speak plain HTTP on any address: something in front must end TLS."),
    ] = False,
    signing_keys: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder with the private keys of gate-signed issuers, KID.pem each, or with a folder of them per"
            " issuer: the Secrets mintmaster-issuer-NAME, mounted. They are read again when they change.",
        ),
    ] = None,
    namespace: Annotated[
        str,
        typer.Option(
            envvar="MINTMASTER_NAMESPACE",
            help="The operator's namespace: administrators' tokens live there.",
        ),
    ] = "mintmaster-system",
    namespaces: Namespaces = "",
    kubeconfig: Annotated[
        str | None,
        typer.Option(
            help="Path of a kubeconfig; by default KUBECONFIG, then the pod's service account, then ~/.kube/config."
        ),
    ] = None,
    context: Annotated[str | None, typer.Option(help="Context of the kubeconfig.")] = None,
    log_format: Annotated[
        LogFormat, typer.Option(envvar="MINTMASTER_LOG_FORMAT", help="How log lines look.")
    ] = LogFormat.JSON,
    log_level: Annotated[
        str, typer.Option(envvar="MINTMASTER_LOG_LEVEL", help="DEBUG, INFO, WARNING or ERROR.")
    ] = "INFO",
    tracing: TracingOption = False,
) -> None:
    """Run a gate: it says which tokens are active. Any number of them can run.

    Example: KUBECONFIG=$(mintmaster cluster kubeconfig) mintmaster gate --listen 127.0.0.1:8080
    """
    try:
        configure(log_level, log_format)
    except ValueError:
        raise typer.BadParameter(f"unknown level {log_level!r}", param_hint="--log-level") from None
    settings = Settings(
        listen=listen,
        namespace=namespace,
        scope=scope(namespaces, namespace),
        tls_cert=tls_cert,
        tls_key=tls_key,
        signing_keys=signing_keys,
        insecure_http=insecure_http,
    )
    connection = config.load(kubeconfig, context)
    with opened("mintmaster-gate", asked=tracing) as traces:
        uvloop.run(_run(Process(connection, settings, tracing=traces)))


async def _run(process: Process) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await process.run(stop)
