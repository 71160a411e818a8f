"""Free TCP ports of the loopback interface that stay free while a component restarts."""

import contextlib
import random
import socket
from pathlib import Path

LOWEST = 20000
"""Below are the ports that services are known by."""

LOOPBACK = "127.0.0.1"


def free(count: int) -> list[int]:
    """Choose that many different ports, which nobody listens on now.

    They lie below those that the kernel gives to outgoing connections, where it can: a
    component that starts again finds its port as it left it.
    """
    chosen: list[int] = []
    with contextlib.ExitStack() as held:
        while len(chosen) < count:
            port = random.randrange(LOWEST, _first_ephemeral())  # noqa: S311 - nothing is secret
            listener = held.enter_context(socket.socket())
            with contextlib.suppress(OSError):
                listener.bind((LOOPBACK, port))
                chosen.append(port)
    return chosen


def _first_ephemeral() -> int:
    text = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text()
    first = int(text.split()[0])
    # Where the kernel was given nearly all ports there is nothing below to choose from.
    return first if first > LOWEST + 1000 else 65536
