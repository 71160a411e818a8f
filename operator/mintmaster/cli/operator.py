"""`mintmaster operator`: run the operator from a shell or as a container's command."""

import asyncio
import signal
from datetime import timedelta
from enum import StrEnum
from typing import Annotated

import typer
import uvloop

from mintmaster.cli.options import (
    OPERATOR_NAMESPACE,
    Context,
    Kubeconfig,
    Namespaces,
    OperatorNamespace,
    TracingOption,
    duration,
    scope,
)
from mintmaster.kube import config
from mintmaster.kube.trace_sending import opened
from mintmaster.lifecycle.shard import parse
from mintmaster.operator.logs import LogFormat, configure
from mintmaster.operator.process import Process
from mintmaster.operator.settings import (
    SECRETS_INTERVAL,
    LeaseSettings,
    SecretSettings,
    Settings,
)

SHORTEST_INTERVAL = timedelta(seconds=10)
"""Between two looks at the same Secret: below that, reading them all costs more than a watch."""

LEASE_DURATION = timedelta(seconds=LeaseSettings().duration)

SHORTEST_LEASE = timedelta(seconds=10)
"""A leader that ends in order takes up to 8 seconds to finish what it began."""


class SecretsMode(StrEnum):
    """How it is noticed that somebody touched a Secret."""

    WATCHED = "watched"
    BY_NAME = "by-name"


def operator(  # noqa: PLR0913 - the options of the command
    *,
    namespace: OperatorNamespace = OPERATOR_NAMESPACE,
    listen: Annotated[
        str,
        typer.Option(
            envvar="MINTMASTER_LISTEN",
            help="HOST:PORT of probes and metrics; port 0 takes a free one.",
        ),
    ] = "127.0.0.1:8081",
    shard: Annotated[
        str,
        typer.Option(
            envvar="MINTMASTER_SHARD",
            metavar="NUMBER/COUNT",
            help="Work on one of several shares of the namespaces, such as 2/3; any/3 takes one that nobody leads.",
        ),
    ] = "1/1",
    namespaces: Namespaces = "",
    secrets: Annotated[
        SecretsMode,
        typer.Option(
            envvar="MINTMASTER_SECRETS",
            help="How to notice that a Secret was deleted or edited: watched takes rights to list and watch Secrets,"
            " by-name only to get them; each of ours is then read in turn.",
        ),
    ] = SecretsMode.WATCHED,
    secrets_interval: Annotated[
        timedelta,
        typer.Option(
            envvar="MINTMASTER_SECRETS_INTERVAL",
            parser=duration,
            metavar="DURATION",
            help="With --secrets by-name: how often each Secret is read, and so how long one stays deleted or edited.",
            show_default="10m",
        ),
    ] = SECRETS_INTERVAL,
    lease_duration: Annotated[
        timedelta,
        typer.Option(
            envvar="MINTMASTER_LEASE_DURATION",
            parser=duration,
            metavar="DURATION",
            help="How long others wait for a leader that is gone. It ends itself after two thirds of that without the"
            " API server: allow for the time in which that starts again.",
            show_default="15s",
        ),
    ] = LEASE_DURATION,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
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
    tracing: TracingOption = False,
) -> None:
    """Run the operator: it leads if it gets the Lease, and stands by if it does not.

    Example: KUBECONFIG=$(mintmaster cluster kubeconfig) mintmaster operator --log-format text
    """
    try:
        configure(log_level, log_format)
    except ValueError:
        raise typer.BadParameter(f"unknown level {log_level!r}", param_hint="--log-level") from None
    try:
        shards = parse(shard)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--shard") from None
    if secrets_interval < SHORTEST_INTERVAL:
        raise typer.BadParameter("must be 10s or more", param_hint="--secrets-interval")
    if lease_duration < SHORTEST_LEASE:
        raise typer.BadParameter("must be 10s or more", param_hint="--lease-duration")
    settings = Settings(
        namespace=namespace,
        listen=listen,
        resource_metrics=resource_metrics,
        shards=shards,
        scope=scope(namespaces, namespace),
        secrets=SecretSettings(watched=secrets is SecretsMode.WATCHED, interval=secrets_interval),
        lease=LeaseSettings.lasting(lease_duration),
    )
    connection = config.load(kubeconfig, context)
    with opened("mintmaster-operator", asked=tracing) as traces:
        uvloop.run(_run(Process(connection, settings, tracing=traces)))


async def _run(process: Process) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def take_signals() -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)

    take_signals()
    # kopf puts handlers of its own in their place when it starts; they would not wait for our writes.
    await process.run(stop, on_start=take_signals)
