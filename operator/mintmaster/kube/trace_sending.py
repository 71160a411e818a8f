"""Whether traces are asked for, and their sending (OpenTelemetry: general SDK configuration).

Off by default: then nothing of OpenTelemetry is imported.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mintmaster.kube.tracing import UNTRACED

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mintmaster.kube.tracing import Tracing

__all__ = ["TracingUnavailable", "is_wanted", "opened"]

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_SPOKEN = "http/protobuf"


class TracingUnavailable(ValueError):
    """Traces are asked for that cannot be sent; the text says what is missing."""


def is_wanted(environment: Mapping[str, str]) -> bool:
    """Whether the environment asks for traces, by the variables of the OpenTelemetry specification."""
    if environment.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    exporter = environment.get("OTEL_TRACES_EXPORTER", "")
    if exporter:
        return exporter == "otlp"
    return any(environment.get(name) for name in _ENDPOINTS)


@contextmanager
def opened(
    service: str, *, asked: bool, environment: Mapping[str, str] = os.environ
) -> Iterator[Tracing]:
    """Have traces of a service sent for the length of the block, if they are wanted; the last ones at its end.

    Raises TracingUnavailable where OpenTelemetry is not installed, or another protocol than OTLP over HTTP is wanted.
    """
    if not asked and not is_wanted(environment):
        yield UNTRACED
        return
    for name in _PROTOCOLS:
        if environment.get(name, _SPOKEN) != _SPOKEN:
            raise TracingUnavailable(f"{name}: only {_SPOKEN} is spoken")
    try:
        from mintmaster.kube import opentelemetry  # noqa: PLC0415 - only for those who ask for it
    except ImportError:
        raise TracingUnavailable(
            "traces need OpenTelemetry: pip install 'mintmaster[tracing]'"
        ) from None
    with opentelemetry.sending(service, environment) as traced:
        yield traced
