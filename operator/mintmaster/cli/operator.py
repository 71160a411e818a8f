"""`mintmaster operator`: run the operator from a shell or as a container's command."""

from __future__ import annotations

import asyncio
import signal
from typing import Annotated

import typer

from mintmaster.kube import config
from mintmaster.operator.logs import LogFormat, configure
from mintmaster.operator.process import Process
from mintmaster.operator.settings import Settings


def operator(  # noqa: PLR0913 - the options of the command
    *,
    namespace: Annotated[
        str,
        typer.Option(
            envvar="MINTMASTER_NAMESPACE",
            help="Namespace of the operator's Lease and of the issuers' keys.",
        ),
    ] = "mintmaster-system",
    listen: Annotated[
        str,
        typer.Option(
            envvar="MINTMASTER_LISTEN",
            help="HOST:PORT of probes and metrics; port 0 takes a free one.",
        ),
    ] = "127.0.0.1:8081",
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
    resource_metrics: Annotated[
        bool,
        typer.Option(help="Show renewal and expiry of each resource; switch off past 10,000."),
    ] = True,
) -> None:
    """Run the operator: it leads if it gets the Lease, and stands by if it does not.

    Example: KUBECONFIG=$(mintmaster cluster kubeconfig) mintmaster operator --log-format text
    """
    try:
        configure(log_level, log_format)
    except ValueError:
        raise typer.BadParameter(f"unknown level {log_level!r}", param_hint="--log-level") from None
    connection = config.load(kubeconfig, context)
    settings = Settings(namespace=namespace, listen=listen, resource_metrics=resource_metrics)
    asyncio.run(_run(Process(connection, settings)))


async def _run(process: Process) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def take_signals() -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)

    take_signals()
    # kopf puts handlers of its own in their place when it starts; they would not wait for our writes.
    await process.run(stop, on_start=take_signals)
